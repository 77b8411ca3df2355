package ingest

import (
	"slices"
	"strconv"
	"strings"

	"chartvault/ingest/sheet"
	"chartvault/record"
)

// promise is a cover sheet and where it lies.
type promise struct {
	sheet.Cover
	page int // index
}

// unkept sends a sheet to QA that promised pages of which none came, so that
// there is no document to ask about.
func (s *splitting) unkept(page int) {
	if page >= 0 {
		s.Pages[page] = placed{record.PlaceQA, -1, record.DoubtDocumentCount}
	}
}

// reconcile holds what arrived against what the sheets promise: a page that is
// missing is the worst thing that can happen to a chart, and one too many is a
// separator that was not seen.
func (s *splitting) reconcile(covers []promise) {
	documents, pages := make([]int, len(covers)), make([]int, len(covers))
	for i := range s.Documents {
		d := &s.Documents[i]
		if d.want > 0 && d.want != len(d.Pages) {
			d.doubt(record.DoubtDocumentCount)
		}
		if d.cover >= 0 {
			documents[d.cover]++
			pages[d.cover] += len(d.Pages)
		}
	}
	for i, c := range covers {
		if (c.Documents == 0 || c.Documents == documents[i]) && (c.Pages == 0 || c.Pages == pages[i]) {
			continue
		}
		if documents[i] == 0 {
			s.Pages[c.page] = placed{record.PlaceQA, -1, record.DoubtBatchCount}
		}
		// Which document has the error is not known: all of them wait.
		for k := range s.Documents {
			if s.Documents[k].cover == i {
				s.Documents[k].doubt(record.DoubtBatchCount)
			}
		}
	}
}

// A page this much longer than most of its batch is two sheets that went
// through the feeder together.
const tooLong = 1.2

// suspect looks for double feeds and for pages that were scanned twice.
func (s *splitting) suspect(pages []pageFile) {
	usual := usualLength(pages)
	for i, p := range pages {
		at := &s.Pages[i]
		if at.Document < 0 || at.Doubt != "" {
			continue
		}
		t := p.Page.Text
		switch {
		case usual > 0 && p.length() > tooLong*usual && float64(t.Height) > float64(t.Width):
			at.Doubt = record.DoubtDoubleFeed
		case s.jumps(pages, i):
			at.Doubt = record.DoubtDoubleFeed
		case slices.ContainsFunc(pages[:i], func(o pageFile) bool { return p.Sketch.same(o.Sketch) }):
			at.Doubt = record.DoubtSamePage
		}
	}
}

// length is a page's longer side in inches; 0 when it was not read.
func (p pageFile) length() float64 {
	t := p.Page.Text
	if t.DPI <= 0 || t.DPIY <= 0 {
		return 0
	}
	return max(float64(t.Width)/t.DPI, float64(t.Height)/t.DPIY)
}

// usualLength is the length of most pages of a batch; 0 for a batch too small
// to have one.
func usualLength(pages []pageFile) float64 {
	var all []float64
	for _, p := range pages {
		if l := p.length(); l > 0 {
			all = append(all, l)
		}
	}
	if len(all) < 4 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// jumps reports whether the page printed before this one in the same document
// says "page n of m" and this one skips a number of the same m.
func (s *splitting) jumps(pages []pageFile, i int) bool {
	d := s.Documents[s.Pages[i].Document]
	k := slices.Index(d.Pages, i+1)
	if k < 1 || len(pages[i].Found.Numbers) != 1 || len(pages[d.Pages[k-1]-1].Found.Numbers) != 1 {
		return false
	}
	n, m := numbered(pages[i].Found.Numbers[0])
	before, of := numbered(pages[d.Pages[k-1]-1].Found.Numbers[0])
	return m == of && n > before+1
}

func numbered(s string) (n, m int) {
	a, b, _ := strings.Cut(s, "/")
	n, err1 := strconv.Atoi(a)
	m, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return n, m
}
