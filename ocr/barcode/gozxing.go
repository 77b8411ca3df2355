package barcode

import (
	"fmt"
	"image"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/datamatrix"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"
)

type reader struct {
	name   string
	decode gozxing.Reader
	linear bool
}

func readers() []reader {
	return []reader{
		{"code128", oned.NewCode128Reader(), true},
		{"code39", oned.NewCode39Reader(), true},
		{"qr", qrcode.NewQRCodeReader(), false},
		{"datamatrix", datamatrix.NewDataMatrixReader(), false},
	}
}

// gozxingAll reads an image with the Go library: one symbol of each symbology,
// and for a linear one a second voice where another row says the same.
func gozxingAll(g *image.Gray) (found []reading) {
	defer func() {
		if r := recover(); r != nil {
			// The library indexes out of range on some pixels. That costs this
			// attempt, not the page.
			found = nil
		}
	}()
	src := &gray{gozxing.LuminanceSourceBase{Width: g.Bounds().Dx(), Height: g.Bounds().Dy()}, g}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	for _, r := range readers() {
		bmp, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(src))
		if err != nil {
			return found
		}
		res, err := r.decode.Decode(bmp, hints)
		if err != nil {
			continue
		}
		var pts []image.Point
		for _, p := range res.GetResultPoints() {
			pts = append(pts, image.Pt(int(p.GetX()), int(p.GetY())))
		}
		one := reading{"gozxing", r.name, res.GetText(), around(pts)}
		found = append(found, one)
		if r.linear && r.agrees(bmp, res, hints) {
			one.reader = "gozxing, another row"
			found = append(found, one)
		}
	}
	return found
}

// agrees reads the rows just above and below the one that gave res, where a
// real symbol reads the same.
func (r reader) agrees(bmp *gozxing.BinaryBitmap, res *gozxing.Result, hints map[gozxing.DecodeHintType]any) bool {
	pts := res.GetResultPoints()
	row, ok := r.decode.(interface {
		DecodeRow(int, *gozxing.BitArray, map[gozxing.DecodeHintType]any) (*gozxing.Result, error)
	})
	if !ok || len(pts) < 2 || pts[0].GetX() == pts[1].GetX() {
		return false // read across a turned image: its rows are columns here
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
	return votes > 1
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
