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

// before makes the page larger by the room of its stamp, and returns what comes
// before the page's own content: the stamp, and a clip to what was shown of the
// page, so that nothing of it reaches into the room.
func (s *stamp) before(page types.Dict, attrs *model.InheritedPageAttrs) ([]byte, error) {
	if attrs == nil || attrs.MediaBox == nil {
		return nil, errors.New("a page without a size")
	}
	shown := attrs.MediaBox
	boxes := map[string]*types.Rectangle{"MediaBox": attrs.MediaBox}
	if attrs.CropBox != nil {
		shown, boxes["CropBox"] = attrs.CropBox, attrs.CropBox
	}
	clip := fmt.Sprintf("q %.4f %.4f %.4f %.4f re W n\n", shown.LL.X, shown.LL.Y, shown.Width(), shown.Height())
	for name, b := range boxes {
		page.Update(name, types.NewRectangle(math.Min(b.LL.X, s.below.LL.X), math.Min(b.LL.Y, s.below.LL.Y), math.Max(b.UR.X, s.below.UR.X), math.Max(b.UR.Y, s.below.UR.Y)).Array())
	}
	for name := range page {
		switch name { // a page that leaves takes nothing along but what shows it
		case "Type", "Parent", "MediaBox", "CropBox", "Rotate", "Resources", "Contents", "Group", "UserUnit":
		default:
			page.Delete(name)
		}
	}
	return append(append([]byte{}, s.content...), clip...), nil
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
	if err := f.blacken(g, p, size.Width, size.Height); err != nil {
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

// area is a part of a page, as shares of its width and height from the top left.
type area struct{ x, y, w, h float64 }

// blacken blacks boxes out, given in pixels of a page as it was read. A box that
// lies nowhere on the page is an error: it was meant for something. So is a page of
// another shape than was read.
func (f *pdfFile) blacken(g *image.Gray, p ocr.DocumentPage, w, h float64) error {
	if len(p.Black) == 0 {
		return nil
	}
	tw, th := float64(p.Text.Width), float64(p.Text.Height)
	if tw <= 0 || th <= 0 {
		return fmt.Errorf("%w: the page has no size", ocr.ErrFormat)
	}
	if shape := tw / th * h / w; shape < 0.95 || shape > 1.05 {
		return fmt.Errorf("%w: the page has another shape than was read", ocr.ErrFormat)
	}
	places, grow := f.places(p.Number, w, h)
	for _, b := range p.Black {
		var r image.Rectangle
		for _, a := range places {
			at := func(x, y int) image.Point {
				return image.Pt(int(math.Floor((a.x+float64(x)/tw*a.w)*float64(g.Rect.Dx()))), int(math.Floor((a.y+float64(y)/th*a.h)*float64(g.Rect.Dy()))))
			}
			r = r.Union(image.Rectangle{Min: at(b[0], b[1]).Sub(image.Pt(1, 1)), Max: at(b[2], b[3]).Add(image.Pt(2, 2))})
		}
		r = r.Inset(-int(math.Ceil(grow * float64(max(g.Rect.Dx(), g.Rect.Dy()))))).Intersect(g.Rect)
		if r.Empty() {
			return fmt.Errorf("%w: a box lies beside the page", ocr.ErrFormat)
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			clear(g.Pix[g.PixOffset(r.Min.X, y):g.PixOffset(r.Max.X, y)])
		}
	}
	return nil
}

// places says where on a page what was read of it may lie: all over it and, where
// its image is not quite as large as the page, where the image is. Of a page that
// is turned that is not worked out: grow is by what share of the page it may be off.
func (f *pdfFile) places(n int, w, h float64) (out []area, grow float64) {
	out = []area{{0, 0, 1, 1}}
	rot, err := f.in.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: f.page(n)})
	if err != nil {
		return out, slack
	}
	if rot.PageRotation%2 != 0 {
		w, h = h, w
	}
	x0, y0 := f.corner(n)
	for _, m := range f.placed(n) {
		m.E, m.F = m.E-x0, m.F-y0
		if !fills(m, w, h) {
			continue
		}
		a := area{float64(m.E) / w, 1 - float64(m.F+m.D)/h, float64(m.A) / w, float64(m.D) / h}
		if math.Abs(a.x)+math.Abs(a.y)+math.Abs(a.w-1)+math.Abs(a.h-1) < 0.001 {
			continue
		}
		if rot.PageRotation != 0 {
			return out, slack
		}
		out = append(out, a)
	}
	return out, 0
}

// corner is where a page begins in its own space: its lower left.
func (f *pdfFile) corner(n int) (x, y float32) {
	if b, err := f.in.FPDFPage_GetCropBox(&requests.FPDFPage_GetCropBox{Page: f.page(n)}); err == nil {
		return b.Left, b.Bottom
	}
	if b, err := f.in.FPDFPage_GetMediaBox(&requests.FPDFPage_GetMediaBox{Page: f.page(n)}); err == nil {
		return b.Left, b.Bottom
	}
	return 0, 0
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
