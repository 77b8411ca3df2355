package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/catalog"
	"chartvault/ingest/correct"
	"chartvault/record"
)

// TestQAActs: a document in quality is seen small, sent back and asked about no
// more until it is settled, and put together with the one before it; its batch says
// where each page is.
func TestQAActs(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	if err := (people{r.app}).PutUser(t.Context(), "os:test", accounts.User{Name: "b.clerk", Roles: []accounts.Role{accounts.Records}}); err != nil {
		t.Fatal(err)
	}
	do := func(op string, params, v any) error {
		return r.perform(t.Context(), op, request{Actor: "user:b.clerk", Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, v) })
	}
	paper, err := r.cat.Document(t.Context(), r.doc)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := r.cat.OfBatch(t.Context(), paper.Batch)
	if err != nil || len(beside) != 2 {
		t.Fatalf("got %d documents of the batch, %v, want 2", len(beside), err)
	}
	before := map[bool]int{}
	for _, row := range beside { // one lies before the other
		var s shownIndex
		if err := do("qa-show", qaShown{Document: row.ID}, &s); err != nil {
			t.Fatal(err)
		}
		before[s.Previous.IsZero()]++
		if !s.Previous.IsZero() && (s.Previous == row.ID || s.Previous != beside[0].ID && s.Previous != beside[1].ID) {
			t.Errorf("before %s: got %s", row.ID, s.Previous)
		}
	}
	if before[true] != 2 { // they are of two charts, and cannot be put together
		t.Errorf("documents that can be put together with the one before: got %v, want none", before)
	}
	// Of the two pages of one chart two documents, which lie beside each other.
	var c correctionLine
	if err := do("correct", correctParams{Act: correct.Split, Documents: []string{r.doc.String()}, Pages: []int{2}, Reason: "two visits"}, &c); err != nil || len(c.Results) != 2 {
		t.Fatalf("split: got %+v, %v", c, err)
	}
	waiting, err := r.cat.InState(t.Context(), record.DocumentQA)
	if err != nil || len(waiting) != 1 {
		t.Fatalf("got %d documents in quality, %v, want 1", len(waiting), err)
	}
	id := waiting[0].ID

	size := r.arch.Log.Size()
	var small thumbLine
	if err := do("thumbnails", thumbsParams{Document: id, Page: 1}, &small); err != nil {
		t.Fatal(err)
	}
	if im, err := png.Decode(bytes.NewReader(small.Image)); err != nil || im.Bounds().Dx() != thumbWidth || im.Bounds().Dy() < thumbWidth {
		t.Errorf("small: got %d bytes, %v", len(small.Image), err)
	}
	if n := r.arch.Log.Size() - size; n != 1 {
		t.Errorf("small pictures made %d entries of the log, want 1", n)
	}
	if err := do("thumbnails", thumbsParams{Document: c.Results[0].ID, Page: 1}, &small); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("small pictures of what is filed: got %v, want %v", err, record.ErrInvalid)
	}

	var made shownIndex
	if err := do("qa-show", qaShown{Document: c.Results[1].ID}, &made); err != nil || !made.Previous.IsZero() || made.Index.Chart.Text != oneChart {
		t.Errorf("what a correction made: got %+v, %v, want its chart, and nothing before it", made, err)
	}
	var l documentLine
	if err := do("qa-reject", rejectParams{Document: id, Reason: "no mood"}, &l); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("sent back for a reason of one's own: got %v, want %v", err, record.ErrInvalid)
	}
	if err := do("qa-reject", rejectParams{Document: c.Results[0].ID, Reason: "pages are missing"}, &l); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("what is filed is sent back: got %v, want %v", err, record.ErrInvalid)
	}
	if err := do("qa-reject", rejectParams{Document: id, Reason: "pages are missing"}, &l); err != nil || l.Rescan != "pages are missing" {
		t.Errorf("sent back: got %+v, %v", l, err)
	}
	listed := func() documentLine {
		t.Helper()
		var l documentLine
		if err := do("qa-list", part{Most: 5}, &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := listed(); l.Document != id.String() || l.Rescan != "pages are missing" {
		t.Errorf("listed: got %+v", l)
	}
	row, err := r.cat.Document(t.Context(), id)
	if err != nil || row.State != record.DocumentQA {
		t.Errorf("it is %s, %v, and was to stay where it is", row.State, err)
	}
	// Turned, it is to be scanned again still, and known what was known of it.
	if err := do("correct", correctParams{Act: correct.Rotate, Documents: []string{id.String()}, Pages: []int{1}, Turn: 90, Reason: "it lay on its side"}, &c); err != nil || len(c.Results) != 1 {
		t.Fatalf("turned: got %+v, %v", c, err)
	}
	id = c.Results[0].ID
	if l := listed(); l.Document != id.String() || l.Rescan != "pages are missing" {
		t.Errorf("listed, turned: got %+v", l)
	}
	if again, err := r.rescans(t.Context()); err != nil || len(again) != 1 {
		t.Errorf("turned: got %v, %v, want one to be scanned again", again, err)
	}
	if err := do("qa-assign", assignment{Document: id, Chart: "9237654", Type: "LETTER"}, &l); err != nil {
		t.Fatal(err)
	}
	if again, err := r.rescans(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("settled: got %v, %v, want nothing to be scanned again", again, err)
	}

	// Its batch accounts for every page, whatever became of it.
	var b batchView
	if err := do("batch-show", batchID{ID: row.Batch}, &b); err != nil || len(b.Places) != b.PagesIn || len(b.Documents) != 2 {
		t.Errorf("its batch: got %+v, %v", b, err)
	}
	first, err := r.cat.Document(t.Context(), r.doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := do("batch-show", batchID{ID: first.Batch}, &b); err != nil || len(b.Places) != b.PagesIn || len(b.Documents) < 3 {
		t.Errorf("the batch of what was split: got %d places of %d pages, %d documents, %v", len(b.Places), b.PagesIn, len(b.Documents), err)
	}
	var missing record.ID
	if err := do("batch-show", batchID{ID: missing}, &b); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("no batch: got %v, want %v", err, record.ErrNotFound)
	}
	if n := r.inClear("pages are missing"); n != "" && !strings.HasSuffix(n, ".test") {
		t.Errorf("why it is sent back stands in clear in %s", n)
	}
}

// TestBatchMarks: a batch is one person's at a time, and urgent or not, until
// nothing of it waits any more; and all of it that waits is sent back at once.
func TestBatchMarks(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	waiting, err := r.cat.InState(t.Context(), record.DocumentQA)
	if err != nil || len(waiting) != 1 {
		t.Fatalf("got %d documents in quality, %v, want 1", len(waiting), err)
	}
	batch := waiting[0].Batch
	var got []batchLine
	do := func(who record.Actor, op string, params any) error {
		got = nil
		return r.perform(t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error {
			var l batchLine
			err := json.Unmarshal(b, &l)
			got = append(got, l)
			return err
		})
	}
	mark := func(who record.Actor, act string) error { return do(who, "batch-mark", batchActParams{batch, act}) }
	list := func(who record.Actor, only string) []batchLine {
		t.Helper()
		if err := do(who, "batches", batchesWanted{part: part{Most: 9}, Only: only}); err != nil {
			t.Fatalf("batches %q: %v", only, err)
		}
		return got
	}
	const a, b record.Actor = "user:a.clerk", "user:b.clerk"
	user := func(name string, role accounts.Role, disabled bool) {
		t.Helper()
		if err := (people{r.app}).PutUser(t.Context(), "os:test", accounts.User{Name: name, Roles: []accounts.Role{role}, Disabled: disabled}); err != nil {
			t.Fatal(err)
		}
	}
	user("a.clerk", accounts.Records, false)
	user("b.clerk", accounts.Records, false)
	user("c.scan", accounts.Scan, false)
	for _, step := range []struct {
		who    record.Actor
		act    string
		want   error
		keeper string
		urgent bool
	}{
		{a, "burn", record.ErrInvalid, "", false},
		{"os:test", batchTake, record.ErrInvalid, "", false},
		{"user:c.scan", batchTake, record.ErrDenied, "", false},
		{a, batchUrgent, nil, "", true},
		{a, batchTake, nil, "a.clerk", true},
		{b, batchTake, record.ErrBusy, "a.clerk", true},
		{a, batchUsual, nil, "a.clerk", false},
		{b, batchLeave, nil, "", false},
		{b, batchTake, nil, "b.clerk", false},
		{a, batchUrgent, nil, "b.clerk", true},
	} {
		if err := mark(step.who, step.act); !errors.Is(err, step.want) {
			t.Errorf("%s, %s: got %v, want %v", step.who, step.act, err, step.want)
		}
		all := list(a, "waiting")
		if len(all) != 1 || all[0].Keeper != step.keeper || all[0].Urgent != step.urgent || all[0].Waits != 1 {
			t.Errorf("%s, %s: got %+v, want keeper %q, urgent %t, one waiting", step.who, step.act, all, step.keeper, step.urgent)
		}
		if mine := list("user:"+record.Actor(step.keeper), "mine"); step.keeper != "" && (len(mine) != 1 || mine[0].ID != batch.String()) {
			t.Errorf("%s, %s: %s has %+v in hand", step.who, step.act, step.keeper, mine)
		}
		if hot := list(a, "urgent"); len(hot) == 1 != step.urgent {
			t.Errorf("%s, %s: urgent are %+v", step.who, step.act, hot)
		}
	}
	user("b.clerk", accounts.Records, true)
	if all := list(a, "waiting"); all[0].Keeper != "" {
		t.Errorf("whoever is shut out has it in hand still: %+v", all)
	}
	user("b.clerk", accounts.Records, false)
	if err := do(a, "batches", batchesWanted{Only: "waiting"}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("by what waits, whole: got %v, want %v", err, record.ErrInvalid)
	}
	if err := do(a, "batch-reject", batchRejectParams{batch, "pages are missing"}); !errors.Is(err, record.ErrBusy) {
		t.Errorf("while somebody else has it in hand: got %v, want %v", err, record.ErrBusy)
	}
	if err := do(a, "batches", batchesWanted{part: part{Most: 9}, Only: "state"}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("by what there is not: got %v, want %v", err, record.ErrInvalid)
	}
	var l documentLine
	one := func(op string, params any) error {
		l = documentLine{}
		return r.perform(t.Context(), op, request{Actor: b, Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, &l) })
	}
	if err := one("qa-list", waitingWanted{Batch: batch}); err != nil || l.Document != waiting[0].ID.String() || l.Keeper != "b.clerk" || !l.Urgent {
		t.Errorf("of the batch: got %+v, %v", l, err)
	}
	if err := one("qa-list", waitingWanted{part: part{Most: 3}, Batch: r.doc}); err != nil || l.Document != "" {
		t.Errorf("of no batch: got %+v, %v", l, err)
	}
	if err := one("batch-reject", batchRejectParams{batch, "no mood"}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("for a reason of one's own: got %v, want %v", err, record.ErrInvalid)
	}
	if err := one("batch-reject", batchRejectParams{batch, "pages are missing"}); err != nil || l.Rescan != "pages are missing" {
		t.Errorf("sent back: got %+v, %v", l, err)
	}
	depositQA(t, r.app, 1) // another batch
	if err := one("qa-assign", assignment{Document: waiting[0].ID, Chart: "9237654", Type: "LETTER"}); err != nil {
		t.Fatal(err)
	}
	if ms, err := r.marks(t.Context()); err != nil || len(ms) != 0 {
		t.Errorf("nothing of it waits: got %+v, %v, want no mark", ms, err)
	}
	if err := mark(a, batchTake); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("nothing of it waits, and it is taken: got %v, want %v", err, record.ErrInvalid)
	}
	// What a correction takes out of quality ends it as well; what is forgotten is no
	// batch in hand.
	rows, err := r.cat.InState(t.Context(), record.DocumentQA)
	if err != nil || len(rows) != 1 {
		t.Fatal(len(rows), err)
	}
	batch = rows[0].Batch
	if err := mark(a, batchTake); err != nil {
		t.Fatal(err)
	}
	if err := one("correct", correctParams{Act: correct.Move, Documents: []string{rows[0].ID.String()}, Pages: []int{1}, Chart: "9237654", Type: "LETTER", Reason: "another chart"}); err != nil {
		t.Fatal(err)
	}
	if ms, err := r.marks(t.Context()); err != nil || len(ms) != 0 {
		t.Errorf("moved elsewhere: got %+v, %v, want no mark", ms, err)
	}
	gone := batchMark{Batch: r.doc.String(), Urgent: true}
	if err := r.putMark(t.Context(), a, gone); err != nil {
		t.Fatal(err)
	}
	if hot := list(a, "urgent"); len(hot) != 0 {
		t.Errorf("a batch that was forgotten is urgent: %+v", hot)
	}
	batch = r.doc
	if err := mark(a, batchUsual); err != nil {
		t.Errorf("it cannot be ended: %v", err)
	}
	batch = rows[0].Batch
	if err := one("batch-reject", batchRejectParams{batch, "pages are missing"}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("nothing waits: got %v, want %v", err, record.ErrInvalid)
	}
}

// TestMergeBatches: what one scanner gave as the first of a batch can be put together
// with the last of the batch before, and both batches account for their pages after.
func TestMergeBatches(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	var made []catalog.Row
	for range 2 {
		depositQA(t, r.app, 1)
		rows, err := r.cat.InState(t.Context(), record.DocumentQA)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, slices.MaxFunc(rows, func(x, y catalog.Row) int { return x.FiledAt.Compare(y.FiledAt) }))
	}
	do := func(op string, params, v any) {
		t.Helper()
		if err := r.perform(t.Context(), op, request{Actor: "user:b.clerk", Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, v) }); err != nil {
			t.Fatalf("%s: %v", op, err)
		}
	}
	var s shownIndex
	do("qa-show", qaShown{Document: made[1].ID}, &s)
	if s.Previous != made[0].ID {
		t.Fatalf("before it: got %s, want %s of the batch before", s.Previous, made[0].ID)
	}
	var c correctionLine
	// While what has its pages waits, the paper of neither batch may go.
	paper := func() (out []string) {
		t.Helper()
		sh, err := r.shelf(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range made {
			b, err := r.cat.Batch(t.Context(), row.Batch)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sh.look(t.Context(), b, record.DateOf(time.Now().AddDate(1, 0, 0)))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, strings.Join(s.Missing, "; "))
		}
		return out
	}
	do("correct", correctParams{Act: correct.Merge, Documents: []string{s.Previous.String(), made[1].ID.String()}, Reason: "two scans"}, &c)
	if len(c.Results) != 1 || c.Results[0].Pages != 2 {
		t.Fatalf("together: got %+v, want one document of two pages", c.Results)
	}
	for i, why := range paper() {
		if !strings.Contains(why, "waits in QA") {
			t.Errorf("batch %d: its paper is kept for %q, want that a document waits", i, why)
		}
	}
	var settled documentLine
	do("qa-assign", assignment{Document: c.Results[0].ID, Chart: oneChart, Type: "LETTER"}, &settled)
	for i, why := range paper() {
		if strings.Contains(why, "waits") {
			t.Errorf("batch %d, settled: its paper is kept for %q", i, why)
		}
	}
	for i, row := range made {
		var b batchView
		do("batch-show", batchID{ID: row.Batch, Scores: true}, &b)
		for _, p := range b.Places {
			if p.Score == 0 {
				t.Errorf("batch %d, page %d has no score", i, p.Page)
			}
		}
		if len(b.Places) != b.PagesIn || b.Waits != 0 {
			t.Errorf("batch %d: got %d places of %d pages, %d waiting, want all placed and none waiting", i, len(b.Places), b.PagesIn, b.Waits)
		}
	}
}
