package sheet

import (
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"

	"chartvault/record"
)

// Label is one separator sheet to print.
type Label struct {
	Chart record.ChartNumber
	Type  string
	Pages int    // pages the document has; 0 when they were not counted
	Cover *Cover // a batch cover sheet instead, with no chart
}

// Sizes in millimetres on a letter page. Bars are whole pixels of a 300 dpi
// scanner wide, five where they fit; modules of 1.4 mm survive a fax. Both
// symbols carry the whole payload, so one may be torn.
const (
	pixel  = 25.4 / 300
	barTop = 95.0
	high   = 28.0
	room   = 192.0 // across, with quiet zones left over
	module = 1.4
)

// Print writes one separator sheet a label as a PDF of letter pages, bars as
// vectors.
func Print(w io.Writer, labels []Label) error {
	doc := fpdf.New("P", "mm", "Letter", "")
	doc.SetAutoPageBreak(false, 0)
	doc.SetProducer("Chartvault", false)
	for _, l := range labels {
		doc.AddPage()
		doc.SetFont("Helvetica", "B", 28)
		doc.SetXY(18, 22)
		head, lines, payload := l.words()
		doc.Cell(180, 12, head)
		doc.SetFont("Helvetica", "", 13)
		doc.SetXY(18, 38)
		doc.MultiCell(180, 6, lines[0], "", "L", false)
		doc.SetFont("Helvetica", "B", 20)
		doc.SetXY(18, 58)
		doc.Cell(180, 10, lines[1])
		doc.SetXY(18, 70)
		doc.Cell(180, 10, lines[2])
		c, err := code128.Encode(payload)
		if err != nil {
			return fmt.Errorf("print sheet: %w", err)
		}
		drawBars(doc, c)
		q, err := qr.Encode(payload, qr.M, qr.Auto)
		if err != nil {
			return fmt.Errorf("print sheet: %w", err)
		}
		drawModules(doc, q)
	}
	if err := doc.Output(w); err != nil {
		return fmt.Errorf("print sheets: %w", err)
	}
	return nil
}

// words are what stands on a sheet for people, and what for the reader.
func (l Label) words() (head string, lines [3]string, payload string) {
	if c := l.Cover; c != nil {
		return "BATCH COVER SHEET", [3]string{
			"Put this sheet in front of everything that was counted for it. Sheets and blank sides do not count as pages.",
			"Batch " + c.Label, fmt.Sprintf("%d documents, %d pages", c.Documents, c.Pages),
		}, c.Payload()
	}
	kind := "Type " + l.Type
	if l.Pages > 0 {
		kind = fmt.Sprintf("Type %s, %d pages", l.Type, l.Pages)
	}
	return "SEPARATOR SHEET", [3]string{
		"Put this sheet in front of the document it names. Do not copy it crooked; do not write on the bars.",
		"Chart " + l.Chart.Reveal(), kind,
	}, Counted(l.Chart, l.Type, l.Pages)
}

func dark(b barcode.Barcode, x, y int) bool {
	r, _, _, _ := b.At(x, y).RGBA()
	return r < 0x8000
}

// drawBars draws runs of dark modules as one bar each: a renderer may widen
// every rectangle it is given.
func drawBars(doc *fpdf.Fpdf, b barcode.Barcode) {
	n := b.Bounds().Dx()
	width := max(2, min(5, float64(int(room/pixel/float64(n))))) * pixel
	left := (215.9 - float64(n)*width) / 2
	for x := 0; x < n; {
		end := x
		for end < n && dark(b, end, 0) {
			end++
		}
		if end > x {
			doc.Rect(left+float64(x)*width, barTop, float64(end-x)*width, high, "F")
		}
		x = max(end, x+1)
	}
}

func drawModules(doc *fpdf.Fpdf, b barcode.Barcode) {
	n := b.Bounds().Dx()
	left, top := (215.9-float64(n)*module)/2, barTop+high+25
	for y := range n {
		for x := range n {
			if dark(b, x, y) {
				doc.Rect(left+float64(x)*module, top+float64(y)*module, module, module, "F")
			}
		}
	}
}
