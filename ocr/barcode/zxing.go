//go:build cgo

package barcode

/*
#cgo CXXFLAGS: -std=c++17
#cgo pkg-config: zxing
#include "zxing.h"
*/
import "C"

import (
	"image"
	"unsafe"
)

// zxing finds one symbol of the given symbologies with ZXing's C++ library.
func zxing(g *image.Gray, symbologies []string) (reading, bool) {
	b := g.Bounds()
	if b.Dx() < 16 || b.Dy() < 16 {
		return reading{}, false
	}
	codes := map[string]C.int{"code128": C.CV_CODE128, "code39": C.CV_CODE39, "qr": C.CV_QR, "datamatrix": C.CV_DATAMATRIX, "pdf417": C.CV_PDF417}
	mask := C.int(0)
	for _, s := range symbologies {
		mask |= codes[s]
	}
	var sym C.cv_symbol
	C.cv_zxing((*C.uchar)(unsafe.Pointer(&g.Pix[g.PixOffset(b.Min.X, b.Min.Y)])), C.int(b.Dx()), C.int(b.Dy()), C.int(g.Stride), mask, &sym)
	if sym.format == 0 {
		return reading{}, false
	}
	r := reading{text: C.GoStringN(&sym.text[0], sym.length)}
	for name, code := range codes {
		if code == sym.format {
			r.symbology = name
		}
	}
	var pts [4]image.Point
	for i := range pts {
		pts[i] = image.Pt(int(sym.x[i]), int(sym.y[i]))
	}
	r.box = around(pts[:])
	return r, r.symbology != ""
}
