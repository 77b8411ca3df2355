package scan

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"strings"

	"github.com/klippa-app/go-pdfium/requests"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// stampFont is the resource name of a stamp's font; stampRoom is how much a page
// grows at its foot for it, in points, so that it covers nothing.
const (
	stampFont = "CvStamp"
	stampRoom = 18.0
)

// stamp is a line of print below a page.
type stamp struct {
	content []byte
	below   *types.Rectangle // the room it takes, in the page's user space
}

// stamp makes a stamp for page n as it is displayed; nil where the page says
// nothing of its size.
func (f *pdfFile) stamp(n int, text string) *stamp {
	size, err := f.in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: f.doc, Index: n - 1})
	if err != nil || size.Width <= 0 || size.Height <= 0 {
		return nil
	}
	const fine = 10000 // PDFium counts in whole pixels
	m, ok := f.toPoints(n, fine, fine)
	if !ok {
		return nil
	}
	return newStamp(text, m.after(affine{fine / size.Width, 0, 0, fine / size.Height, 0, 0}), size.Width)
}

// newStamp makes a stamp for a page of a width in points as displayed, which m
// maps to the page's user space.
func newStamp(text string, m affine, width float64) *stamp {
	safe := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text))
	s := &stamp{content: fmt.Appendf(nil, "\nq %.6f %.6f %.6f %.6f %.4f %.4f cm 0 g BT /%s 8 Tf 18 %.1f Td (%s) Tj ET Q\n", m.a, m.b, m.c, m.d, m.e, m.f, stampFont, 6-stampRoom, safe)}
	x0, y0 := m.at(0, -stampRoom)
	x1, y1 := m.at(width, 0)
	s.below = types.NewRectangle(math.Min(x0, x1), math.Min(y0, y1), math.Max(x0, x1), math.Max(y0, y1))
	return s
}

func (m affine) at(x, y float64) (float64, float64) { return m.a*x + m.c*y + m.e, m.b*x + m.d*y + m.f }

// room makes the page larger by the room of its stamp.
func (s *stamp) room(page types.Dict, attrs *model.InheritedPageAttrs) error {
	if attrs == nil || attrs.MediaBox == nil {
		return errors.New("a page without a size")
	}
	boxes := map[string]*types.Rectangle{"MediaBox": attrs.MediaBox}
	if attrs.CropBox != nil {
		boxes["CropBox"] = attrs.CropBox
	}
	for name, b := range boxes {
		page.Update(name, types.NewRectangle(math.Min(b.LL.X, s.below.LL.X), math.Min(b.LL.Y, s.below.LL.Y), math.Max(b.UR.X, s.below.UR.X), math.Max(b.UR.Y, s.below.UR.Y)).Array())
	}
	for _, name := range []string{"TrimBox", "BleedBox", "ArtBox"} {
		page.Delete(name)
	}
	return nil
}

// burnt adds a page made anew: an image of all that is shown on it but what is
// blacked out, and no text.
func (f *pdfFile) burnt(out *joiner, p ocr.DocumentPage) error {
	size, err := f.in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: f.doc, Index: p.Number - 1})
	if err != nil {
		return fmt.Errorf("black out page %d: %w: %w", p.Number, ocr.ErrFormat, err)
	}
	g, _, _, err := f.render(p.Number, size.Width, size.Height)
	if err != nil {
		return err
	}
	if err := blacken(g, p.Black, p.Text.Width, p.Text.Height); err != nil {
		return fmt.Errorf("black out page %d: %w", p.Number, err)
	}
	rows := make([]byte, 0, g.Rect.Dx()*g.Rect.Dy())
	for y := g.Rect.Min.Y; y < g.Rect.Max.Y; y++ {
		rows = append(rows, g.Pix[g.PixOffset(g.Rect.Min.X, y):g.PixOffset(g.Rect.Max.X-1, y)+1]...)
	}
	im := pdf.Image{Width: g.Rect.Dx(), Bits: 8, ColorSpace: "/DeviceGray", Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: g.Rect.Dy(), Data: pdf.Deflate(rows)}}}
	var b bytes.Buffer
	w := pdf.NewWriter(&b)
	if err := errors.Join(w.AddPage(pdf.Page{Width: size.Width, Height: size.Height, Image: im}), w.Close()); err != nil {
		return fmt.Errorf("black out page %d: %w", p.Number, err)
	}
	var l layer
	if p.Stamp != "" {
		l.stamp = newStamp(p.Stamp, affine{1, 0, 0, 1, 0, 0}, size.Width)
	}
	ctx, err := overlay(b.Bytes(), map[int]layer{1: l})
	if err != nil {
		return fmt.Errorf("black out page %d: %w", p.Number, err)
	}
	return out.add(ctx, 1)
}

// blacken blacks boxes out, given in pixels of a page of w by h. A box that lies
// nowhere on the page is an error: it was meant for something.
func blacken(g *image.Gray, boxes [][4]int, w, h int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("%w: the page has no size", ocr.ErrFormat)
	}
	sx, sy := float64(g.Rect.Dx())/float64(w), float64(g.Rect.Dy())/float64(h)
	for _, b := range boxes {
		r := image.Rect(int(math.Floor(float64(b[0])*sx))-1, int(math.Floor(float64(b[1])*sy))-1, int(math.Ceil(float64(b[2])*sx))+1, int(math.Ceil(float64(b[3])*sy))+1).Intersect(g.Rect)
		if r.Empty() {
			return fmt.Errorf("%w: a box lies beside the page", ocr.ErrFormat)
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			clear(g.Pix[g.PixOffset(r.Min.X, y):g.PixOffset(r.Max.X, y)])
		}
	}
	return nil
}

// Lock encrypts a PDF with a password (AES-256), which opens it and allows
// everything.
func Lock(w io.Writer, b []byte, password string) error {
	api.DisableConfigDir()
	conf := model.NewAESConfiguration(password, rand.Text(), 256)
	conf.ValidationMode, conf.Permissions = model.ValidationRelaxed, model.PermissionsAll
	if err := api.Encrypt(bytes.NewReader(b), w, conf); err != nil {
		return fmt.Errorf("encrypt pdf: %w: %w", ocr.ErrFormat, err)
	}
	return nil
}
