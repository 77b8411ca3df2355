package ingest

import (
	"context"
	"slices"

	"chartvault/ingest/sheet"
	"chartvault/ocr"
	"chartvault/record"
)

// splitting says where every page of a batch goes. It is committed before the
// first document is sealed, with the documents' ids, so that a repetition
// makes the same documents.
type splitting struct {
	Pages     []placed  `json:"pages"`
	Documents []segment `json:"documents"`
}

// placed is one page of the source.
type placed struct {
	Placement record.Placement `json:"placement"`
	Document  int              `json:"document"` // index; -1 for what lies in the rest
	Doubt     record.Doubt     `json:"doubt,omitempty"`
}

// segment is one document to be.
type segment struct {
	ID    record.ID    `json:"id"`
	Chart string       `json:"chart,omitempty"` // as read; "" when none is valid
	Type  string       `json:"type"`
	Doubt record.Doubt `json:"doubt,omitempty"` // about the document as a whole
	Pages []int        `json:"pages"`           // 1-based, in the source
}

func (s segment) state() record.DocumentState {
	if s.Doubt != "" {
		return record.DocumentQA
	}
	return record.DocumentFiled
}

// split reads the pages and decides where they go, or takes the decision that
// was made before a crash.
func (j *job) split(ctx context.Context) (*splitting, error) {
	s := &splitting{}
	if err := j.load("split.age", s); err == nil {
		return s, nil
	}
	pages, err := j.readAll(ctx)
	if err != nil {
		return nil, err
	}
	s, err = divide(pages, j.Sheets, j.Poor, func() (record.ID, error) { return record.NewID(j.Rand) })
	if err != nil {
		return nil, err
	}
	return s, j.save("split.age", s)
}

// divide cuts a batch into documents. A page's barcodes rule what follows up
// to the next page that says anything; blank sides and sheets go to the rest.
func divide(pages []pageFile, set *sheet.Set, poor float64, newID func() (record.ID, error)) (*splitting, error) {
	s := &splitting{}
	cur := -1 // the open document
	mark := sheet.Mark{}
	for i, p := range pages {
		m := set.Read(p.Page.Barcodes)
		if m.Begins {
			mark, cur = m, -1
			if !m.Keep {
				s.Pages = append(s.Pages, placed{record.PlaceSeparator, -1, ""})
				continue
			}
		}
		if p.Page.Blank && p.Unread == "" {
			s.Pages = append(s.Pages, placed{record.PlaceBlank, -1, ""})
			continue
		}
		if cur < 0 {
			id, err := newID()
			if err != nil {
				return nil, err
			}
			s.Documents = append(s.Documents, begin(id, mark))
			cur = len(s.Documents) - 1
		}
		d := &s.Documents[cur]
		d.Pages = append(d.Pages, i+1)
		at := placed{record.PlaceFiled, cur, pageDoubt(p, poor)}
		if at.Doubt == "" && contradicts(p.Named, canonical(d.Chart)) {
			at.Doubt = record.DoubtOtherChart
		}
		if at.Doubt != "" || d.Doubt != "" {
			at.Placement = record.PlaceQA
		}
		s.Pages = append(s.Pages, at)
	}
	return s, nil
}

func begin(id record.ID, m sheet.Mark) segment {
	d := segment{ID: id, Chart: m.Chart.Reveal(), Type: m.Type, Doubt: m.Doubt}
	if d.Type == "" {
		d.Type = record.TypeUnknown
	}
	if d.Chart == "" && d.Doubt == "" {
		d.Doubt = record.DoubtNoChartNumber
	}
	return d
}

// pageDoubt says why a page needs a second look, or "".
func pageDoubt(p pageFile, poor float64) record.Doubt {
	switch t := p.Page.Text; {
	case p.Unread != "":
		return p.Unread
	case t.Origin == ocr.FromOCR && t.Quality.Poor(poor):
		return record.DoubtPoorText
	}
	return ""
}

// canonical is the form a chart number of the split is compared in.
func canonical(chart string) string {
	n, err := record.ParseChartNumber(chart)
	if err != nil {
		return "" // none was named
	}
	return n.Canonical()
}

// counts is the page accounting.
func (s *splitting) counts() record.Counts {
	n := record.Counts{PagesIn: len(s.Pages)}
	for _, p := range s.Pages {
		switch p.Placement {
		case record.PlaceFiled:
			n.Filed++
		case record.PlaceSeparator:
			n.Separators++
		case record.PlaceBlank:
			n.Blanks++
		case record.PlaceQA:
			n.QA++
		}
	}
	return n
}

// doubts of a document: its own and its pages', each once.
func (s *splitting) doubts(d segment) []record.Doubt {
	var out []record.Doubt
	add := func(x record.Doubt) {
		if x != "" && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	add(d.Doubt)
	for _, n := range d.Pages {
		add(s.Pages[n-1].Doubt)
	}
	return out
}

// rest lists the pages that are in no document.
func (s *splitting) rest() []int {
	var out []int
	for i, p := range s.Pages {
		if p.Document < 0 {
			out = append(out, i+1)
		}
	}
	return out
}
