package scan

import (
	"image"
	"math"
	"unicode"

	"github.com/klippa-app/go-pdfium/requests"

	"chartvault/ocr"
)

// fewWords is how many words make a page born-digital when an image covers it.
const fewWords = 10

// words returns the text layer of a page in pixels of its rendering.
func (f *pdfFile) words(n, w, h int) []ocr.Word {
	t, err := f.in.GetPageTextStructured(&requests.GetPageTextStructured{Page: f.page(n), Mode: requests.GetPageTextStructuredModeChars})
	if err != nil || len(t.Chars) == 0 {
		return nil
	}
	m, ok := f.toPixels(n, w, h)
	if !ok {
		return nil
	}
	var out []ocr.Word
	cur, line, lastBottom := ocr.Word{Confidence: 100}, 0, 0
	flush := func() {
		if cur.Text != "" && !cur.Box.Empty() {
			out = append(out, cur)
		}
		cur = ocr.Word{Confidence: 100}
	}
	for _, c := range t.Chars {
		r := []rune(c.Text)
		if len(r) == 0 || unicode.IsSpace(r[0]) || unicode.IsControl(r[0]) {
			flush()
			continue
		}
		p := c.PointPosition
		box := m.box(p.Left, p.Bottom, p.Right, p.Top)
		if box.Empty() {
			// A character the font gives no ink still belongs to its word.
			box = image.Rect(box.Min.X, box.Min.Y, box.Min.X+1, box.Min.Y+1)
		}
		if cur.Text != "" && (box.Min.Y > cur.Box.Max.Y || box.Max.Y < cur.Box.Min.Y) {
			flush()
		}
		if cur.Text == "" {
			if len(out) > 0 && box.Min.Y >= lastBottom {
				line++
			}
			cur.Line = line
		}
		cur.Text += c.Text
		cur.Box = cur.Box.Union(box)
		lastBottom = cur.Box.Max.Y
	}
	flush()
	return out
}

// legible decides whether a page's own text is to be believed: enough words,
// mostly letters and digits, or any at all where no image hides more.
func legible(words []ocr.Word, covered float64) bool {
	letters, all := 0, 0
	for _, w := range words {
		for _, r := range w.Text {
			all++
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters++
			}
		}
	}
	if all == 0 || float64(letters) < 0.5*float64(all) {
		return false
	}
	return len(words) >= fewWords || covered < 0.2
}

// affine maps (x, y) to (a*x + c*y + e, b*x + d*y + f).
type affine struct{ a, b, c, d, e, f float64 }

// after returns the map that applies g first, then m.
func (m affine) after(g affine) affine {
	return affine{
		m.a*g.a + m.c*g.b, m.b*g.a + m.d*g.b,
		m.a*g.c + m.c*g.d, m.b*g.c + m.d*g.d,
		m.a*g.e + m.c*g.f + m.e, m.b*g.e + m.d*g.f + m.f,
	}
}

// toPoints maps pixels of a rendering, origin bottom left, to the page's user
// space: what PDFium says of three corners.
func (f *pdfFile) toPoints(n, w, h int) (affine, bool) {
	at := func(x, y int) (px, py float64, ok bool) {
		r, err := f.in.FPDF_DeviceToPage(&requests.FPDF_DeviceToPage{Page: f.page(n), SizeX: w, SizeY: h, DeviceX: x, DeviceY: y})
		if err != nil {
			return 0, 0, false
		}
		return r.PageX, r.PageY, true
	}
	ex, ey, ok1 := at(0, h)
	ax, ay, ok2 := at(w, h)
	cx, cy, ok3 := at(0, 0)
	if !ok1 || !ok2 || !ok3 || w == 0 || h == 0 {
		return affine{}, false
	}
	fw, fh := float64(w), float64(h)
	return affine{(ax - ex) / fw, (ay - ey) / fw, (cx - ex) / fh, (cy - ey) / fh, ex, ey}, true
}

// pixels maps user space to pixels, origin top left.
type pixels struct {
	inv affine
	h   int
}

func (f *pdfFile) toPixels(n, w, h int) (pixels, bool) {
	m, ok := f.toPoints(n, w, h)
	det := m.a*m.d - m.b*m.c
	if !ok || math.Abs(det) < 1e-12 {
		return pixels{}, false
	}
	return pixels{affine{
		m.d / det, -m.b / det, -m.c / det, m.a / det,
		(m.c*m.f - m.d*m.e) / det, (m.b*m.e - m.a*m.f) / det,
	}, h}, true
}

func (p pixels) box(x0, y0, x1, y1 float64) image.Rectangle {
	at := func(x, y float64) image.Point {
		return image.Pt(int(math.Round(p.inv.a*x+p.inv.c*y+p.inv.e)), p.h-int(math.Round(p.inv.b*x+p.inv.d*y+p.inv.f)))
	}
	r := image.Rectangle{Min: at(x0, y0), Max: at(x1, y1)}
	return r.Canon()
}
