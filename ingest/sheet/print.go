package sheet

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"

	"chartvault/record"
)

const ownPrefix = "CV1|"

// Payload returns what our own sheet carries for a chart and a type.
func Payload(chart record.ChartNumber, typ string) string {
	s := ownPrefix + "D|" + chart.Canonical() + "|" + typ
	return s + "|" + ownCheck(s)
}

func ownCheck(s string) string {
	return fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(s)))[:4]
}

// parseOwn reads one of our own payloads.
func parseOwn(s string) (chart, typ string, err error) {
	i := strings.LastIndexByte(s, '|')
	parts := strings.Split(s, "|")
	if len(parts) != 5 || parts[1] != "D" || ownCheck(s[:i]) != parts[4] {
		return "", "", fmt.Errorf("sheet: %w: damaged payload", record.ErrInvalid)
	}
	if typ, err = record.TypeCode(parts[3]); err != nil {
		return "", "", err
	}
	return parts[2], typ, nil
}

// Label is one separator sheet to print.
type Label struct {
	Chart record.ChartNumber
	Type  string
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
		doc.Cell(180, 12, "SEPARATOR SHEET")
		doc.SetFont("Helvetica", "", 13)
		doc.SetXY(18, 38)
		doc.MultiCell(180, 6, "Put this sheet in front of the document it names. Do not copy it crooked; do not write on the bars.", "", "L", false)
		doc.SetFont("Helvetica", "B", 20)
		doc.SetXY(18, 58)
		doc.Cell(180, 10, "Chart "+l.Chart.Reveal())
		doc.SetXY(18, 70)
		doc.Cell(180, 10, "Type "+l.Type)
		payload := Payload(l.Chart, l.Type)
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
