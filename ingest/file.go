package ingest

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"

	"chartvault/archive"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/fields"
	"chartvault/ocr"
	"chartvault/record"
)

// file seals and stores every document of the split, then the rest, then ends
// the batch.
func (j *job) file(ctx context.Context, s *splitting) error {
	var docs []catalog.Keyed
	whole := false // the source itself must be kept: some of its pages fit no PDF
	for i, d := range s.Documents {
		k, complete, err := j.deposit(ctx, s, d)
		if err != nil {
			return err
		}
		whole = whole || !complete
		docs = append(docs, k)
		j.progress(j.batch.ID, record.BatchSplit, i+1, len(s.Documents))
	}
	m := j.manifest(record.BatchFiled)
	for _, p := range s.Pages {
		bp := seal.BatchPage{Placement: p.Placement}
		if p.Document >= 0 {
			bp.Document = s.Documents[p.Document].ID
		}
		m.Pages = append(m.Pages, bp)
	}
	if err := j.depositRest(ctx, m, s.rest(), whole); err != nil {
		return err
	}
	return j.finish(ctx, record.BatchFiled, docs)
}

// deposit stores one document. complete is false when some page of it could
// not be put into its PDF.
func (j *job) deposit(ctx context.Context, s *splitting, d segment) (_ catalog.Keyed, complete bool, err error) {
	m := seal.Manifest{
		ID: d.ID, Batch: j.batch.ID, Chart: d.Chart, Type: d.Type, Facility: j.facility(),
		FiledAt: j.batch.ReceivedAt, State: d.state(), Doubts: s.doubts(d),
	}
	if err := describe(&m, d.Index); err != nil {
		return catalog.Keyed{}, false, err
	}
	for _, n := range d.Pages {
		p, err := j.readPage(ctx, n)
		if err != nil {
			return catalog.Keyed{}, false, err
		}
		text, err := json.Marshal(p.Page.Text)
		if err != nil {
			return catalog.Keyed{}, false, err
		}
		mp := seal.Page{Source: n, Text: text}
		if x := s.Pages[n-1].Doubt; x != "" {
			mp.Doubts = []record.Doubt{x}
		}
		m.Pages = append(m.Pages, mp)
	}
	stored, complete, err := j.store(ctx, m, d.Pages)
	if err != nil {
		return catalog.Keyed{}, false, err
	}
	if err := j.Archive.Note(ctx, audit.ActDocumentFiled, stored.Key, map[string]any{
		"actor": record.Daemon, "batch": j.batch.ID, "pages": len(d.Pages), "state": m.State,
	}); err != nil {
		return catalog.Keyed{}, false, err
	}
	k, err := Row(stored.Manifest, stored.Key)
	return k, complete, err
}

// describe puts what is known of a document into its manifest: every value with
// where it came from, and as the date of service what was surely read.
func describe(m *seal.Manifest, x fields.Index) (err error) {
	if m.Index, err = json.Marshal(x); err != nil {
		return err
	}
	if x.Service.Confidence < fields.SureWord || fields.Vague(x.Service.Label) {
		return nil
	}
	m.ServiceDate, err = record.ParseDate(x.Service.Text)
	return err
}

// Row makes a document's catalogue row from its manifest. Filing and rebuilding
// both come through here.
func Row(m *seal.Manifest, key interface{ RowKey() ([]byte, error) }) (catalog.Keyed, error) {
	d := record.Document{
		ID: m.ID, Version: m.Version, Batch: m.Batch, Type: m.Type, ServiceDate: m.ServiceDate, FiledAt: m.FiledAt,
		State: m.State, Doubts: m.Doubts, Pages: len(m.Pages), Bytes: m.Package.Size,
	}
	if m.Chart != "" {
		n, err := record.ParseChartNumber(m.Chart)
		if err != nil {
			return catalog.Keyed{}, fmt.Errorf("manifest of %s: %w", m.ID, err)
		}
		d.Chart = n
	}
	rk, err := key.RowKey()
	return catalog.Keyed{Document: d, Key: rk}, err
}

// store deposits a document: with every page in its PDF; where that fails with
// those that were read, or none, and all of them in the source's own format.
// complete is false when not even that could be had: the batch's rest must then
// keep the source.
func (j *job) store(ctx context.Context, m seal.Manifest, pages []int) (_ *archive.Stored, complete bool, err error) {
	good, err := j.readable(ctx, pages)
	if err != nil {
		return nil, false, err
	}
	for _, try := range []struct {
		in       []int // pages of the PDF
		original bool  // all pages in the source's own format as well
		complete bool
	}{{pages, false, true}, {good, true, true}, {nil, true, true}, {nil, false, false}} {
		var stored *archive.Stored
		stored, err = j.Archive.Deposit(ctx, m, func(zw *zip.Writer, m *seal.Manifest) error {
			return j.addDocument(ctx, zw, m, pages, try.in, try.original)
		})
		if err == nil {
			return stored, try.complete, nil
		}
		if !lost(err) || ctx.Err() != nil {
			return nil, false, err
		}
	}
	return nil, false, err
}

func (j *job) readable(ctx context.Context, pages []int) ([]int, error) {
	var good []int
	for _, n := range pages {
		p, err := j.readPage(ctx, n)
		if err != nil {
			return nil, err
		}
		if p.Unread == "" {
			good = append(good, n)
		}
	}
	return good, nil
}

// addDocument writes the members of a document's package: the PDF with the
// pages in, the previews of all pages, and the pages in their own format where
// the PDF recodes them.
func (j *job) addDocument(ctx context.Context, zw *zip.Writer, m *seal.Manifest, pages, in []int, original bool) error {
	exact := true
	if len(in) > 0 {
		var err error
		if exact, err = j.addPDF(ctx, zw, m, in); err != nil {
			return err
		}
	}
	for i, n := range pages {
		p, err := j.readPage(ctx, n)
		if err != nil {
			return err
		}
		if len(p.Page.Preview) == 0 {
			continue
		}
		w, err := seal.AddPart(zw, fmt.Sprintf("preview/%04d.png", i+1))
		if err != nil {
			return err
		}
		if _, err := w.Write(p.Page.Preview); err != nil {
			return err
		}
	}
	if exact && !original {
		return nil
	}
	return j.addOriginal(ctx, zw, pages)
}

// addPDF writes document.pdf and its hash.
func (j *job) addPDF(ctx context.Context, zw *zip.Writer, m *seal.Manifest, pages []int) (exact bool, err error) {
	w, err := seal.AddPart(zw, "document.pdf")
	if err != nil {
		return false, err
	}
	i, h := 0, sha256.New()
	doc, err := j.Reader.Document(ctx, j.src, func() (ocr.DocumentPage, error) {
		if i == len(pages) {
			return ocr.DocumentPage{}, io.EOF
		}
		n := pages[i]
		i++
		p, err := j.readPage(ctx, n)
		return ocr.DocumentPage{Number: n, Text: p.Page.Text}, err
	}, io.MultiWriter(w, h))
	if err != nil {
		return false, err
	}
	m.PDF = h.Sum(nil)
	return doc.Exact, nil
}

// addOriginal writes pages in the source's own format.
func (j *job) addOriginal(ctx context.Context, zw *zip.Writer, pages []int) error {
	w, err := seal.AddPart(zw, "source.original")
	if err != nil {
		return err
	}
	_, err = j.Reader.Original(ctx, j.src, pages, w)
	return err
}

// depositRest stores what is in no document with the batch's manifest: sheets
// and blank sides as one PDF, their pages in the source's own format where the
// PDF recodes them, or the whole source where some page could not be had alone.
func (j *job) depositRest(ctx context.Context, m seal.BatchManifest, rest []int, whole bool) error {
	if len(rest) == 0 && !whole {
		_, err := j.Archive.DepositBatch(ctx, m, nil)
		return err
	}
	if !whole {
		// Only the rest's own pages: the batch's identity outlives single
		// documents, whose pages must end with them.
		for _, pdf := range []bool{true, false} {
			_, err := j.Archive.DepositBatch(ctx, m, func(zw *zip.Writer) error {
				exact := false
				if pdf {
					var unused seal.Manifest
					var err error
					if exact, err = j.addPDF(ctx, zw, &unused, rest); err != nil {
						return err
					}
				}
				if exact {
					return nil
				}
				return j.addOriginal(ctx, zw, rest)
			})
			if !lost(err) {
				return err
			}
		}
	}
	_, err := j.Archive.DepositBatch(ctx, m, j.addSource)
	return err
}
