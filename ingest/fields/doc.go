// Package fields understands what a page says about itself: whose it is and
// what kind of document, from its text alone. It proposes and confirms; it
// corrects nothing.
//
// Its invariants: every value carries where it came from, how sure the reader
// was of its characters, and where on the page it stands; a value that is not
// as the site's rule or the patient list has it is reported as it was read; and
// what contradicts another value is a doubt, never a choice made in silence.
//
// Stored form: Found as JSON, sealed in a page's spool file and, as Index, in
// the document's manifest.
package fields

import "image"

// Source says where a value came from.
type Source string

// Sources, the surest last.
const (
	FromText    Source = "text"
	FromBarcode Source = "barcode"
	FromIndex   Source = "index"        // of another system's export
	FromList    Source = "patient list" // read in the text, and confirmed
)

// Value is one thing a page says.
type Value struct {
	Text       string          `json:"text"`       // as it was read; dates as YYYY-MM-DD
	Confidence int             `json:"confidence"` // of the least sure word of it, 0 to 100
	Source     Source          `json:"source"`
	Label      string          `json:"label,omitempty"` // the printed words that announced it
	Page       int             `json:"page,omitempty"`  // 1-based, in the source
	Box        image.Rectangle `json:"box,omitzero"`    // pixels of the page as displayed
}

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return v.Text == "" }

// Found is what one page says.
type Found struct {
	Charts  []Value   `json:"charts,omitempty"` // chart numbers after their labels, canonical
	Names   []Value   `json:"names,omitempty"`
	Born    []Value   `json:"born,omitempty"`
	Service []Value   `json:"service,omitempty"` // dates of service, the most telling label first
	Types   []TypeHit `json:"types,omitempty"`   // the best first
	Numbers []string  `json:"numbers,omitempty"` // page numbers "n of m", as "n/m"
}
