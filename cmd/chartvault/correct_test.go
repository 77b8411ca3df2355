package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"chartvault/archive"
	"chartvault/disposition"
	"chartvault/ingest/correct"
	"chartvault/ocr"
	"chartvault/record"
)

// failingReader fails to write documents with an error, while it has one.
type failingReader struct {
	ocr.Reader
	err *error
}

func (f failingReader) Document(ctx context.Context, s ocr.Source, next func() (ocr.DocumentPage, error), w io.Writer) (ocr.Document, error) {
	if *f.err != nil {
		return ocr.Document{}, *f.err
	}
	return f.Reader.Document(ctx, s, next, w)
}

// correcting is an archive with a document of several pages, of a reader that
// can be made to fail.
type correcting struct {
	*world
	id   record.ID
	doc  *modelDoc
	fail error
}

func newCorrecting(t *testing.T) *correcting {
	c := &correcting{world: newWorld(t, atOnce, 1)}
	c.a.pipeline.Reader = failingReader{c.a.pipeline.Reader, &c.fail}
	c.another()
	return c
}

// another files documents until there is one of three pages or more.
func (c *correcting) another() {
	for c.doc = nil; c.doc == nil; {
		had := len(c.order)
		c.file()
		for _, id := range c.order[had:] {
			if len(c.papers[id].leaves) >= 3 {
				c.id, c.doc = id, c.papers[id]
			}
		}
	}
}

// do runs an operation as somebody.
func (c *correcting) do(who record.Actor, op string, params any) (correctionLine, error) {
	var l correctionLine
	err := c.a.perform(c.t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, &l) })
	return l, err
}

func (c *correcting) split() (correctionLine, error) {
	return c.do("os:one", "correct", correctParams{Act: correct.Split, Documents: []string{c.id.String()}, Pages: []int{2}, Reason: "two visits"})
}

func (c *correcting) state(id record.ID) record.DocumentState {
	c.t.Helper()
	row, err := c.a.cat.Document(c.t.Context(), id)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		c.t.Fatal(err)
	}
	return row.State
}

// last is the correction that was made last.
func (c *correcting) last() correct.Correction {
	c.t.Helper()
	cs, err := c.a.corrections(c.t.Context())
	if err != nil || len(cs) == 0 {
		c.t.Fatal(len(cs), err)
	}
	return cs[len(cs)-1]
}

// nothing wants a correction to have left nothing: no document, no key.
func (c *correcting) nothing(when string, cor correct.Correction) {
	c.t.Helper()
	for _, r := range cor.Results {
		left, err := c.a.arch.Gone(c.t.Context(), r.ID, 1)
		if err != nil || len(left) > 0 || c.state(r.ID) != "" {
			c.t.Errorf("%s: of document %s there is left %v, %v", when, r.ID, left, err)
		}
	}
	if s := c.state(c.id); s != record.DocumentFiled {
		c.t.Errorf("%s: its source is %s, want filed", when, s)
	}
}

// TestTwoPeople: where the schedule says so, a correction waits for another
// person, and for documents that are still filed as they were.
func TestTwoPeople(t *testing.T) {
	c := newCorrecting(t)
	inForce(t, c.a, oldCharts[:strings.Index(oldCharts, "[types]")]+"two_people = [\"split\"]\n"+oldCharts[strings.Index(oldCharts, "[types]"):])
	l, err := c.split()
	if err != nil || l.State != correct.Proposed || c.state(c.id) != record.DocumentFiled {
		t.Fatalf("proposed: got %s, %v", l.State, err)
	}
	c.nothing("proposed", c.last())
	if _, err := c.do("os:one", "correct-decide", decideParams{l.ID, true}); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the same person: got %v, want ErrDenied", err)
	}
	if _, err := c.split(); !errors.Is(err, record.ErrBusy) {
		t.Errorf("another of the same document: got %v, want ErrBusy", err)
	}
	if _, err := c.do("os:one", "qa-assign", assignment{c.id, "8999999", "ECG"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.do("os:two", "correct-decide", decideParams{l.ID, true}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("filed elsewhere meanwhile: got %v, want ErrInvalid", err)
	}
	if _, err := c.do("os:two", "correct-decide", decideParams{l.ID, false}); err != nil {
		t.Error(err)
	}
	if l, err = c.split(); err != nil {
		t.Fatal(err)
	}
	if l, err = c.do("os:two", "correct-decide", decideParams{l.ID, true}); err != nil || l.State != correct.Done || l.Second != "os:two" {
		t.Errorf("agreed: got %s by %s, %v", l.State, l.Second, err)
	}
	for _, r := range l.Results {
		row, err := c.a.cat.Document(t.Context(), r.ID)
		if err != nil || row.State != record.DocumentFiled || row.Type != "ECG" {
			t.Errorf("%s: got %s, %s, %v", r.ID, row.State, row.Type, err)
		}
	}
	if s := c.state(c.id); s != record.DocumentSuperseded {
		t.Errorf("the source: got %s", s)
	}
}

// TestUnfinishedCorrection: while a correction is being carried out nobody
// destroys or re-files its documents; one that stopped goes on; one that can
// never be carried out, because of a hold or of what the pages are, leaves
// everything as it was and can be made again.
func TestUnfinishedCorrection(t *testing.T) {
	c := newCorrecting(t)
	ctx := t.Context()
	away := errors.New("the store is away")
	c.fail = away
	if _, err := c.split(); !errors.Is(err, away) {
		t.Fatalf("got %v, want the store's error", err)
	}
	cor := c.last()
	if cor.State != correct.Agreed {
		t.Fatalf("got %s, want it to be tried again", cor.State)
	}
	if _, err := (holdings{c.a}).Destroy(ctx, c.id, "000001"); !errors.Is(err, record.ErrHeld) {
		t.Errorf("destroyed meanwhile: got %v, want ErrHeld", err)
	}
	if _, err := c.do("os:one", "qa-assign", assignment{c.id, "8999999", ""}); !errors.Is(err, record.ErrBusy) {
		t.Errorf("filed elsewhere meanwhile: got %v, want ErrBusy", err)
	}
	if err := c.a.resumeCorrections(ctx); err != nil || c.last().State != correct.Agreed {
		t.Errorf("while the store is away: got %s, %v", c.last().State, err)
	}
	c.fail = nil
	c.restart()
	c.a.pipeline.Reader = failingReader{c.a.pipeline.Reader, &c.fail}
	if err := c.a.resumeCorrections(ctx); err != nil || c.last().State != correct.Done || c.state(c.id) != record.DocumentSuperseded {
		t.Errorf("resumed: got %s and the source %s, %v", c.last().State, c.state(c.id), err)
	}

	c.another()
	c.fail = away
	if _, err := c.split(); !errors.Is(err, away) {
		t.Fatal(err)
	}
	c.op("hold-place", holdParams{Charts: []string{c.doc.chart}, Matter: "m", Reason: "r", Kind: record.HoldLegal})
	c.fail = nil
	if err := c.a.resumeCorrections(ctx); err != nil || c.last().State != correct.Failed {
		t.Errorf("under a hold that came meanwhile: got %s, %v, want failed", c.last().State, err)
	}
	c.nothing("held meanwhile", c.last())

	for held := c.doc.chart; c.doc.chart == held; {
		c.another()
	}
	c.fail = fmt.Errorf("page 2: %w", ocr.ErrFormat)
	if _, err := c.split(); !errors.Is(err, ocr.ErrFormat) || c.last().State != correct.Failed {
		t.Errorf("pages that cannot be copied: got %s, %v, want failed", c.last().State, err)
	}
	c.nothing("pages that cannot be copied", c.last())
	c.fail = nil
	if l, err := c.split(); err != nil || l.State != correct.Done {
		t.Errorf("made again: got %s, %v", l.State, err)
	}
}

// TestCorrectedKeeps: what was extended stays extended, and what was doubted
// stays in doubt, in the documents that are made.
func TestCorrectedKeeps(t *testing.T) {
	c := newCorrecting(t)
	ctx := t.Context()
	until := record.Date{Year: 2090, Month: 1, Day: 2}
	if _, err := c.a.desk.Extend(ctx, "os:one", disposition.Extension{Document: c.id, Until: until, Reason: "a study"}); err != nil {
		t.Fatal(err)
	}
	l, err := c.split()
	if err != nil {
		t.Fatal(err)
	}
	l, err = c.do("os:one", "correct", correctParams{Act: correct.Rotate, Documents: []string{l.Results[0].ID.String()}, Pages: []int{1}, Turn: 90, Reason: "sideways"})
	if err != nil {
		t.Fatal(err)
	}
	made := l.Results[0].ID
	b, err := c.a.bindings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	row, err := c.a.cat.Document(ctx, made)
	if err != nil || b.subject(row).KeepUntil != until {
		t.Errorf("after two corrections it is kept until %s, %v, want %s", b.subject(row).KeepUntil, err, until)
	}
	// Who saw it, through both.
	if err := c.a.arch.Read(ctx, accessOf("os:reader"), made, 1, "document.pdf", io.Discard); err != nil {
		t.Fatal(err)
	}
	var seen []string
	if err := c.a.whoSaw(ctx, c.id, func(s sight) error { seen = append(seen, string(s.Actor)); return nil }); err != nil || len(seen) != 1 || seen[0] != "os:reader" {
		t.Errorf("seen: got %v, %v", seen, err)
	}
}

func accessOf(who record.Actor) archive.Access { return archive.Access{Actor: who, Purpose: "test"} }
