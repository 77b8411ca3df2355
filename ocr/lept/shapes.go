//go:build cgo

package lept

/*
#include <stdlib.h>
#include <leptonica/allheaders.h>

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

// cv_inside lists the boxes of components that do not touch the border.
static BOXA *cv_inside(BOXA *b, int pw, int ph) {
	BOXA *in = boxaCreate(boxaGetCount(b) + 1);
	int i, x, y, w, h;
	for (i = 0; in && i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
		if (x > 0 && y > 0 && x + w < pw && y + h < ph) boxaAddBox(in, boxaGetBox(b, i, L_CLONE), L_INSERT);
	}
	return in;
}

// cv_marks looks at the connected components that do not touch the border:
// how many are at least w by h pixels, how many are bars (of at least tall
// pixels, an eighth of an inch, much higher than wide) of which others lie
// close, how many are squares of at least side, how many of those have the
// core of a QR symbol's corner, and how many long thick stripes, as in a patch
// code.
static int cv_marks(BOXA *all, int pw, int ph, int w, int h, int tall, int side, int *bars, int *squares, int *finders, int *stripes) {
	BOXA *b = cv_inside(all, pw, ph), *thins = boxaCreate(64);
	*bars = *squares = *finders = *stripes = 0;
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

// cv_heights counts the components of a 1-bit image by their height, those
// that could be letters: 3 to 199 pixels high, not wider than five times that,
// and away from the border.
static void cv_heights(BOXA *b, int pw, int ph, l_int32 *hist) {
	int i, x, y, w, h;
	for (i = 0; i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
		if (h < 3 || h > 199 || w > 5 * h || w < 2 || x == 0 || y == 0 || x + w >= pw || y + h >= ph) continue;
		hist[h]++;
	}
}

// cv_larger counts the components that are at least w wide or h high.
static int cv_larger(BOXA *b, int w, int h) {
	int i, n = 0, bw, bh;
	for (i = 0; i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, NULL, NULL, &bw, &bh);
		if (bw >= w || bh >= h) n++;
	}
	return n;
}

// cv_without returns a 1-bit image without its components of at most 2 by 2 pixels:
// whatever is black in so small a box hangs together, and is the component.
static PIX *cv_without(PIX *bw, BOXA *b) {
	PIX *out = pixCopy(NULL, bw);
	int i, x, y, w, h;
	for (i = 0; out && i < boxaGetCount(b); i++) {
		boxaGetBoxGeometry(b, i, &x, &y, &w, &h);
		if (w > 2 || h > 2) continue;
		BOX *r = boxCreate(x, y, w, h);
		if (r) pixClearInRect(out, r);
		boxDestroy(&r);
	}
	return out;
}

// cv_uncovered counts the pixels of the components of a 1-bit image that could
// be letters by their size, and of those the ones whose middle lies in none of
// the n boxes (x, y, w, h each).
static int cv_uncovered(BOXA *b, int w0, int h0, const l_int32 *boxes, int n, int least, int most, double *all, double *out) {
	int i, x, y, w, h;
	*all = *out = 0;
	PIX *mask = pixCreate(w0, h0, 1);
	if (!mask) return 1;
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
	return 0;
}
*/
import "C"

import "image"

// Shapes is what the components of a page look like.
type Shapes struct {
	Marks   int // at least the size asked for
	Bars    int // long and thin, with others of their length close by, as in a linear symbol
	Squares int // as wide as high, as the corners of a QR symbol
	Finders int // of those, the ones with the core of such a corner
	Stripes int // long and thick, as in a patch code
}

// Boxes are where the connected components of a 1-bit image lie: finding them costs
// more than all that is asked of them.
type Boxes struct {
	b    *C.BOXA
	w, h C.int // of the image
}

// Boxes finds the components of a 1-bit image. The caller closes them.
func (p *Pix) Boxes() (*Boxes, error) {
	b := C.pixConnCompBB(p.p, 8)
	if b == nil {
		return nil, errFailed
	}
	return &Boxes{b, C.pixGetWidth(p.p), C.pixGetHeight(p.p)}, nil
}

// Close frees the boxes. Nil ones are fine.
func (b *Boxes) Close() {
	if b != nil && b.b != nil {
		C.boxaDestroy(&b.b)
	}
}

// Count is how many components there are.
func (b *Boxes) Count() int { return int(C.boxaGetCount(b.b)) }

// Larger counts the components that are at least w pixels wide or h high.
func (b *Boxes) Larger(w, h int) int { return int(C.cv_larger(b.b, C.int(w), C.int(h))) }

// Without returns a 1-bit image without its components of at most 2 by 2 pixels; b
// are all of its own.
func (p *Pix) Without(b *Boxes) (*Pix, error) { return wrap(C.cv_without(p.p, b.b)) }

// Shapes counts the components that do not touch the border: marks of at least w by
// h pixels, bars at least tall pixels long, squares of at least side pixels.
func (b *Boxes) Shapes(w, h, tall, side int) (Shapes, error) {
	var bars, squares, finders, stripes C.int
	n := C.cv_marks(b.b, b.w, b.h, C.int(w), C.int(h), C.int(tall), C.int(side), &bars, &squares, &finders, &stripes)
	if n < 0 {
		return Shapes{}, errFailed
	}
	return Shapes{int(n), int(bars), int(squares), int(finders), int(stripes)}, nil
}

// Heights counts the components that could be letters by their height in pixels, up
// to 199.
func (b *Boxes) Heights() (hist [200]int) {
	var h [200]C.l_int32
	C.cv_heights(b.b, b.w, b.h, &h[0])
	for i, n := range h {
		hist[i] = int(n)
	}
	return hist
}

// Uncovered returns the share of what could be letters, by their height between
// least and most pixels, that lies in none of the rectangles; 0 when there is
// nothing of the kind.
func (b *Boxes) Uncovered(by []image.Rectangle, least, most int) (float64, error) {
	flat := make([]C.l_int32, 4*len(by)+4)
	for i, r := range by {
		flat[4*i], flat[4*i+1], flat[4*i+2], flat[4*i+3] = C.l_int32(r.Min.X), C.l_int32(r.Min.Y), C.l_int32(r.Dx()), C.l_int32(r.Dy())
	}
	var all, out C.double
	if C.cv_uncovered(b.b, b.w, b.h, &flat[0], C.int(len(by)), C.int(least), C.int(most), &all, &out) != 0 {
		return 0, errFailed
	}
	if all == 0 {
		return 0, nil
	}
	return float64(out / all), nil
}
