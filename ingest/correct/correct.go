// Package correct puts the pages of filed documents together anew: a document
// is split, documents are merged, misfiled pages go to their own chart, pages
// are turned, a date of service is put right.
//
// Its invariant: every page of the documents a correction is of is in exactly
// one of the documents it makes, so that no correction loses or doubles a page.
// Nothing is changed in place. What a correction makes are new documents under
// keys of their own; what it was made of is kept, sealed as it is, is shown to
// nobody, and is destroyed before the first of the documents made of it.
//
// Stored form: a correction is an entry of the register (kind "correction") and
// so of the audit log, as the JSON of Correction. What it makes are documents
// like any other, of the batch their pages came in.
package correct

import (
	"fmt"
	"slices"
	"time"

	"chartvault/ocr"
	"chartvault/record"
)

// Act is what a correction does, as the schedule names it where two people must
// agree to it.
type Act string

// Acts.
const (
	Split  Act = "split"  // one document becomes several
	Merge  Act = "merge"  // several become one
	Move   Act = "move"   // pages go to another chart
	Rotate Act = "rotate" // pages are turned
	Redate Act = "date"   // the date of service is another
)

// State is how far a correction is.
type State string

// States.
const (
	Proposed State = "proposed" // waits for a second person
	Agreed   State = "agreed"   // being carried out
	Closing  State = "closing"  // made, and looked at for the last time: only forward from here
	Done     State = "done"
	Refused  State = "refused" // by the second person
	Failed   State = "failed"  // it could not be carried out, and nothing of it remains
)

// Correction is one correction. Its documents' ids are fixed when it is made,
// so that carrying it out again after a crash makes the same documents.
type Correction struct {
	ID      string       `json:"id"`
	Act     Act          `json:"act"`
	Sources []record.ID  `json:"sources"`
	Was     []Source     `json:"was"` // as they were filed when it was made
	Results []Result     `json:"results"`
	Reason  string       `json:"reason"`
	By      record.Actor `json:"by"`
	At      time.Time    `json:"at"`
	Second  record.Actor `json:"second,omitempty"` // who agreed, or refused
	State   State        `json:"state"`
}

// Result is a document a correction makes.
type Result struct {
	ID    record.ID `json:"id"`
	Chart string    `json:"chart"` // "" where the pages' source has none
	Type  string    `json:"type"`
	Pages []Page    `json:"pages"`

	Date record.Date `json:"date,omitzero"` // of service, where a person said it
}

// Page is a page of a source.
type Page struct {
	Document record.ID `json:"document"`
	Number   int       `json:"page"`           // from 1
	Turn     int       `json:"turn,omitempty"` // clockwise quarter turns, 0 to 3
}

// Source is a document that is corrected.
type Source struct {
	ID    record.ID `json:"id"`
	Chart string    `json:"chart"`
	Type  string    `json:"type"`
	Pages int       `json:"pages"`

	Date record.Date `json:"date,omitzero"` // of service
}

// MostMerged is how many documents go together at once.
const MostMerged = ocr.MostBundled

// Moves reports whether a result is filed as a person said, and not as its
// pages were.
func (c Correction) Moves(r Result) bool { return c.Act == Move && r.Chart != c.Was[0].Chart }

// ids makes ids for results; record.NewID with a source of randomness.
type ids func() (record.ID, error)

func (s Source) pages(from, to int) []Page {
	var out []Page
	for n := from; n <= to; n++ {
		out = append(out, Page{Document: s.ID, Number: n})
	}
	return out
}

// SplitAt makes a correction that begins a new document at each of the pages.
func SplitAt(s Source, at []int, id ids) (Correction, error) {
	c := Correction{Act: Split, Sources: []record.ID{s.ID}, Was: []Source{s}}
	at = slices.Compact(slices.Sorted(slices.Values(at)))
	if len(at) == 0 || at[0] < 2 || at[len(at)-1] > s.Pages {
		return c, fmt.Errorf("split document %s: %w: a new document can begin at pages 2 to %d", s.ID, record.ErrInvalid, s.Pages)
	}
	from := 1
	for _, n := range append(at, s.Pages+1) {
		if err := c.add(id, s.Chart, s.Type, s.pages(from, n-1)); err != nil {
			return c, err
		}
		from = n
	}
	return c, c.Check([]Source{s})
}

// MergeAll makes a correction that puts documents of one chart together, in
// their order. They must be of one type, so that none is kept for a shorter time.
func MergeAll(ss []Source, id ids) (Correction, error) {
	c := Correction{Act: Merge, Was: ss}
	var pages []Page
	for _, s := range ss {
		if s.Chart != ss[0].Chart {
			return c, fmt.Errorf("merge documents: %w: they are of different charts; move pages instead", record.ErrInvalid)
		}
		if s.Type != ss[0].Type {
			return c, fmt.Errorf("merge documents: %w: they are of different types, which are kept for different times; give them one first", record.ErrInvalid)
		}
		c.Sources = append(c.Sources, s.ID)
		pages = append(pages, s.pages(1, s.Pages)...)
	}
	if len(ss) < 2 || len(ss) > MostMerged {
		return c, fmt.Errorf("merge documents: %w: want 2 to %d", record.ErrInvalid, MostMerged)
	}
	if err := c.add(id, ss[0].Chart, ss[0].Type, pages); err != nil {
		return c, err
	}
	return c, c.Check(ss)
}

// MovePages makes a correction that files pages under another chart, as one
// document of the given type ("" for that of the source). What remains of the
// source stays one document.
func MovePages(s Source, numbers []int, chart, typ string, id ids) (Correction, error) {
	c := Correction{Act: Move, Sources: []record.ID{s.ID}, Was: []Source{s}}
	numbers = slices.Compact(slices.Sorted(slices.Values(numbers)))
	if len(numbers) == 0 || numbers[0] < 1 || numbers[len(numbers)-1] > s.Pages {
		return c, fmt.Errorf("move pages of document %s: %w: it has pages 1 to %d", s.ID, record.ErrInvalid, s.Pages)
	}
	if chart == s.Chart {
		return c, fmt.Errorf("move pages of document %s: %w: they are in that chart; split instead", s.ID, record.ErrInvalid)
	}
	if typ == "" {
		typ = s.Type
	}
	var moved, rest []Page
	for _, p := range s.pages(1, s.Pages) {
		if slices.Contains(numbers, p.Number) {
			moved = append(moved, p)
		} else {
			rest = append(rest, p)
		}
	}
	if err := c.add(id, chart, typ, moved); err != nil {
		return c, err
	}
	if len(rest) > 0 {
		if err := c.add(id, s.Chart, s.Type, rest); err != nil {
			return c, err
		}
	}
	return c, c.Check([]Source{s})
}

// TurnPages makes a correction that turns pages clockwise by quarter turns.
func TurnPages(s Source, numbers []int, turn int, id ids) (Correction, error) {
	c := Correction{Act: Rotate, Sources: []record.ID{s.ID}, Was: []Source{s}}
	pages := s.pages(1, s.Pages)
	for _, n := range numbers {
		if n < 1 || n > s.Pages {
			return c, fmt.Errorf("turn pages of document %s: %w: it has pages 1 to %d", s.ID, record.ErrInvalid, s.Pages)
		}
		pages[n-1].Turn = ((turn % 4) + 4) % 4
	}
	if len(numbers) == 0 || turn%4 == 0 {
		return c, fmt.Errorf("turn pages of document %s: %w: name pages, and 90, 180 or 270 degrees", s.ID, record.ErrInvalid)
	}
	if err := c.add(id, s.Chart, s.Type, pages); err != nil {
		return c, err
	}
	return c, c.Check([]Source{s})
}

// DateAs makes a correction that gives a document another date of service.
func DateAs(s Source, date record.Date, id ids) (Correction, error) {
	c := Correction{Act: Redate, Sources: []record.ID{s.ID}, Was: []Source{s}}
	if date.IsZero() || date == s.Date {
		return c, fmt.Errorf("date document %s: %w: give another date than it has", s.ID, record.ErrInvalid)
	}
	if err := c.add(id, s.Chart, s.Type, s.pages(1, s.Pages)); err != nil {
		return c, err
	}
	c.Results[0].Date = date
	return c, c.Check([]Source{s})
}

func (c *Correction) add(id ids, chart, typ string, pages []Page) error {
	n, err := id()
	c.Results = append(c.Results, Result{ID: n, Chart: chart, Type: typ, Pages: pages})
	return err
}

// Check holds a correction to the invariant: every page of its sources is in
// one place of its results, and no page of anything else is.
func (c Correction) Check(sources []Source) error {
	left := map[Page]bool{}
	for _, s := range sources {
		if !slices.Contains(c.Sources, s.ID) {
			return fmt.Errorf("correction: %w: it does not name document %s", record.ErrInvalid, s.ID)
		}
		for _, p := range s.pages(1, s.Pages) {
			left[p] = true
		}
	}
	if len(sources) != len(c.Sources) || len(sources) == 0 {
		return fmt.Errorf("correction: %w: of %d documents, %d are given", record.ErrInvalid, len(c.Sources), len(sources))
	}
	for _, r := range c.Results {
		if len(r.Pages) == 0 {
			return fmt.Errorf("correction: %w: a document without pages", record.ErrInvalid)
		}
		for _, p := range r.Pages {
			if p.Turn < 0 || p.Turn > 3 {
				return fmt.Errorf("correction: %w: a turn of %d", record.ErrInvalid, p.Turn)
			}
			p.Turn = 0
			if !left[p] {
				return fmt.Errorf("correction: %w: page %d of document %s is not there, or stands twice", record.ErrInvalid, p.Number, p.Document)
			}
			delete(left, p)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("correction: %w: %d pages would be lost", record.ErrInvalid, len(left))
	}
	return nil
}
