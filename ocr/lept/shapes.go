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

// Components counts the connected components of a 1-bit image.
func (p *Pix) Components() (int, error) {
	var n C.l_int32
	if C.pixCountConnComp(p.p, 8, &n) != 0 {
		return 0, errFailed
	}
	return int(n), nil
}
