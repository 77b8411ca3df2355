package sample

import (
	"bytes"
	"image"
	"image/color"
	"math/rand/v2"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Letter paper at 300 dpi.
const (
	dpi    = 300
	width  = 2550
	height = 3300
)

// Blank returns an empty side.
func Blank() *image.Gray {
	return &image.Gray{Pix: bytes.Repeat([]byte{0xFF}, width*height), Stride: width, Rect: image.Rect(0, 0, width, height)}
}

// pen writes lines of text on a page.
type pen struct {
	page *image.Gray
	y    int
}

// line writes text at the size given in points and moves down.
func (p *pen) line(text string, points float64, bold bool) {
	ttf := goregular.TTF
	if bold {
		ttf = gobold.TTF
	}
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err) // the font is part of the program
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: points, DPI: dpi, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // likewise
	}
	step := int(points * dpi / 72 * 1.4)
	p.y += step
	// Glyphs are drawn in colour, for which image/draw has a short way.
	strip := image.NewRGBA(image.Rect(0, p.y-step, width, p.y+step).Intersect(p.page.Rect))
	d := font.Drawer{Dst: strip, Src: image.NewUniform(color.Gray{20}), Face: face, Dot: fixed.P(225, p.y)}
	d.DrawString(text)
	under := p.page.Pix[p.page.PixOffset(0, strip.Rect.Min.Y):]
	for i := 0; i < len(strip.Pix); i += 4 {
		if ink := strip.Pix[i+3]; ink != 0 {
			under[i/4] = strip.Pix[i] + uint8(int(under[i/4])*(255-int(ink))/255)
		}
	}
}

func (p *pen) gap(px int) { p.y += px }

// Page prints one page of a chart: a heading and lines of text.
func Page(title string, lines []string) *image.Gray {
	p := &pen{page: Blank(), y: 180}
	p.line("SAMPLE GENERAL HOSPITAL (fictitious)", 14, true)
	p.gap(30)
	p.line(title, 13, true)
	p.gap(40)
	for _, l := range lines {
		p.line(l, 11, false)
	}
	return p.page
}

// Sheet prints a separator sheet with a payload as Code 128 and as QR.
func Sheet(title, payload string) *image.Gray {
	p := &pen{page: Blank(), y: 180}
	p.line("SEPARATOR SHEET", 26, true)
	p.line(title, 14, false)
	c, err := code128.Encode(payload)
	if err != nil {
		panic(err) // the payload is ours
	}
	module := max(2, min(5, 2100/c.Bounds().Dx()))
	stamp(p.page, c, module, 330, 900)
	q, err := qr.Encode(payload, qr.M, qr.Auto)
	if err != nil {
		panic(err) // likewise
	}
	stamp(p.page, q, 16, 0, 1500)
	return p.page
}

// PatchSheet prints a separator sheet with one of the patch codes "1", "2",
// "3", "T", "4" and "6": bars across the page, as near to its edge as a
// scanner's sensor wants them.
func PatchSheet(code string) *image.Gray {
	p := &pen{page: Blank(), y: 1400}
	p.line("PATCH "+code, 40, true)
	const wide, narrow = dpi / 5, dpi * 8 / 100
	bars := map[string]string{"1": "WWNN", "2": "WNNW", "3": "WNWN", "T": "NWNW", "4": "NWWN", "6": "NNWW"}[code]
	y := 150
	for _, b := range bars {
		h := narrow
		if b == 'W' {
			h = wide
		}
		ink(p.page, image.Rect(300, y, width-300, y+h))
		y += h + narrow
	}
	return p.page
}

// ink blackens a rectangle on the page.
func ink(page *image.Gray, at image.Rectangle) {
	for y := at.Min.Y; y < at.Max.Y; y++ {
		clear(page.Pix[page.PixOffset(at.Min.X, y):page.PixOffset(at.Max.X, y)])
	}
}

// stamp draws a symbol centred at y; rows is its height for linear symbols.
func stamp(page *image.Gray, b barcode.Barcode, module, rows, y int) {
	w, h := b.Bounds().Dx(), b.Bounds().Dy()
	left := (width - w*module) / 2
	if rows == 0 {
		rows = module
	}
	for sy := range h {
		for sx := range w {
			if r, _, _, _ := b.At(sx, sy).RGBA(); r < 0x8000 {
				at := image.Rect(left+sx*module, y+sy*rows, left+(sx+1)*module, y+(sy+1)*rows)
				ink(page, at)
			}
		}
	}
}

// Grain makes a page look like a grey scan: paper that is not white, and noise.
func Grain(g *image.Gray, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i, v := range g.Pix {
		g.Pix[i] = uint8(min(max(int(v)*235/255+8+r.IntN(9)-4, 0), 255))
	}
}

// Wrap breaks text into at most max lines of at most width characters.
func Wrap(text string, width, max int) []string {
	var out []string
	for para := range strings.Lines(text) {
		line := ""
		for _, w := range strings.Fields(para) {
			if line != "" && len(line)+1+len(w) > width {
				out = append(out, line)
				line = ""
			}
			line = strings.TrimSpace(line + " " + w)
		}
		out = append(out, line)
	}
	return out[:min(len(out), max)]
}
