// Package barcode reads the Code 128, Code 39 and QR symbols of a page image
// with gozxing. It parses hostile pixels and runs in the worker only.
//
// Its invariant: it reports what a symbol says and guesses nothing. A symbol
// that cannot be read is not reported, and a false reading is worth more care
// than a missed one, because a misfiled page is the worst defect there is: a
// symbol counts when two scan passes agree on it, or its symbology has error
// correction or a check character over all of it.
package barcode

import (
	"fmt"
	"image"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"

	"chartvault/ocr"
)

// minLength is the least characters a linear symbol must carry: shorter ones
// are stripes in a picture.
const minLength = 3

// Read returns the symbols of an 8-bit image, at most one of each symbology,
// in the order code128, code39, qr.
func Read(g *image.Gray) (found []ocr.Barcode) {
	defer func() {
		if r := recover(); r != nil {
			// The library indexes out of range on some pixels. That costs this
			// attempt, not the page.
			found = nil
		}
	}()
	src := &gray{gozxing.LuminanceSourceBase{Width: g.Bounds().Dx(), Height: g.Bounds().Dy()}, g}
	for _, r := range readers() {
		bmp, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(src))
		if err != nil {
			return found
		}
		text, ok := r.read(bmp)
		if ok {
			found = append(found, ocr.Barcode{Symbology: r.name, Text: text})
		}
	}
	return found
}

type reader struct {
	name    string
	decode  gozxing.Reader
	linear  bool
	confirm bool // the symbology has no check character: another pass must agree
}

func readers() []reader {
	return []reader{
		{"code128", oned.NewCode128Reader(), true, false},
		{"code39", oned.NewCode39Reader(), true, true},
		{"qr", qrcode.NewQRCodeReader(), false, false},
	}
}

func (r reader) read(bmp *gozxing.BinaryBitmap) (string, bool) {
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	res, err := r.decode.Decode(bmp, hints)
	if err != nil {
		return "", false
	}
	text := res.GetText()
	if r.linear && len(text) < minLength {
		return "", false
	}
	if r.confirm && !r.agrees(bmp, res, hints) {
		return "", false
	}
	return text, true
}

// agrees reads the rows just above and below the one that gave res, where a
// real symbol reads the same.
func (r reader) agrees(bmp *gozxing.BinaryBitmap, res *gozxing.Result, hints map[gozxing.DecodeHintType]any) bool {
	pts := res.GetResultPoints()
	row, ok := r.decode.(interface {
		DecodeRow(int, *gozxing.BitArray, map[gozxing.DecodeHintType]any) (*gozxing.Result, error)
	})
	if !ok || len(pts) == 0 {
		return true
	}
	if len(pts) > 1 && pts[0].GetX() == pts[1].GetX() {
		return true // read across a turned image: its rows are columns here
	}
	y, votes := int(pts[0].GetY()), 0
	for _, dy := range []int{-6, -3, -2, 2, 3, 6} {
		if y+dy < 0 || y+dy >= bmp.GetHeight() {
			continue
		}
		bits, err := bmp.GetBlackRow(y+dy, nil)
		if err != nil {
			continue
		}
		if again, err := row.DecodeRow(y+dy, bits, hints); err == nil && again.GetText() == res.GetText() {
			votes++
		}
	}
	return votes > 0
}

// gray shows an image to gozxing without copying it pixel by pixel.
type gray struct {
	gozxing.LuminanceSourceBase
	g *image.Gray
}

func (s *gray) GetRow(y int, row []byte) ([]byte, error) {
	if y < 0 || y >= s.Height {
		return nil, fmt.Errorf("row %d of %d", y, s.Height)
	}
	if len(row) < s.Width {
		row = make([]byte, s.Width)
	}
	copy(row, s.g.Pix[y*s.g.Stride:y*s.g.Stride+s.Width])
	return row, nil
}

func (s *gray) GetMatrix() []byte { return s.g.Pix } // lept's images are packed

func (s *gray) Invert() gozxing.LuminanceSource { return gozxing.LuminanceSourceInvert(s) }

func (s *gray) String() string { return "page" }

func (s *gray) IsRotateSupported() bool { return true }

func (s *gray) RotateCounterClockwise() (gozxing.LuminanceSource, error) {
	w, h := s.Width, s.Height
	t := image.NewGray(image.Rect(0, 0, h, w))
	for y := range h {
		for x := range w {
			t.Pix[(w-1-x)*h+y] = s.g.Pix[y*s.g.Stride+x]
		}
	}
	return &gray{gozxing.LuminanceSourceBase{Width: h, Height: w}, t}, nil
}
