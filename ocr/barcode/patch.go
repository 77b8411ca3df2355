package barcode

import "image"

// patterns of the six patch codes: four bars, wide or narrow, with narrow
// spaces between them. Sizes after the vendors' sheets: a wide bar 0.20 inch,
// a narrow one and every space 0.08 inch.
func patchCodes() map[[4]bool]string {
	const w, n = true, false
	return map[[4]bool]string{{w, w, n, n}: "1", {w, n, n, w}: "2", {w, n, w, n}: "3", {n, w, n, w}: "T", {n, w, w, n}: "4", {n, n, w, w}: "6"}
}

// patchDark is the gray level below which a pixel is part of a bar.
const patchDark = 128

// What a patch code measures on paper, in inches: what is smaller is part of
// another symbol, what is larger a drawing.
const (
	leastUnit  = 0.05
	mostUnit   = 0.11
	leastLong  = 0.6 // the bars; a sheet's are an inch or more
	leastQuiet = 0.2 // clear paper beside the bars
)

// patchLines is how many neighbouring lines across must show the same code.
const patchLines = 20

// patch looks for a patch code in an 8-bit image along its rows and columns.
// Codes 3 and T are each other turned by half a turn, as are 1 and 6: what is
// reported is what the page shows as it lies.
func patch(g *image.Gray, dpi float64) (reading, bool) {
	w, h := g.Bounds().Dx(), g.Bounds().Dy()
	across := func(i, j int) uint8 { return g.Pix[i*g.Stride+j] }
	down := func(i, j int) uint8 { return g.Pix[j*g.Stride+i] }
	if text, box, ok := stripes(h, w, dpi, across); ok {
		return reading{"patch", "patch", text, box}, true
	}
	if text, box, ok := stripes(w, h, dpi, down); ok {
		return reading{"patch", "patch", text, image.Rect(box.Min.Y, box.Min.X, box.Max.Y, box.Max.X)}, true
	}
	return reading{}, false
}

// stripes walks every few lines of an image of n lines and finds the code that
// enough neighbouring lines show at the same place.
func stripes(n, length int, dpi float64, at func(line, i int) uint8) (string, image.Rectangle, bool) {
	step := max(n/600, 1)
	type run struct {
		text         string
		first, lines int
		from, to     int
	}
	var cur, best run
	for line := 0; line < n; line += step {
		text, from, to, ok := lineCode(length, dpi, func(i int) uint8 { return at(line, i) })
		slack := (to - from) / 8
		if ok && text == cur.text && abs(from-cur.from) <= slack && abs(to-cur.to) <= slack {
			cur.lines++
			cur.from, cur.to = from, to // a skewed sheet drifts
		} else if ok {
			cur = run{text, line, 1, from, to}
		}
		if cur.lines > best.lines {
			best = cur
		}
	}
	if best.lines < patchLines || float64(best.lines*step) < leastLong*dpi {
		return "", image.Rectangle{}, false
	}
	return best.text, image.Rect(best.from, best.first, best.to, best.first+best.lines*step), true
}

// lineCode finds four bars of a patch code on one line, with clear paper on
// both sides: the bars of other symbols have neighbours.
func lineCode(length int, dpi float64, at func(int) uint8) (text string, from, to int, ok bool) {
	var ends []int // of the runs of one shade; the first is light, and may be empty
	dark := false
	for i := range length {
		if d := at(i) < patchDark; d != dark {
			ends, dark = append(ends, i), d
		}
	}
	ends = append(ends, length, length)
	size := func(i int) int {
		if i == 0 {
			return ends[0]
		}
		return ends[i] - ends[i-1]
	}
	quiet := int(leastQuiet * dpi)
	for i := 1; i+7 < len(ends); i += 2 { // runs of odd number are dark
		if size(i-1) < quiet || size(i+7) < quiet && ends[i+6] < length {
			continue
		}
		var l [7]int
		for k := range l {
			l[k] = size(i + k)
		}
		if text, ok := runsCode(l, dpi); ok {
			return text, ends[i-1], ends[i+6], true
		}
	}
	return "", 0, 0, false
}

// runsCode matches bar, space, bar, space, bar, space, bar against the codes.
func runsCode(l [7]int, dpi float64) (string, bool) {
	unit := float64(l[1]+l[3]+l[5]) / 3 // the spaces are all narrow
	if unit < leastUnit*dpi || unit > mostUnit*dpi {
		return "", false
	}
	near := func(v int, want float64) bool { return float64(v) > want*0.72 && float64(v) < want*1.28 }
	var bars [4]bool
	for i := range 4 {
		switch b := l[2*i]; {
		case near(b, 2.5*unit):
			bars[i] = true
		case !near(b, unit):
			return "", false
		}
	}
	for _, s := range []int{l[1], l[3], l[5]} {
		if !near(s, unit) {
			return "", false
		}
	}
	text, ok := patchCodes()[bars]
	return text, ok
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
