package ingest

import (
	"context"
	"slices"

	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/mpi"
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
	ID    record.ID      `json:"id"`
	Chart string         `json:"chart,omitempty"` // as read; "" when none may be filed under
	Type  string         `json:"type"`
	Doubt record.Doubt   `json:"doubt,omitempty"` // about the document as a whole
	Also  []record.Doubt `json:"also,omitempty"`  // what else stands against it
	Index fields.Index   `json:"index"`
	Pages []int          `json:"pages"` // 1-based, in the source

	named string // canonical number its sheet names
	kind  string // type its sheet names
	want  int    // pages its sheet promises; 0 for any number
	cover int    // index of the cover sheet it lies under; -1 for none
}

// doubt adds a reason to look at the document.
func (s *segment) doubt(x record.Doubt) {
	switch {
	case x == "" || x == s.Doubt || slices.Contains(s.Also, x):
	case s.Doubt == "":
		s.Doubt = x
	default:
		s.Also = append(s.Also, x)
	}
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
	s, err = divide(pages, judge{as: j.as, set: j.Sheets, poor: j.Poor, list: j.patients(), lost: j.damaged, newID: func() (record.ID, error) { return record.NewID(j.Rand) }})
	if err != nil {
		return nil, err
	}
	return s, j.save("split.age", s)
}

func (j *job) patients() *mpi.List {
	if j.Patients == nil {
		return nil
	}
	return j.Patients()
}

// judge is what a split is decided by.
type judge struct {
	as    *Preset // nil for a batch of sheets and papers
	set   *sheet.Set
	poor  float64   // quality below which a page is looked at
	list  *mpi.List // nil for none
	lost  bool      // the file is broken: pages may be missing anywhere
	newID func() (record.ID, error)
}

// divide cuts a batch into documents. A page's barcodes rule what follows up
// to the next page that says anything; blank sides and sheets go to the rest.
// Then what the pages say is held against what the sheets said.
func divide(pages []pageFile, by judge) (*splitting, error) {
	if by.as != nil {
		return described(pages, by)
	}
	s := &splitting{}
	cur := -1 // the open document
	mark := sheet.Mark{}
	var covers []promise
	empty := -1 // the separator with a count that no page has followed yet
	for i, p := range pages {
		m := by.set.Read(p.Page.Barcodes)
		if m.Cover != nil {
			covers = append(covers, promise{*m.Cover, i})
		}
		if m.Begins {
			s.unkept(empty)
			mark, cur, empty = m, -1, -1
			if m.Pages > 0 && !m.Keep {
				empty = i
			}
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
			id, err := by.newID()
			if err != nil {
				return nil, err
			}
			d := begin(id, mark)
			d.cover = len(covers) - 1
			s.Documents = append(s.Documents, d)
			cur, empty = len(s.Documents)-1, -1
		}
		d := &s.Documents[cur]
		d.Pages = append(d.Pages, i+1)
		s.Pages = append(s.Pages, placed{record.PlaceFiled, cur, pageDoubt(p, by.poor)})
	}
	s.unkept(empty)
	s.understand(pages, by.list)
	if by.lost {
		for i := range s.Documents {
			s.Documents[i].doubt(record.DoubtDamaged)
		}
	}
	s.reconcile(covers)
	s.suspect(pages)
	s.place()
	return s, nil
}

// described makes one document of a source that an index describes. What its
// pages say is held against the index as it is against a sheet.
func described(pages []pageFile, by judge) (*splitting, error) {
	id, err := by.newID()
	if err != nil {
		return nil, err
	}
	d := segment{ID: id, Chart: by.as.Chart.Reveal(), named: by.as.Chart.Canonical(), kind: by.as.Type, cover: -1}
	s := &splitting{Documents: []segment{d}}
	for i, p := range pages {
		s.Documents[0].Pages = append(s.Documents[0].Pages, i+1)
		x := pageDoubt(p, by.poor)
		if p.Page.Blank && p.Unread == "" {
			x = "" // a blank side of it, not a page that cannot be read
		}
		s.Pages = append(s.Pages, placed{record.PlaceFiled, 0, x})
	}
	s.understand(pages, by.list)
	x := &s.Documents[0].Index
	for _, v := range []*fields.Value{&x.Chart, &x.Type} { // what a sheet would have said
		if v.Source == fields.FromBarcode {
			v.Source = fields.FromIndex
		}
	}
	if !by.as.Service.IsZero() {
		x.Service = fields.Value{Text: by.as.Service.String(), Confidence: 100, Source: fields.FromIndex}
	}
	if by.lost {
		s.Documents[0].doubt(record.DoubtDamaged)
	}
	s.place()
	return s, nil
}

func begin(id record.ID, m sheet.Mark) segment {
	return segment{ID: id, Chart: m.Chart.Reveal(), Doubt: m.Doubt, named: m.Chart.Canonical(), kind: m.Type, want: m.Pages}
}

// understand decides each document's chart and type from its sheet, its text
// and the patient list.
func (s *splitting) understand(pages []pageFile, list *mpi.List) {
	for i := range s.Documents {
		d := &s.Documents[i]
		found := make([]fields.Found, len(d.Pages))
		for k, n := range d.Pages {
			found[k] = pages[n-1].Found
		}
		o := fields.Decide(found, fields.Sheet{Chart: d.named, Type: d.kind}, list)
		d.Index = o.Index
		if d.Type = o.Type.Text; d.Type == "" {
			d.Type = record.TypeUnknown
		}
		if d.Doubt == "" || o.Doubt != record.DoubtNoChartNumber && o.Doubt != record.DoubtTextOnly {
			d.doubt(o.Doubt) // a sheet whose number is bad is not also one without a number
		}
		if d.named == "" && o.Filed && d.Doubt == "" {
			d.Chart = o.Chart.Text
		}
		for n, x := range o.Doubts {
			if s.Pages[n-1].Doubt == "" {
				s.Pages[n-1].Doubt = x
			}
		}
	}
}

// place sends the pages that are in doubt, and those of documents that are, to
// QA.
func (s *splitting) place() {
	for i := range s.Pages {
		p := &s.Pages[i]
		if p.Document >= 0 && (p.Doubt != "" || s.Documents[p.Document].Doubt != "") {
			p.Placement = record.PlaceQA
		}
	}
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

// counts is the page accounting.
func (s *splitting) counts() record.Counts {
	var n record.Counts
	for _, p := range s.Pages {
		n.Count(p.Placement)
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
	for _, x := range d.Also {
		add(x)
	}
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
