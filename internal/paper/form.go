package paper

import (
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"
)

// Form is a PDF of letter pages with the head and foot of every printed form:
// certificates, letters, covers, lists.
type Form struct {
	*fpdf.Fpdf
}

// NewForm begins a form: its title and number at the head, and both with the
// facility and the page at the foot of each page. number may be "".
func NewForm(title, number, facility string) Form {
	p := Form{fpdf.New("P", "mm", "Letter", "")}
	p.SetProducer("Chartvault", false)
	p.SetTitle(strings.TrimSpace(title+" "+number), false)
	p.SetMargins(20, 20, 20)
	p.SetAutoPageBreak(true, 20)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(func() {
		p.SetY(-14)
		p.SetFont("Helvetica", "", 8)
		p.CellFormat(0, 5, Latin(fmt.Sprintf("%s, %s: page %d of {pages}", strings.TrimSpace(title+" "+number), facility, p.PageNo())), "", 0, "C", false, 0, "")
	})
	p.AddPage()
	p.SetFont("Helvetica", "B", 20)
	p.CellFormat(120, 12, Latin(title), "", 0, "L", false, 0, "")
	p.SetFont("Helvetica", "", 14)
	if number != "" {
		number = "No. " + number
	}
	p.CellFormat(0, 12, number, "", 1, "R", false, 0, "")
	p.Ln(2)
	return p
}

// Paragraph prints a paragraph, across the page.
func (p Form) Paragraph(text string) { p.text("I", text) }

// Body prints a paragraph upright.
func (p Form) Body(text string) { p.text("", text) }

func (p Form) text(style, text string) {
	p.SetFont("Helvetica", style, 10)
	p.MultiCell(0, 5, Latin(text), "", "L", false)
	p.Ln(2)
}

// Line prints a text under its label; nothing where there is no text.
func (p Form) Line(label, text string) {
	if text == "" {
		return
	}
	p.SetFont("Helvetica", "B", 9)
	p.CellFormat(38, 5, Latin(label), "", 0, "L", false, 0, "")
	p.SetFont("Helvetica", "", 9)
	p.MultiCell(0, 5, Latin(text), "", "L", false)
	p.Ln(0.5)
}

// Table prints rows under heads, in columns of the given widths in millimetres:
// 176 fill the page. Texts that are too wide go on in the next line of their cell.
func (p Form) Table(heads []string, widths []float64, rows [][]string) {
	head := func() {
		p.SetFont("Helvetica", "B", 9)
		p.SetFillColor(230, 230, 230)
		for i, h := range heads {
			p.CellFormat(widths[i], 6, Latin(h), "1", 0, "L", true, 0, "")
		}
		p.Ln(-1)
		p.SetFont("Helvetica", "", 8)
	}
	head()
	_, bottom := p.GetPageSize()
	for _, row := range rows {
		high, cells := 1, make([][]string, len(row))
		for i, text := range row {
			for _, l := range p.SplitLines([]byte(Latin(text)), widths[i]-2) {
				cells[i] = append(cells[i], string(l))
			}
			high = max(high, len(cells[i]))
		}
		if p.GetY()+float64(high)*4+1 > bottom-20 {
			p.AddPage()
			head()
		}
		x, y := p.GetXY()
		for i := range row {
			p.Rect(x, y, widths[i], float64(high)*4+1, "D")
			for k, l := range cells[i] {
				p.SetXY(x, y+0.5+float64(k)*4)
				p.CellFormat(widths[i], 4, l, "", 0, "L", false, 0, "")
			}
			x += widths[i]
		}
		p.SetXY(20, y+float64(high)*4+1)
	}
	p.Ln(3)
}

// Latin is a text as the PDF's built-in fonts want it: one byte a character, of
// those that Windows-1252 has, and "?" for others.
func Latin(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r < 0x80 || r >= 0xA0 && r <= 0xFF:
			b = append(b, byte(r))
		case r == '€':
			b = append(b, 0x80)
		case r == '‘':
			b = append(b, 0x91)
		case r == '’':
			b = append(b, 0x92)
		case r == '“':
			b = append(b, 0x93)
		case r == '”':
			b = append(b, 0x94)
		case r == '–':
			b = append(b, 0x96)
		case r == '—':
			b = append(b, 0x97)
		default:
			b = append(b, '?')
		}
	}
	return string(b)
}
