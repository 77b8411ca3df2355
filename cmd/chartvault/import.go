package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/ingest/legacy"
	"chartvault/record"
)

// importing is an import on its way.
type importing struct {
	*app
	who record.Actor
	p   importParams
	say func(legacy.Problem) error // of a line that is not taken; nil for rejects below

	confined bool        // to its folder, wherever links lead: what people import from the pages
	began    bool        // the index could be read
	halted   atomic.Bool // nothing further is taken in hand

	kept *disposition.Extensions // as they were when it began

	mu      sync.Mutex
	sum     importSum
	rejects []legacy.Problem // that are kept
}

func (a *app) opImport(ctx context.Context, r asked, out func(any) error) error {
	var p importParams
	if err := r.params(&p); err != nil {
		return err
	}
	m := a.newImport(r.Actor, p, func(q legacy.Problem) error { return out(importLine{Problem: &q}) })
	if err := m.run(ctx); err != nil {
		return err
	}
	if err := out(importLine{Sum: &m.sum}); err != nil {
		return err
	}
	if m.sum.Rejected > 0 {
		return fmt.Errorf("%d lines were not taken: %w", m.sum.Rejected, record.ErrInvalid)
	}
	return nil
}

func (a *app) newImport(who record.Actor, p importParams, say func(legacy.Problem) error) *importing {
	return &importing{app: a, who: who, p: p, say: say, sum: importSum{Types: map[string]int{}, Dry: p.Dry}}
}

// soFar is what an import has done until now.
func (m *importing) soFar() importSum {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sum
	s.Types = maps.Clone(s.Types)
	return s
}

// run carries an import out; what it did and did not is in its sum.
func (m *importing) run(ctx context.Context) error {
	items, bad, err := m.read()
	if err != nil {
		return err
	}
	m.began = true
	m.mu.Lock()
	m.sum.Lines = len(items) + len(bad)
	m.mu.Unlock()
	for _, b := range bad {
		if err := m.reject(b); err != nil {
			return err
		}
	}
	held := matters(items, bad)
	if items, err = m.look(ctx, items); err != nil {
		return err
	}
	if m.p.Dry || m.halted.Load() {
		return nil
	}
	if err := m.hold(ctx, held); err != nil {
		return err
	}
	if m.kept, err = m.desk.Extensions(ctx); err != nil {
		return err
	}
	return m.take(ctx, items)
}

// read reads the index.
func (m *importing) read() ([]legacy.Item, []legacy.Problem, error) {
	if err := m.p.Map.Check(); err != nil {
		return nil, nil, err
	}
	if st, err := os.Stat(m.p.Root); err != nil || !st.IsDir() {
		return nil, nil, fmt.Errorf("import: %w: the export is not a folder", record.ErrInvalid)
	}
	if m.p.Pattern != "" {
		return legacy.Walk(os.DirFS(m.p.Root), m.p.Pattern)
	}
	read, name := legacy.ReadCSV, m.p.CSV
	if m.p.DIP != "" {
		read, name = legacy.ReadDIP, m.p.DIP
	}
	var f *os.File
	var err error
	if m.confined {
		f, _, err = ingest.OpenSource(name)
	} else if f, err = os.Open(name); err != nil {
		err = errors.Unwrap(err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("import: index: %w: %w", record.ErrNotFound, err)
	}
	defer f.Close() // read-only
	return read(io.Reader(f), m.p.Map)
}

func (m *importing) reject(p legacy.Problem) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Rejected++
	if m.say != nil {
		return m.say(p)
	}
	if len(m.rejects) < mostRejects {
		p.File = p.File[:min(len(p.File), longReject)]
		m.rejects = append(m.rejects, p)
	}
	return nil
}

// look finds out what the files of items are, and which charts and matters they
// are of. An item without its file is rejected.
func (m *importing) look(ctx context.Context, items []legacy.Item) ([]legacy.Item, error) {
	root, err := filepath.EvalSymlinks(m.p.Root)
	if err != nil {
		return nil, fmt.Errorf("import: %w: the export is not a folder", record.ErrInvalid)
	}
	charts, matters := map[string]bool{}, map[string]bool{}
	var out []legacy.Item
	first := map[string]int{} // line that named a file
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if m.halted.Load() {
			return nil, nil
		}
		if n := first[it.File]; n > 0 {
			if err := m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: fmt.Sprintf("line %d names the same file", n)}); err != nil {
				return nil, err
			}
			continue
		}
		first[it.File] = it.Line
		n, err := m.pipeline.Sheets.Number(it.Chart.Reveal())
		if err != nil {
			if err := m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "the chart number does not fit this site's numbers"}); err != nil {
				return nil, err
			}
			continue
		}
		it.Chart = n
		if m.confined && !below(root, filepath.Join(root, filepath.FromSlash(it.File))) {
			if err := m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "it is not in the folder"}); err != nil {
				return nil, err
			}
			continue
		}
		f, st, err := ingest.OpenSource(filepath.Join(m.p.Root, filepath.FromSlash(it.File)))
		if err != nil {
			if err := m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "its file cannot be opened: " + err.Error()}); err != nil {
				return nil, err
			}
			continue
		}
		f.Close() // read-only
		out = append(out, it)
		charts[it.Chart.Canonical()] = true
		if it.Hold != "" {
			matters[it.Hold] = true
		}
		m.count(it, st.Size())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Charts = len(charts)
	if m.p.Dry {
		m.sum.Holds = len(matters)
	}
	return out, nil
}

// below reports whether the folder of a file lies in another one, wherever links
// lead.
func below(root, file string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(root, dir)
	return err == nil && filepath.IsLocal(rel)
}

// count counts an item that can be taken.
func (m *importing) count(it legacy.Item, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Bytes += size
	m.sum.Types[it.Type]++
	if !m.p.Dry {
		return
	}
	m.sum.Taken++
	if !it.Keep.IsZero() {
		m.sum.Extended++
	}
}

// matter is a hold of the other system on a chart.
type matter struct {
	name  string
	chart record.ChartNumber
}

// matters lists the holds of every line that names a chart, also of those whose
// file cannot be taken: the chart's other papers are held all the same.
func matters(items []legacy.Item, bad []legacy.Problem) (out []matter) {
	for _, it := range items {
		if it.Hold != "" {
			out = append(out, matter{it.Hold, it.Chart})
		}
	}
	for _, p := range bad {
		if p.Hold != "" && !p.Chart.IsZero() {
			out = append(out, matter{p.Hold, p.Chart})
		}
	}
	return out
}

// hold carries holds over, a hold a matter, before any file is taken in. What
// an earlier run placed is not placed again.
func (m *importing) hold(ctx context.Context, held []matter) error {
	reason := "carried over from " + m.p.From
	charts := map[string][]record.ChartNumber{}
	var order []string
	for _, h := range held {
		if charts[h.name] == nil {
			order = append(order, h.name)
		}
		charts[h.name] = append(charts[h.name], h.chart)
	}
	placed := map[string]map[string]bool{}
	if err := m.desk.Holds(ctx, false, func(b disposition.HoldBody) error {
		if b.Reason == reason {
			if placed[b.Matter] == nil {
				placed[b.Matter] = map[string]bool{}
			}
			for _, c := range b.Scope.Charts {
				placed[b.Matter][string(c)] = true
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, matter := range order {
		h := record.Hold{Kind: record.HoldLegal, Matter: matter, Reason: reason}
		var numbers []string
		seen := map[string]bool{}
		for _, n := range charts[matter] {
			t := string(m.cat.ChartToken(n))
			if !seen[t] && !placed[matter][t] {
				seen[t] = true
				h.Scope.Charts = append(h.Scope.Charts, []byte(t))
				numbers = append(numbers, n.Reveal())
			}
		}
		if len(numbers) == 0 {
			continue
		}
		h.Scope.Charts = m.relatives.Load().all(h.Scope.Charts)
		if _, err := m.desk.PlaceHold(ctx, m.who, h, numbers); err != nil {
			return err
		}
		m.mu.Lock()
		m.sum.Holds++
		m.mu.Unlock()
	}
	return nil
}

// take takes the files in, several at once.
func (m *importing) take(ctx context.Context, items []legacy.Item) error {
	for _, it := range items {
		if isPDF(filepath.Join(m.p.Root, filepath.FromSlash(it.File))) {
			if err := m.cfg.warm(); err != nil {
				return err
			}
			break
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2*m.pool.Size() + 1)
	for _, it := range items {
		if m.halted.Load() || gctx.Err() != nil {
			break
		}
		g.Go(func() error { return m.takeOne(gctx, it) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := m.feed(ctx); err != nil && !finding(err) { // what is damaged elsewhere is said elsewhere
		return err
	}
	return nil
}

func (m *importing) takeOne(ctx context.Context, it legacy.Item) error {
	f, _, err := ingest.OpenSource(filepath.Join(m.p.Root, filepath.FromSlash(it.File)))
	if err != nil {
		return m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "its file cannot be opened: " + err.Error()})
	}
	defer f.Close() // read-only
	res, err := m.pipeline.IngestAs(ctx, f, record.NewPrivate(filepath.Base(it.File)), &ingest.Preset{Chart: it.Chart, Type: it.Type, Service: it.Service, Facility: it.Place})
	switch {
	case err != nil && (refused(err) || errors.Is(err, ingest.ErrSource) || errors.Is(err, record.ErrBusy)) && ctx.Err() == nil:
		return m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: err.Error()})
	case err != nil:
		return err
	case res.State == record.BatchUnread:
		return m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "kept whole in batch " + res.ID.String() + ", no page could be read: " + whyUnread(res.Why)})
	}
	rows, err := m.cat.OfBatch(ctx, res.ID)
	if err != nil {
		return err
	}
	if !m.same(it, rows) {
		// Taken in before, or begun by a run that was interrupted, under what the index said then.
		return m.reject(legacy.Problem{Line: it.Line, File: it.File, Why: "the same file, byte by byte, is batch " + res.ID.String() + ", filed under another chart: assign it if that is wrong"})
	}
	for _, row := range rows {
		if err := m.keep(ctx, it, row.ID); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if res.Duplicate {
		m.sum.Before++
		return nil
	}
	m.sum.Taken++
	if res.Counts.QA > 0 {
		m.sum.QA++
	}
	return nil
}

// same reports whether the documents of a batch that was taken in before are
// what an item says: under its chart, or waiting in QA, or corrected since.
func (m *importing) same(it legacy.Item, rows []catalog.Row) bool {
	token := m.cat.ChartToken(it.Chart)
	for _, r := range rows {
		if len(r.ChartToken) == 0 || bytes.Equal(r.ChartToken, token) {
			return true
		}
	}
	return len(rows) == 0
}

// keep keeps a document until the other system's date at least.
func (m *importing) keep(ctx context.Context, it legacy.Item, id record.ID) error {
	if it.Keep.IsZero() {
		return nil
	}
	if !it.Keep.After(m.kept.Until(id, "")) {
		return nil
	}
	if _, err := m.desk.Extend(ctx, m.who, disposition.Extension{Document: id, Until: it.Keep, Reason: "carried over from " + m.p.From}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Extended++
	return nil
}
