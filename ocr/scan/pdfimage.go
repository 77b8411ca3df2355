package scan

import (
	"image"
	"math"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/structs"

	"chartvault/ocr/lept"
)

// slack is how far, as a share of the page, an image's edges may lie from the
// page's for the two to be one.
const slack = 0.02

// whole returns the image that is the whole page, as it was scanned, where the
// page is one image and nothing else: nothing is rendered and no pixel is made
// anew. ok is false for any other page.
func (f *pdfFile) whole(n int, w, h float64) (s Side, ok bool) {
	o, ok := f.only(n)
	if !ok {
		return Side{}, false
	}
	rot, err := f.in.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: f.page(n)})
	if err != nil {
		return Side{}, false
	}
	turn := int(rot.PageRotation)
	pw, ph := w, h // of the page before it is rotated
	if turn%2 != 0 {
		pw, ph = h, w
	}
	m, err := f.in.FPDFPageObj_GetMatrix(&requests.FPDFPageObj_GetMatrix{PageObject: o})
	if err != nil {
		return Side{}, false
	}
	if !fills(m.Matrix, pw, ph) {
		return Side{}, false
	}
	md, err := f.in.FPDFImageObj_GetImageMetadata(&requests.FPDFImageObj_GetImageMetadata{ImageObject: o, Page: f.page(n)})
	if err != nil || checkSize(int(md.ImageMetadata.Width), int(md.ImageMetadata.Height)) != nil {
		return Side{}, false
	}
	p := f.samples(o, int(md.ImageMetadata.BitsPerPixel))
	if p == nil {
		return Side{}, false
	}
	if turn != 0 {
		t, err := p.Turn(turn)
		p.Close()
		if err != nil {
			return Side{}, false
		}
		p = t
	}
	dx, dy := resolution(float64(p.Width())/w*72, float64(p.Height())/h*72, p.Width(), p.Height())
	return Side{Pix: p, DPIX: dx, DPIY: dy}, true
}

// only returns the image of a page that has no other object.
func (f *pdfFile) only(n int) (o references.FPDF_PAGEOBJECT, ok bool) {
	count, err := f.in.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: f.page(n)})
	if err != nil || count.Count != 1 {
		return o, false
	}
	got, err := f.in.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: f.page(n), Index: 0})
	if err != nil {
		return o, false
	}
	kind, err := f.in.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: got.PageObject})
	if err != nil || kind.Type != enums.FPDF_PAGEOBJ_IMAGE {
		return o, false
	}
	clear, err := f.in.FPDFPageObj_HasTransparency(&requests.FPDFPageObj_HasTransparency{PageObject: got.PageObject})
	if err != nil || clear.HasTransparency {
		return o, false
	}
	notes, err := f.in.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: f.page(n)})
	return got.PageObject, err == nil && notes.Count == 0
}

// samples decodes an image: a JPEG with Leptonica, the rest with PDFium. It
// returns nil where that cannot be done.
func (f *pdfFile) samples(o references.FPDF_PAGEOBJECT, bits int) *lept.Pix {
	if p := f.jpeg(o); p != nil {
		return p
	}
	b, err := f.in.FPDFImageObj_GetBitmap(&requests.FPDFImageObj_GetBitmap{ImageObject: o})
	if err != nil {
		return nil
	}
	defer f.in.FPDFBitmap_Destroy(&requests.FPDFBitmap_Destroy{Bitmap: b.Bitmap})
	format, err1 := f.in.FPDFBitmap_GetFormat(&requests.FPDFBitmap_GetFormat{Bitmap: b.Bitmap})
	width, err2 := f.in.FPDFBitmap_GetWidth(&requests.FPDFBitmap_GetWidth{Bitmap: b.Bitmap})
	height, err3 := f.in.FPDFBitmap_GetHeight(&requests.FPDFBitmap_GetHeight{Bitmap: b.Bitmap})
	stride, err4 := f.in.FPDFBitmap_GetStride(&requests.FPDFBitmap_GetStride{Bitmap: b.Bitmap})
	buf, err5 := f.in.FPDFBitmap_GetBuffer(&requests.FPDFBitmap_GetBuffer{Bitmap: b.Bitmap})
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			return nil
		}
	}
	step := map[enums.FPDF_BITMAP_FORMAT]int{enums.FPDF_BITMAP_FORMAT_GRAY: 1, enums.FPDF_BITMAP_FORMAT_BGR: 3, enums.FPDF_BITMAP_FORMAT_BGRX: 4}[format.Format]
	if step == 0 || checkSize(width.Width, height.Height) != nil || len(buf.Buffer) < stride.Stride*height.Height || stride.Stride < step*width.Width {
		return nil
	}
	g := grays(buf.Buffer, width.Width, height.Height, stride.Stride, step)
	p, err := lept.FromGray(g)
	if err != nil || bits != 1 {
		return p
	}
	defer p.Close()
	bw, err := p.Threshold(128)
	if err != nil {
		return nil
	}
	return bw
}

// grays makes an 8-bit image of samples in the order blue, green, red.
func grays(b []byte, w, h, stride, step int) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		row, out := b[y*stride:], g.Pix[y*g.Stride:]
		for x := range w {
			if px := row[x*step:]; step == 1 {
				out[x] = px[0]
			} else { // the weights of ITU-R BT.601
				out[x] = uint8((114*int(px[0]) + 587*int(px[1]) + 299*int(px[2])) / 1000)
			}
		}
	}
	return g
}

// jpeg decodes an image that is one JPEG stream and nothing more.
func (f *pdfFile) jpeg(o references.FPDF_PAGEOBJECT) *lept.Pix {
	count, err := f.in.FPDFImageObj_GetImageFilterCount(&requests.FPDFImageObj_GetImageFilterCount{ImageObject: o})
	if err != nil || count.Count != 1 {
		return nil
	}
	filter, err := f.in.FPDFImageObj_GetImageFilter(&requests.FPDFImageObj_GetImageFilter{ImageObject: o})
	if err != nil || filter.ImageFilter != "DCTDecode" {
		return nil
	}
	raw, err := f.in.FPDFImageObj_GetImageDataRaw(&requests.FPDFImageObj_GetImageDataRaw{ImageObject: o})
	if err != nil || len(raw.Data) < 4 {
		return nil
	}
	h, err := parseJPEG(raw.Data)
	if err != nil || h.components == 4 || checkSize(h.w, h.h) != nil {
		return nil // a Decode array may turn CMYK round: PDFium knows
	}
	p, err := decode(raw.Data)
	if err != nil {
		return nil
	}
	return p
}

// fills reports whether a matrix places an image upright all over a page, but for the
// slack.
func fills(m structs.FPDF_FS_MATRIX, w, h float64) bool {
	near := func(v float32, want, of float64) bool { return math.Abs(float64(v)-want) <= slack*of }
	return near(m.A, w, w) && near(m.D, h, h) && near(m.B, 0, h) && near(m.C, 0, w) && near(m.E, 0, w) && near(m.F, 0, h)
}
