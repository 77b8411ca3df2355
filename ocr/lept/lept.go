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

static PIX *cv_specks(PIX *bw, int w, int h) {
	return pixSelectBySize(bw, w, h, 8, L_SELECT_IF_EITHER, L_SELECT_IF_GTE, NULL);
}

// cv_close counts the bars beside bar i: of about its length, side by side with
// it, and within half an inch of it, as the bars of a linear symbol are. The
// rules of a form lie further apart.
static int cv_close(BOXA *bars, int i, int inch) {
	int x, y, w, h, x2, y2, w2, h2, k, n = 0;
	boxaGetBoxGeometry(bars, i, &x, &y, &w, &h);
	int lng = w > h ? w : h, slack = lng / 6 + 2;
	for (k = 0; k < boxaGetCount(bars); k++) {
		if (k == i) continue;
		boxaGetBoxGeometry(bars, k, &x2, &y2, &w2, &h2);
		if ((w > h) != (w2 > h2)) continue;
		int from = w > h ? x - x2 : y - y2, to = w > h ? x + w - x2 - w2 : y + h - y2 - h2;
		int away = w > h ? y - y2 : x - x2;
		if (abs(from) <= slack && abs(to) <= slack && abs(away) <= inch / 2) n++;
	}
	return n;
}

// cv_core says whether square i has a square of three sevenths of its size in
// its middle, as the corners of a QR symbol have.
static int cv_core(BOXA *b, int i) {
	int x, y, w, h, x2, y2, w2, h2, k;
	boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
	for (k = 0; k < boxaGetCount(b); k++) {
		boxaGetBoxGeometry(b, k, &x2, &y2, &w2, &h2);
		if (7 * w2 < 2 * w || 7 * w2 > 4 * w || 7 * h2 < 2 * h || 7 * h2 > 4 * h) continue;
		if (10 * abs(2 * (x - x2) + w - w2) <= 2 * w && 10 * abs(2 * (y - y2) + h - h2) <= 2 * h) return 1;
	}
	return 0;
}

// cv_marks looks at the connected components that do not touch the border:
// how many are at least w by h pixels, how many are bars (of at least tall
// pixels, an eighth of an inch, much higher than wide) of which others lie
// close, how many are squares of at least side, how many of those have the
// core of a QR symbol's corner, and how many long thick stripes, as in a patch
// code.
static int cv_marks(PIX *bw, int w, int h, int tall, int side, int *bars, int *squares, int *finders, int *stripes) {
	PIX *in = pixRemoveBorderConnComps(bw, 8);
	*bars = *squares = *finders = *stripes = 0;
	if (!in) return -1;
	BOXA *b = pixConnCompBB(in, 8), *thins = boxaCreate(64);
	pixDestroy(&in);
	if (!b || !thins) {
		boxaDestroy(&b);
		boxaDestroy(&thins);
		return -1;
	}
	int n = 0, i, bw_, bh;
	for (i = 0; i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, NULL, NULL, &bw_, &bh);
		if (bw_ >= w && bh >= h) n++;
		int lng = bw_ > bh ? bw_ : bh, thin = bw_ > bh ? bh : bw_;
		if (lng >= tall && thin * 3 <= lng && (thin * 3 <= tall || lng >= 3 * tall)) {
			if (boxaGetCount(thins) < 1000) boxaAddBox(thins, boxaGetBox(b, i, L_CLONE), L_INSERT);
			if (lng >= 6 * tall && 5 * thin >= 2 * tall && thin <= 2 * tall) (*stripes)++;
		}
		if (bw_ >= side && bh >= side && bw_ * 10 <= bh * 12 && bh * 10 <= bw_ * 12) {
			(*squares)++;
			if (*squares <= 50 && cv_core(b, i)) (*finders)++;
		}
	}
	for (i = 0; i < boxaGetCount(thins); i++)
		if (cv_close(thins, i, 8 * tall) >= 6) (*bars)++;
	boxaDestroy(&thins);
	boxaDestroy(&b);
	return n;
}

// cv_orient says which way up a 1-bit page of text is: 0 upright, 1 to 3 the
// clockwise quarter turns that make it so, -1 when it cannot tell.
static int cv_orient(PIX *bw) {
	l_float32 up = 0, left = 0;
	l_int32 o = 0;
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

// cv_heights counts the components of a 1-bit image by their height, those
// that could be letters: 3 to 199 pixels high, not wider than five times that,
// and away from the border.
static int cv_heights(PIX *bw, l_int32 *hist) {
	BOXA *b = pixConnCompBB(bw, 8);
	if (!b) return 1;
	int i, x, y, w, h, pw = pixGetWidth(bw), ph = pixGetHeight(bw);
	for (i = 0; i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
		if (h < 3 || h > 199 || w > 5 * h || w < 2 || x == 0 || y == 0 || x + w >= pw || y + h >= ph) continue;
		hist[h]++;
	}
	boxaDestroy(&b);
	return 0;
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

// cv_uncovered counts the pixels of the components of a 1-bit image that could
// be letters by their size, and of those the ones whose middle lies in none of
// the n boxes (x, y, w, h each).
static int cv_uncovered(PIX *bw, const l_int32 *boxes, int n, int least, int most, double *all, double *out) {
	int i, x, y, w, h, w0 = pixGetWidth(bw), h0 = pixGetHeight(bw);
	*all = *out = 0;
	PIX *mask = pixCreate(w0, h0, 1);
	BOXA *b = pixConnCompBB(bw, 8);
	if (!mask || !b) {
		pixDestroy(&mask);
		boxaDestroy(&b);
		return 1;
	}
	for (i = 0; i < n; i++) {
		const l_int32 *q = boxes + 4 * i;
		BOX *r = boxCreate(q[0] < 0 ? 0 : q[0], q[1] < 0 ? 0 : q[1], q[2], q[3]);
		if (r) pixSetInRect(mask, r);
		boxDestroy(&r);
	}
	for (i = 0; i < boxaGetCount(b); i++) {
		l_uint32 bit = 0;
		boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
		if (h < least || h > most || w < 2 || w > 6 * most) continue;
		if (x == 0 || y == 0 || x + w >= w0 || y + h >= h0) continue;
		*all += h;
		pixGetPixel(mask, x + w / 2, y + h / 2, &bit);
		if (!bit) *out += h;
	}
	pixDestroy(&mask);
	boxaDestroy(&b);
	return 0;
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
static int cv_bmp(PIX *p, l_uint8 **out, size_t *n) { return pixWriteMemBmp(out, n, p); }
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

// Components counts the connected components of a 1-bit image.
func (p *Pix) Components() (int, error) {
	var n C.l_int32
	if C.pixCountConnComp(p.p, 8, &n) != 0 {
		return 0, errFailed
	}
	return int(n), nil
}

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

// Shapes is what the components of a page look like.
type Shapes struct {
	Marks   int // at least the size asked for
	Bars    int // long and thin, with others of their length close by, as in a linear symbol
	Squares int // as wide as high, as the corners of a QR symbol
	Finders int // of those, the ones with the core of such a corner
	Stripes int // long and thick, as in a patch code
}

// Shapes counts the components of a 1-bit image that do not touch the border:
// marks of at least w by h pixels, bars at least tall pixels long, squares of
// at least side pixels.
func (p *Pix) Shapes(w, h, tall, side int) (Shapes, error) {
	var bars, squares, finders, stripes C.int
	n := C.cv_marks(p.p, C.int(w), C.int(h), C.int(tall), C.int(side), &bars, &squares, &finders, &stripes)
	if n < 0 {
		return Shapes{}, errFailed
	}
	return Shapes{int(n), int(bars), int(squares), int(finders), int(stripes)}, nil
}

// Heights counts the components of a 1-bit image that could be letters, by
// their height in pixels, up to 199.
func (p *Pix) Heights() (hist [200]int, err error) {
	var h [200]C.l_int32
	if C.cv_heights(p.p, &h[0]) != 0 {
		return hist, errFailed
	}
	for i, n := range h {
		hist[i] = int(n)
	}
	return hist, nil
}

// Unframe returns an 8-bit image in which everything darker than level that
// reaches the border, and is at least least pixels wide and high, is white.
func (p *Pix) Unframe(level, least int) (*Pix, error) {
	return wrap(C.cv_unframe(p.p, C.int(level), C.int(least)))
}

// Uncovered returns the share of what could be letters on a 1-bit image, by
// their height between least and most pixels, that lies in none of the boxes;
// 0 when there is nothing of the kind.
func (p *Pix) Uncovered(boxes []image.Rectangle, least, most int) (float64, error) {
	flat := make([]C.l_int32, 4*len(boxes)+4)
	for i, b := range boxes {
		flat[4*i], flat[4*i+1], flat[4*i+2], flat[4*i+3] = C.l_int32(b.Min.X), C.l_int32(b.Min.Y), C.l_int32(b.Dx()), C.l_int32(b.Dy())
	}
	var all, out C.double
	if C.cv_uncovered(p.p, &flat[0], C.int(len(boxes)), C.int(least), C.int(most), &all, &out) != 0 {
		return 0, errFailed
	}
	if all == 0 {
		return 0, nil
	}
	return float64(out / all), nil
}

// Sauvola returns the 1-bit image of an 8-bit one by a threshold that follows
// the neighbourhood: for ink much fainter in one place than in another.
func (p *Pix) Sauvola() (*Pix, error) { return wrap(C.cv_sauvola(p.p)) }

// Median returns the image with every pixel replaced by the median of its
// 3 by 3 neighbourhood.
func (p *Pix) Median() (*Pix, error) { return wrap(C.cv_median(p.p)) }

// Orientation returns the clockwise quarter turns that put a 1-bit page of
// text upright; ok is false when it cannot tell.
func (p *Pix) Orientation() (turns int, ok bool) {
	n := int(C.cv_orient(p.p))
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

// BMP returns the image in the encoding Leptonica writes and reads fastest.
func (p *Pix) BMP() ([]byte, error) {
	return encode(func(o **C.l_uint8, n *C.size_t) C.int { return C.cv_bmp(p.p, o, n) })
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
