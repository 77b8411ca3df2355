package fields

import (
	"slices"
	"strings"

	"chartvault/mpi"
	"chartvault/record"
)

// SureWord is the confidence from which a word is believed: of words the
// reader is surer of, 96 in 100 are right.
const SureWord = 85

// Index is what is known of a document, each value with its source.
type Index struct {
	Chart   Value  `json:"chart,omitzero"` // canonical; of a document in QA only a proposal
	Name    Value  `json:"name,omitzero"`
	Born    Value  `json:"born,omitzero"`
	Service Value  `json:"service,omitzero"`
	Type    Value  `json:"type,omitzero"`
	LOINC   string `json:"loinc,omitempty"`
}

// Opinion is an index with what stands against it.
type Opinion struct {
	Index
	Filed  bool                 // the chart number may be filed under
	Doubt  record.Doubt         // about the document as a whole; "" for none
	Doubts map[int]record.Doubt // about single pages, by their number in the source
}

// Sheet is what a separator sheet or label says of the pages after it.
type Sheet struct {
	Chart string // canonical; "" for none
	Type  string // "" for none
}

// Decide weighs what the pages of one document say, what the sheet before them
// says, and the patient list, nil where the site has none.
//
// A number on a sheet is filed under unless the text or the list contradicts
// it. A number in the text alone is filed under only when the list confirms it
// by name or date of birth; otherwise it is proposed.
func Decide(pages []Found, sheet Sheet, list *mpi.List) Opinion {
	o := Opinion{Doubts: map[int]record.Doubt{}}
	o.Name, o.Born, o.Service = first(pages, func(f Found) []Value { return f.Names }), first(pages, func(f Found) []Value { return f.Born }), first(pages, func(f Found) []Value { return f.Service })
	o.decideType(pages, sheet.Type)
	if sheet.Chart != "" {
		o.Chart, o.Filed = Value{Text: sheet.Chart, Confidence: 100, Source: FromBarcode}, true
		o.compare(pages, sheet.Chart)
	} else {
		o.propose(pages)
	}
	o.ask(list, sheet.Chart != "")
	o.strangers(pages)
	return o
}

// first is the first value that is surely read, or else the first at all.
func first(pages []Found, of func(Found) []Value) Value {
	var any Value
	for _, p := range pages {
		for _, v := range of(p) {
			if v.Confidence >= SureWord {
				return v
			}
			if any.IsZero() {
				any = v
			}
		}
	}
	return any
}

func (o *Opinion) decideType(pages []Found, sheet string) {
	switch {
	case sheet != "":
		o.Type = Value{Text: sheet, Confidence: 100, Source: FromBarcode}
	case len(pages) > 0:
		if hit, ok := decided(pages[0].Types); ok {
			o.Type = Value{Text: hit.Code, Confidence: hit.Confidence, Source: FromText}
		}
	}
	o.LOINC = LOINC(o.Type.Text)
}

// compare holds the numbers in the text against the sheet's.
func (o *Opinion) compare(pages []Found, sheet string) {
	for _, p := range pages {
		if len(p.Charts) == 0 || slices.ContainsFunc(p.Charts, func(v Value) bool { return !Contradicts(v.Text, sheet) }) {
			continue
		}
		o.Doubts[p.Charts[0].Page] = record.DoubtOtherChart
	}
}

// propose takes the number the text names, when it names one only.
func (o *Opinion) propose(pages []Found) {
	for _, p := range pages {
		for _, v := range p.Charts {
			switch {
			case o.Chart.IsZero():
				o.Chart = v
			case o.Chart.Text == v.Text:
				o.Chart.Confidence = max(o.Chart.Confidence, v.Confidence)
			default:
				o.Doubts[v.Page] = record.DoubtOtherChart
			}
		}
	}
	o.Doubt = record.DoubtNoChartNumber
	if !o.Chart.IsZero() {
		o.Doubt = record.DoubtTextOnly
	}
}

// Recheck holds the index of a document that was filed by a sheet, where there
// was no patient list, against the list: the doubt it raises, "" for none.
func Recheck(x Index, list *mpi.List) record.Doubt {
	o := Opinion{Index: x, Doubts: map[int]record.Doubt{}}
	o.ask(list, true)
	return o.Doubt
}

// ask holds the index against the patient list.
func (o *Opinion) ask(list *mpi.List, sheet bool) {
	if list == nil || o.Chart.IsZero() {
		return
	}
	who, ok := list.Find(o.Chart.Text)
	if !ok {
		if sheet {
			o.Doubt = record.DoubtUnknownChart
		}
		return
	}
	name, born := unknown, unknown
	if o.Name.Confidence >= SureWord && who.Name != "" {
		name = names(o.Name.Text, who.Name)
	}
	if o.Born.Confidence >= SureWord && !who.Born.IsZero() {
		if born = different; o.Born.Text == who.Born.String() {
			born = same
		}
	}
	switch {
	case name == different || born == different && name != same:
		o.Doubt = record.DoubtOtherPatient
	case born == different:
		o.Doubt = record.DoubtOtherPatient // one of the two is wrong: a person looks
	case !sheet && (name == same || born == same) && o.Chart.Confidence >= SureWord && len(o.Doubts) == 0:
		o.Chart.Source, o.Filed, o.Doubt = FromList, true, ""
	case sheet && (name == same || born == same):
		o.Name.Source, o.Born.Source = confirmed(o.Name, name), confirmed(o.Born, born)
	}
}

func confirmed(v Value, a agreement) Source {
	if a == same {
		return FromList
	}
	return v.Source
}

// strangers marks pages that name another patient than the document's first:
// a sheet between them may not have been recognised as one.
func (o *Opinion) strangers(pages []Found) {
	if o.Name.Confidence < SureWord {
		return
	}
	for _, p := range pages {
		for _, v := range p.Names {
			if v.Confidence >= SureWord && patientLabel(v.Label) && names(o.Name.Text, v.Text) == different && o.Doubts[v.Page] == "" {
				o.Doubts[v.Page] = record.DoubtOtherPatient
			}
		}
	}
}

// patientLabel reports whether a label announces the patient and nobody else.
func patientLabel(s string) bool { return strings.Contains(strings.ToLower(s), "patient") }

// Contradicts reports whether a number read in the text is another one than
// the one filed under, and not the same with a character or two misread.
func Contradicts(text, filed string) bool {
	if text == "" || filed == "" || text == filed {
		return false
	}
	if len(text) != len(filed) {
		return !strings.HasPrefix(text, filed) && !strings.HasPrefix(filed, text)
	}
	differ := 0
	for i := range text {
		if text[i] != filed[i] {
			differ++
		}
	}
	return differ > 2
}
