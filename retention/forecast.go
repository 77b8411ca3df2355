package retention

import (
	"cmp"
	"maps"
	"slices"

	"chartvault/record"
)

// Month is a calendar month.
type Month struct {
	Year  int `json:"year"`
	Month int `json:"month"`
}

// Cell is what becomes due of one record class in one month.
type Cell struct {
	Month
	Class     string `json:"class"`
	Documents int    `json:"documents"`
	Pages     int    `json:"pages"`
	Bytes     int64  `json:"bytes"`
}

// Forecast counts when documents become due. Its size depends on months and
// classes, not on documents. The zero Forecast is ready to use.
type Forecast struct {
	cells    map[cellKey]*Cell
	Verdicts map[Verdict]int // documents of each verdict
}

type cellKey struct {
	Month
	class string
}

// Add counts one decision. What is due already counts in the month of its day.
func (f *Forecast) Add(d *Decision, pages int, bytes int64) {
	f.AddRow(d.Verdict, d.Class, d.Due, 1, pages, bytes)
}

// AddRow counts documents that are known to be alike.
func (f *Forecast) AddRow(v Verdict, class string, due record.Date, documents, pages int, bytes int64) {
	if f.Verdicts == nil {
		f.Verdicts, f.cells = map[Verdict]int{}, map[cellKey]*Cell{}
	}
	f.Verdicts[v] += documents
	if due.IsZero() {
		return
	}
	k := cellKey{Month{due.Year, due.Month}, class}
	c := f.cells[k]
	if c == nil {
		c = &Cell{Month: k.Month, Class: class}
		f.cells[k] = c
	}
	c.Documents += documents
	c.Pages += pages
	c.Bytes += bytes
}

// Cells returns the counts by month and class, in this order.
func (f *Forecast) Cells() []Cell {
	out := make([]Cell, 0, len(f.cells))
	for _, c := range f.cells {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month.Month, b.Month.Month), cmp.Compare(a.Class, b.Class))
	})
	return out
}

// Change sums up what another schedule, or other facts, would do to documents.
type Change struct {
	Documents   int            `json:"documents"`
	Same        int            `json:"same"`
	Earlier     int            `json:"earlier"`            // would end earlier, or at all
	Later       int            `json:"later"`              // would end later, or no longer
	NowDue      int            `json:"now_due"`            // would be due today and are not
	NoLongerDue int            `json:"no_longer_due"`      // are due today and would not be
	ByClass     map[string]int `json:"by_class,omitempty"` // documents that would end earlier, by record class
	Samples     []ChangeSample `json:"samples,omitempty"`  // the first of them
}

// ChangeSample is one document a change moves.
type ChangeSample struct {
	Document record.ID   `json:"document"`
	Type     string      `json:"type"`
	Was      record.Date `json:"was"` // zero: never due
	Would    record.Date `json:"would"`
	Verdict  Verdict     `json:"verdict"`
}

// maxSamples bounds the samples of a Change.
const maxSamples = 20

// Add compares two decisions about one document.
func (c *Change) Add(was, would *Decision) {
	c.Documents++
	if would.Verdict == Due && was.Verdict != Due {
		c.NowDue++
	}
	if would.Verdict != Due && was.Verdict == Due {
		c.NoLongerDue++
	}
	order := endOrder(would.Due, was.Due)
	switch {
	case order == 0:
		c.Same++
		return
	case order > 0:
		c.Later++
	default:
		c.Earlier++
		if c.ByClass == nil {
			c.ByClass = map[string]int{}
		}
		c.ByClass[would.Class]++
	}
	if len(c.Samples) < maxSamples {
		c.Samples = append(c.Samples, ChangeSample{would.Document, would.Type, was.Due, would.Due, would.Verdict})
	}
}

// endOrder compares two due days, the zero day being later than all.
func endOrder(a, b record.Date) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// Classes returns the classes of ByClass, sorted.
func (c *Change) Classes() []string { return slices.Sorted(maps.Keys(c.ByClass)) }
