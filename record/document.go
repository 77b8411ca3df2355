package record

import (
	"fmt"
	"time"
)

// Placement says where a page of a batch went.
type Placement string

// Placements. A page in QA is stored inside a document all the same.
const (
	PlaceFiled     Placement = "filed"
	PlaceSeparator Placement = "separator"
	PlaceBlank     Placement = "blank"
	PlaceQA        Placement = "qa"
)

// Doubt is a reason why a page or a document waits in QA.
type Doubt string

// Doubts. They are shown to technicians in words by the command and the pages.
const (
	DoubtNoChartNumber  Doubt = "no_chart_number"      // no sheet or label named a chart
	DoubtBadChartNumber Doubt = "invalid_chart_number" // a sheet named one that fails the site's pattern or check
	DoubtUnreadPage     Doubt = "page_not_read"        // the page could not be decoded, or reading it crashed or timed out
	DoubtPoorText       Doubt = "text_hardly_readable" // the reader's confidence is below the site's threshold
	DoubtUnreadSource   Doubt = "source_not_read"      // no page of the file could be had
	DoubtConflict       Doubt = "conflicting_barcodes" // one page carries two different chart numbers
	DoubtOtherChart     Doubt = "text_names_another"   // the page's own text names another chart than the sheet before it
	DoubtTextOnly       Doubt = "chart_number_in_text" // no sheet named a chart; the text does, and nothing confirms it
	DoubtUnknownChart   Doubt = "chart_not_in_list"    // the patient list does not know the sheet's chart number
	DoubtOtherPatient   Doubt = "another_patient"      // name or date of birth are not those of the chart, or of the document's first page
	DoubtDocumentCount  Doubt = "document_count"       // the document has another number of pages than its sheet says
	DoubtBatchCount     Doubt = "batch_count"          // the batch has other counts than its cover sheet says
	DoubtDoubleFeed     Doubt = "double_feed"          // a side is missing, or far longer than the others: two sheets went through together
	DoubtDamaged        Doubt = "file_damaged"         // the scan file is broken and may have had more pages
	DoubtSamePage       Doubt = "page_scanned_twice"   // another page of the batch looks the same
)

// DocumentState says what a document is.
type DocumentState string

// States of a document. QA documents are stored and found by search; they are
// not returned by chart number until somebody assigns one.
const (
	DocumentFiled      DocumentState = "filed"
	DocumentQA         DocumentState = "qa"
	DocumentSuperseded DocumentState = "superseded" // documents were made of its pages; kept, and shown to nobody
	DocumentDestroying DocumentState = "destroying" // the key is being, or has been, destroyed: only forward from here
	DocumentDestroyed  DocumentState = "destroyed"
)

// TypeUnknown is the document type of what nothing has classified.
const TypeUnknown = "UNCLASSIFIED"

// Document is one or more pages of one chart, type and service date.
type Document struct {
	ID          ID
	Version     int // of the objects; 1 when first filed
	Batch       ID
	Chart       ChartNumber // zero while in QA without a number
	Type        string      // local type code, such as PROGRESS_NOTE; TypeUnknown when nothing said
	ServiceDate Date        // zero when unknown
	FiledAt     time.Time
	State       DocumentState
	Doubts      []Doubt
	Pages       int
	Bytes       int64 // of the sealed package
}

// TypeCode checks a document type code: 1 to 40 of A-Z, 0-9 and '_', in upper
// case. It stands in clear in the catalogue, so it must not be free text.
func TypeCode(s string) (string, error) { return code("document type", s) }

// FacilityCode checks the code of a facility: what stands in documents for the place
// whose charts they are of, written as a document type is.
func FacilityCode(s string) (string, error) { return code("facility", s) }

func code(what, s string) (string, error) {
	if s == "" || len(s) > 40 {
		return "", fmt.Errorf("%s: %w: want 1 to 40 characters", what, ErrInvalid)
	}
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		default:
			return "", fmt.Errorf("%s: %w: want letters, digits and underscores", what, ErrInvalid)
		}
	}
	return string(b), nil
}
