// Package paper prints what leaves the program on paper: forms with a head and a
// foot, and pages for the safe: a heading, paragraphs, and a text
// both as a QR symbol and in groups of letters that can be typed. Recovery
// shares and witnessed heads of the audit log leave the machine this way.
//
// Its invariant: what the symbol says and what the letters say is the same.
package paper

import (
	"bytes"
	"fmt"
	"image/png"
	"io"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

// Sheet is one page.
type Sheet struct {
	Heading    string
	Paragraphs []string
	Code       string // at most some 1,500 characters
}

// group is how many characters stand together, for the eye.
const group = 5

// Print writes the sheets as PDF, one page each.
func Print(w io.Writer, sheets []Sheet) error {
	doc := fpdf.New("P", "mm", "Letter", "")
	doc.SetMargins(20, 20, 20)
	for i, s := range sheets {
		if err := page(doc, s, i); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	if err := doc.Output(w); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func page(doc *fpdf.Fpdf, s Sheet, n int) error {
	doc.AddPage()
	doc.SetFont("Helvetica", "B", 18)
	doc.MultiCell(0, 9, s.Heading, "", "L", false)
	doc.SetFont("Helvetica", "", 11)
	for _, p := range s.Paragraphs {
		doc.Ln(3)
		doc.MultiCell(0, 5.5, p, "", "L", false)
	}
	doc.Ln(6)
	img, err := symbol(s.Code)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("code%d", n)
	doc.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, img)
	const size = 70
	doc.ImageOptions(name, 20, doc.GetY(), size, size, true, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	doc.Ln(6)
	doc.SetFont("Courier", "", 11)
	doc.MultiCell(0, 5.5, Grouped(s.Code), "", "L", false)
	return nil
}

func symbol(code string) (io.Reader, error) {
	c, err := qr.Encode(code, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	side := c.Bounds().Dx() * 6
	if c, err = barcode.Scale(c, side, side); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, c); err != nil {
		return nil, err
	}
	return &b, nil
}

// Grouped sets a text in groups of five letters, ten to a line.
func Grouped(code string) string {
	var b strings.Builder
	for i := 0; i < len(code); i += group {
		switch {
		case i == 0:
		case i/group%10 == 0:
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(code[i:min(i+group, len(code))])
	}
	return b.String()
}
