//go:build cgo

// Package lept is a thin layer over Leptonica, the image library Tesseract is
// built on: decoding of scans, and the clean-up steps that run before a page
// is read. It is linked into the sandboxed worker's code path only; nothing in
// it is called by a process that holds keys.
//
// Its invariant: a Pix owns its C memory until Close, operations return a new
// Pix and leave their input alone, and no image larger than Limits is decoded,
// because Leptonica answers a failed allocation with an empty page.
package lept

/*
#cgo pkg-config: lept
#include <stdlib.h>
#include <string.h>
#include <leptonica/allheaders.h>

static PIX *cv_read(const l_uint8 *data, size_t n) {
	PIX *p = pixReadMem(data, n), *q;
	if (!p) return NULL;
	if (pixGetSpp(p) == 4) { q = pixAlphaBlendUniform(p, 0xffffff00); pixDestroy(&p); p = q; }
	if (p && pixGetColormap(p)) { q = pixRemoveColormap(p, REMOVE_CMAP_BASED_ON_SRC); pixDestroy(&p); p = q; }
	return p;
}

// cv_gray8 returns 8 bits a pixel, black 0.
static PIX *cv_gray8(PIX *p) { return pixConvertTo8(p, 0); }

static PIX *cv_from_gray(const l_uint8 *data, int w, int h, int stride) {
	PIX *p = pixCreate(w, h, 8);
	if (!p) return NULL;
	l_uint32 *d = pixGetData(p);
	int wpl = pixGetWpl(p), x, y;
	for (y = 0; y < h; y++)
		for (x = 0; x < w; x++) SET_DATA_BYTE(d + (size_t)y * wpl, x, data[(size_t)y * stride + x]);
	return p;
}

static PIX *cv_from_rgba(const l_uint8 *data, int w, int h, int stride) {
	PIX *p = pixCreate(w, h, 32);
	if (!p) return NULL;
	l_uint32 *d = pixGetData(p);
	int wpl = pixGetWpl(p), x, y;
	for (y = 0; y < h; y++)
		for (x = 0; x < w; x++) {
			const l_uint8 *q = data + (size_t)y * stride + 4 * x;
			composeRGBPixel(q[0], q[1], q[2], d + (size_t)y * wpl + x);
		}
	return p;
}

static void cv_to_gray(PIX *p, l_uint8 *out) {
	int w = pixGetWidth(p), h = pixGetHeight(p), wpl = pixGetWpl(p), x, y;
	l_uint32 *d = pixGetData(p);
	for (y = 0; y < h; y++)
		for (x = 0; x < w; x++) out[(size_t)y * w + x] = GET_DATA_BYTE(d + (size_t)y * wpl, x);
}

static PIX *cv_half(PIX *p) { return pixGetDepth(p) == 1 ? pixScaleToGray2(p) : pixScaleAreaMap2(p); }

static PIX *cv_norm(PIX *g) { return pixBackgroundNormSimple(g, NULL, NULL); }

static PIX *cv_otsu(PIX *g) {
	PIX *bw = NULL;
	if (pixOtsuAdaptiveThreshold(g, pixGetWidth(g), pixGetHeight(g), 0, 0, 0.1f, NULL, &bw)) return NULL;
	return bw;
}

static int cv_skew(PIX *bw, float *angle, float *conf) {
	float end = 0;
	return pixFindSkewSweepAndSearchScore(bw, angle, conf, &end, 4, 2, 0.0f, 10.0f, 1.0f, 0.01f);
}

static PIX *cv_rotate(PIX *p, float rad) {
	return pixRotate(p, rad, pixGetDepth(p) == 1 ? L_ROTATE_SAMPLING : L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0);
}

// cv_third is a 1-bit image at a third of its size, in grays. Leptonica makes widths of
// eight times three pixels and leaves the rest out: white is added, and cut off again.
static PIX *cv_third(PIX *p) {
	l_int32 w = pixGetWidth(p), pad = (24 - w % 24) % 24;
	PIX *wide = pixAddBorderGeneral(p, 0, pad, 0, 0, 0), *t = wide ? pixScaleToGray3(wide) : NULL, *out = NULL;
	if (t) {
		BOX *r = boxCreate(0, 0, (w + 2) / 3, pixGetHeight(t));
		out = r ? pixClipRectangle(t, r, NULL) : NULL;
		boxDestroy(&r);
	}
	pixDestroy(&wide);
	pixDestroy(&t);
	return out;
}

static PIX *cv_specks(PIX *bw, int w, int h) {
	return pixSelectBySize(bw, w, h, 8, L_SELECT_IF_EITHER, L_SELECT_IF_GTE, NULL);
}

// cv_orient says which way up a 1-bit page of text is: 0 upright, 1 to 3 the
// clockwise quarter turns that make it so, -1 when it cannot tell. Lines that run
// across leave two ways to be told apart instead of four, about which Leptonica
// makes no decision: 8 is what it wants of confidence for its own.
static int cv_orient(PIX *bw, int across) {
	l_float32 up = 0, left = 0;
	l_int32 o = 0;
	if (across) {
		if (pixUpDownDetect(bw, &up, 0, 0, 0)) return -1;
		return up >= 8 ? 0 : up <= -8 ? 2 : -1;
	}
	if (pixOrientDetect(bw, &up, &left, 0, 0)) return -1;
	if (makeOrientDecision(up, left, 0, 0, &o, 0)) return -1;
	switch (o) {
	case L_TEXT_ORIENT_UP: return 0;
	case L_TEXT_ORIENT_LEFT: return 1;
	case L_TEXT_ORIENT_DOWN: return 2;
	case L_TEXT_ORIENT_RIGHT: return 3;
	}
	return -1;
}

// cv_lines says how strongly the ink of a 1-bit page changes from row to row
// and from column to column: lines of text make the one far larger than the
// other.
static int cv_lines(PIX *bw, float *rows, float *cols) {
	PIX *small = pixReduceRankBinaryCascade(bw, 1, 1, 0, 0), *side = small ? pixRotateOrth(small, 1) : NULL;
	int bad = !side || pixFindDifferentialSquareSum(small, rows) || pixFindDifferentialSquareSum(side, cols);
	if (!bad) {
		*rows /= pixGetWidth(small);
		*cols /= pixGetHeight(small);
	}
	pixDestroy(&small);
	pixDestroy(&side);
	return bad;
}

// cv_solid counts the squares of side 8 or 16 of a 1-bit page that are all black.
static int cv_solid(PIX *bw, int large) {
	PIX *p = pixReduceRankBinaryCascade(bw, 4, 4, 4, large ? 4 : 0);
	l_int32 n = 0;
	int bad = !p || pixCountPixels(p, &n, NULL);
	pixDestroy(&p);
	return bad ? -1 : n;
}

// cv_unframe paints white what is dark and reaches the border in an 8-bit
// image: the lid of a scanner, the table under a receipt. Text that touches
// the border goes with it only when it hangs together with the dark.
static PIX *cv_unframe(PIX *g, int level, int least) {
	PIX *dark = pixThresholdToBinary(g, level), *frame, *big, *out;
	if (!dark) return NULL;
	PIX *in = pixRemoveBorderConnComps(dark, 8);
	frame = in ? pixXor(NULL, dark, in) : NULL;
	pixDestroy(&dark);
	pixDestroy(&in);
	if (!frame) return NULL;
	big = pixSelectBySize(frame, least, least, 8, L_SELECT_IF_BOTH, L_SELECT_IF_GTE, NULL);
	pixDestroy(&frame);
	if (!big) return NULL;
	out = pixCopy(NULL, g);
	if (out) {
		l_int32 none = 1;
		pixZero(big, &none);
		if (!none) {
			PIX *wide = pixDilateBrick(NULL, big, 5, 5);
			if (wide) pixPaintThroughMask(out, wide, 0, 0, 255);
			pixDestroy(&wide);
		}
	}
	pixDestroy(&big);
	return out;
}

static PIX *cv_sauvola(PIX *g) {
	PIX *bw = NULL;
	if (pixSauvolaBinarizeTiled(g, 15, 0.2f, 1, 1, NULL, &bw)) return NULL;
	return bw;
}

static PIX *cv_median(PIX *g) { return pixMedianFilter(g, 3, 3); }

static PIX *cv_reduce(PIX *bw) { return pixReduceRankBinary2(bw, 2, NULL); }

static PIX *cv_threshold(PIX *g, int t) { return pixThresholdToBinary(g, t); }

static int cv_pnm(PIX *p, l_uint8 **out, size_t *n) { return pixWriteMemPnm(out, n, p); }
static int cv_g4(PIX *p, l_uint8 **out, size_t *n) { return pixWriteMemTiff(out, n, p, IFF_TIFF_G4); }
static int cv_lzw(PIX *p, l_uint8 **out, size_t *n) { return pixWriteMemTiff(out, n, p, IFF_TIFF_LZW); }
static int cv_jtiff(PIX *p, l_uint8 **out, size_t *n) { return pixWriteMemTiff(out, n, p, IFF_TIFF_JPEG); }
static void cv_setres(PIX *p, int x, int y) { pixSetResolution(p, x, y); }
static void cv_quiet(void) { setMsgSeverity(L_SEVERITY_NONE); }
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"math"
	"unsafe"
)

// errFailed is what an operation returns when Leptonica gives no image.
var errFailed = errors.New("leptonica: operation failed")

// Quiet turns off Leptonica's messages on standard error.
func Quiet() { C.cv_quiet() }

// Pix is a Leptonica image of 1, 8 or 32 bits a pixel.
type Pix struct{ p *C.PIX }

func wrap(p *C.PIX) (*Pix, error) {
	if p == nil {
		return nil, errFailed
	}
	return &Pix{p}, nil
}

// Decode reads a TIFF, JPEG, PNG, JPEG 2000, BMP or PNM image: the first page
// of a TIFF. Transparency is laid on white, palettes are resolved. The caller
// has checked the dimensions first.
func Decode(data []byte) (*Pix, error) {
	if len(data) == 0 {
		return nil, errFailed
	}
	return wrap(C.cv_read((*C.l_uint8)(unsafe.Pointer(&data[0])), C.size_t(len(data))))
}

// FromGray copies an 8-bit image.
func FromGray(g *image.Gray) (*Pix, error) {
	b := g.Bounds()
	if b.Empty() {
		return nil, errFailed
	}
	pix := g.Pix[g.PixOffset(b.Min.X, b.Min.Y):]
	return wrap(C.cv_from_gray((*C.l_uint8)(unsafe.Pointer(&pix[0])), C.int(b.Dx()), C.int(b.Dy()), C.int(g.Stride)))
}

// FromRGBA copies an opaque colour image.
func FromRGBA(m *image.RGBA) (*Pix, error) {
	b := m.Bounds()
	if b.Empty() {
		return nil, errFailed
	}
	pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y):]
	return wrap(C.cv_from_rgba((*C.l_uint8)(unsafe.Pointer(&pix[0])), C.int(b.Dx()), C.int(b.Dy()), C.int(m.Stride)))
}

// Close frees the image. A nil Pix is fine.
func (p *Pix) Close() {
	if p != nil && p.p != nil {
		C.pixDestroy(&p.p)
	}
}

// Width, in pixels.
func (p *Pix) Width() int { return int(C.pixGetWidth(p.p)) }

// Height, in pixels.
func (p *Pix) Height() int { return int(C.pixGetHeight(p.p)) }

// Depth, in bits a pixel.
func (p *Pix) Depth() int { return int(C.pixGetDepth(p.p)) }

// Gray returns the image at 8 bits a pixel.
func (p *Pix) Gray() (*Pix, error) { return wrap(C.cv_gray8(p.p)) }

// Half returns the image at half its size, averaged, at 8 bits a pixel.
func (p *Pix) Half() (*Pix, error) { return wrap(C.cv_half(p.p)) }

// Third returns a 1-bit image at a third of its size, averaged, at 8 bits a pixel.
func (p *Pix) Third() (*Pix, error) { return wrap(C.cv_third(p.p)) }

// Scale returns the image scaled by f in both directions.
func (p *Pix) Scale(f float64) (*Pix, error) { return p.ScaleXY(f, f) }

// ScaleXY scales by different factors, as faxes need.
func (p *Pix) ScaleXY(x, y float64) (*Pix, error) {
	return wrap(C.pixScale(p.p, C.float(x), C.float(y)))
}

// Turn returns the image turned clockwise by n quarter turns.
func (p *Pix) Turn(n int) (*Pix, error) { return wrap(C.pixRotateOrth(p.p, C.int(((n%4)+4)%4))) }

// Normalize evens out the background of an 8-bit image.
func (p *Pix) Normalize() (*Pix, error) { return wrap(C.cv_norm(p.p)) }

// Otsu returns the 1-bit image of an 8-bit one by one global threshold.
func (p *Pix) Otsu() (*Pix, error) { return wrap(C.cv_otsu(p.p)) }

// Threshold returns the 1-bit image of what is darker than t.
func (p *Pix) Threshold(t int) (*Pix, error) { return wrap(C.cv_threshold(p.p, C.int(t))) }

// Specks removes components of a 1-bit image smaller than w and h.
func (p *Pix) Specks(w, h int) (*Pix, error) { return wrap(C.cv_specks(p.p, C.int(w), C.int(h))) }

// Reduce returns a 1-bit image at half its size.
func (p *Pix) Reduce() (*Pix, error) { return wrap(C.cv_reduce(p.p)) }

// Skew estimates the angle in degrees by which a 1-bit image must be rotated
// clockwise to be straight, within 10 degrees either way. ok is false when the
// estimate cannot be trusted.
func (p *Pix) Skew() (degrees float64, ok bool) {
	var a, c C.float
	if C.cv_skew(p.p, &a, &c) != 0 {
		return 0, false
	}
	return float64(a), float64(c) > 3
}

// Rotate rotates clockwise by degrees about the centre, keeping the size.
func (p *Pix) Rotate(degrees float64) (*Pix, error) {
	return wrap(C.cv_rotate(p.p, C.float(degrees*math.Pi/180)))
}

// Unframe returns an 8-bit image in which everything darker than level that
// reaches the border, and is at least least pixels wide and high, is white.
func (p *Pix) Unframe(level, least int) (*Pix, error) {
	return wrap(C.cv_unframe(p.p, C.int(level), C.int(least)))
}

// Sauvola returns the 1-bit image of an 8-bit one by a threshold that follows
// the neighbourhood: for ink much fainter in one place than in another.
func (p *Pix) Sauvola() (*Pix, error) { return wrap(C.cv_sauvola(p.p)) }

// Median returns the image with every pixel replaced by the median of its
// 3 by 3 neighbourhood.
func (p *Pix) Median() (*Pix, error) { return wrap(C.cv_median(p.p)) }

// Lines reports by how much the rows of a 1-bit page of text are more uneven
// than its columns: far above 1 when its lines run across, far below when they
// run down; 1 when there is nothing to tell.
func (p *Pix) Lines() float64 {
	var rows, cols C.float
	if C.cv_lines(p.p, &rows, &cols) != 0 || rows == 0 || cols == 0 {
		return 1
	}
	return float64(rows / cols)
}

// Solid counts the squares of a 1-bit page, of 16 pixels a side or 8, that are
// black all over: more than a few lie behind white letters, in a picture or a
// frame, none in letters of common size.
func (p *Pix) Solid(side int) (int, error) {
	large := C.int(0)
	if side > 8 {
		large = 1
	}
	n := int(C.cv_solid(p.p, large))
	if n < 0 {
		return 0, errFailed
	}
	return n, nil
}

// Orientation returns the clockwise quarter turns that put a 1-bit page of
// text upright; ok is false when it cannot tell. across says that its lines are
// known to run across.
func (p *Pix) Orientation(across bool) (turns int, ok bool) {
	two := C.int(0)
	if across {
		two = 1
	}
	n := int(C.cv_orient(p.p, two))
	return n, n >= 0
}

// Image copies an 8-bit image out.
func (p *Pix) Image() *image.Gray {
	g := image.NewGray(image.Rect(0, 0, p.Width(), p.Height()))
	C.cv_to_gray(p.p, (*C.l_uint8)(unsafe.Pointer(&g.Pix[0])))
	return g
}

// SetDPI records the resolution for the encoders, across and down.
func (p *Pix) SetDPI(x, y int) { C.cv_setres(p.p, C.int(x), C.int(y)) }

// PNM returns the image in its simplest encoding.
func (p *Pix) PNM() ([]byte, error) {
	return encode(func(o **C.l_uint8, n *C.size_t) C.int { return C.cv_pnm(p.p, o, n) })
}

// Pointer returns Leptonica's own PIX, for code that hands it to another library.
// It is valid until Close.
func (p *Pix) Pointer() unsafe.Pointer {
	return unsafe.Pointer(p.p)
}

// TIFF returns the image as a one-page TIFF, compressed as "g4" (1-bit
// images), "lzw" or "jpeg".
func (p *Pix) TIFF(compression string) ([]byte, error) {
	switch compression {
	case "g4":
		return encode(func(o **C.l_uint8, n *C.size_t) C.int { return C.cv_g4(p.p, o, n) })
	case "lzw":
		return encode(func(o **C.l_uint8, n *C.size_t) C.int { return C.cv_lzw(p.p, o, n) })
	case "jpeg":
		return encode(func(o **C.l_uint8, n *C.size_t) C.int { return C.cv_jtiff(p.p, o, n) })
	}
	return nil, fmt.Errorf("leptonica: no such compression: %s", compression)
}

func encode(f func(**C.l_uint8, *C.size_t) C.int) ([]byte, error) {
	var out *C.l_uint8
	var n C.size_t
	rc := f(&out, &n)
	defer C.free(unsafe.Pointer(out)) // free(NULL) is fine
	if rc != 0 || out == nil || n > 1<<31-1 {
		return nil, errFailed
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}
