package ocr

import (
	"context"
	"errors"
	"image"
	"io"
	"os"
)

// Source is an open scan file. Key tells two sources apart, so that a worker
// keeps one parsed between its pages; it must be unique to the bytes.
type Source struct {
	Key       string
	File      *os.File // open for reading only; the reader duplicates it
	Passwords []string // tried on an encrypted PDF
	Pages     int      // of the source, where known: small ones are read before large ones
}

// Probe says what a scan file is.
type Probe struct {
	Kind   string `json:"kind"`             // "tiff", "pdf", "jpeg", "jp2" or "png"
	Damage string `json:"damage,omitempty"` // what of the file could not be had, in words; "" for nothing
	Pages  int    `json:"pages"`            // sides, at least 1
}

// Symbologies lists the symbologies that are read, in the order a page's symbols
// come in.
func Symbologies() []string {
	return []string{"code128", "code39", "qr", "datamatrix", "pdf417", "patch"}
}

// Barcode is one symbol found on a page.
type Barcode struct {
	Symbology string          `json:"symbology"`          // one of Symbologies
	Text      string          `json:"text"`               // of a patch code: "1", "2", "3", "T", "4" or "6"
	Box       image.Rectangle `json:"box"`                // where on the page as scanned, in pixels, about
	Disputed  bool            `json:"disputed,omitempty"` // readers saw different texts at this place: none of them counts
}

// Page is what reading one side gives.
type Page struct {
	Text     PageText  `json:"text"`
	Barcodes []Barcode `json:"barcodes,omitempty"`
	Blank    bool      `json:"blank,omitempty"`   // no mark the size of a letter
	Sheet    bool      `json:"sheet,omitempty"`   // a barcode matched Options.Sheets, so the page was not recognised
	Preview  []byte    `json:"preview,omitempty"` // PNG at about 100 dpi, as displayed
}

// Options tell the reader what a site wants.
type Options struct {
	Languages string   `json:"languages"` // Tesseract's, such as "eng"
	Sheets    []string `json:"sheets"`    // regular expressions of barcodes whose page need not be recognised
	Careful   bool     `json:"careful"`   // leave out what has been seen to crash: the pool's second try
}

// DocumentPage asks for one page of a source in a document.
type DocumentPage struct {
	Number int      `json:"number"` // 1-based, in the source
	Text   PageText `json:"text"`

	// Of a page of a PDF that is to leave the archive. Black lists what is blacked
	// out, as left, top, right, bottom in pixels of the page as displayed, of
	// Text's width and height: such a page is made anew as an image, without a
	// text layer. Stamp is printed below the page, in room made for it; a stamped
	// page that may hold more than it shows is made anew too, unless this program
	// made it, of words that are all to be read.
	Black [][4]int `json:"black,omitempty"`
	Stamp string   `json:"stamp,omitempty"`
	Made  bool     `json:"made,omitempty"`
}

// Plain reports whether a page goes in as it is.
func (p DocumentPage) Plain() bool { return len(p.Black) == 0 && p.Stamp == "" }

// Document says what was written.
type Document struct {
	Exact bool `json:"exact"` // every image stands in the PDF as it was encoded in the source
}

// Reader reads scan files. Its one real implementation is Pool.
//
// Errors: ErrFormat when a file or page cannot be read and never will be,
// ErrCrashed and ErrTimeout when the worker was lost over it; anything else
// says nothing about the file and may be retried.
type Reader interface {
	// Probe opens the file and counts its sides.
	Probe(ctx context.Context, src Source) (Probe, error)

	// Page reads side n, counting from 1.
	Page(ctx context.Context, src Source, n int, o Options) (Page, error)

	// Document writes the given sides as one searchable PDF. next returns
	// them in order and io.EOF after the last.
	Document(ctx context.Context, src Source, next func() (DocumentPage, error), w io.Writer) (Document, error)

	// Original writes the given sides of src in their own file format, bit
	// for bit as far as the format allows, and returns its file name ending.
	Original(ctx context.Context, src Source, pages []int, w io.Writer) (ext string, err error)
}

// Sentinels of a Reader.
var (
	ErrFormat  = errors.New("not a readable scan")           // damaged, encrypted, foreign or over a limit
	ErrCrashed = errors.New("the reading process crashed")   // and was replaced
	ErrTimeout = errors.New("the reading process was stuck") // killed at its time limit
	ErrOutput  = errors.New("the reading process broke its contract")
	ErrEngine  = errors.New("the reading engine does not start") // a missing model or library: about this machine, not the file
)

// Unavailable reports whether an error says that reading cannot be done now,
// as against that this file cannot be read.
func Unavailable(err error) bool {
	for _, about := range []error{ErrFormat, ErrCrashed, ErrTimeout, ErrOutput} {
		if errors.Is(err, about) {
			return false
		}
	}
	if errors.Is(err, ErrEngine) {
		return true
	}
	_, reported := errors.AsType[failure](err)
	return err != nil && !reported
}
