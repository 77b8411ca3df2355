package worker

import (
	"image"
	"math"

	"chartvault/ocr/lept"
)

// cleaned is a page on its way to recognition and how to get back from it.
type cleaned struct {
	gray  *lept.Pix // the page upright, 8 bits, even in background, at the scan's size
	half  *lept.Pix // the same at half size
	page  *lept.Pix // what is recognised: scaled, straightened, bilevel where that helps
	dpi   int       // of page
	sx    float64   // pixels of page for one of the scan, across
	sy    float64   // and down
	skew  float64   // degrees clockwise page was rotated by
	marks int       // components the size of a letter, clearly darker than the paper, away from the border
	faint int       // the same, of anything darker than the paper: pencil, or the other side showing through
	maybe bool      // a few components look like the parts of a barcode
	codes bool      // many do
}

func (c *cleaned) close() {
	for _, p := range []*lept.Pix{c.gray, c.half, c.page} {
		p.Close()
	}
}

// clean prepares a page: even background, one resolution, straight lines,
// black on white. The steps and their order are measured, not guessed:
// docs/benchmarks.md.
func clean(up *lept.Pix, dpix, dpiy float64) (c *cleaned, err error) {
	c = &cleaned{sx: 1, sy: 1, dpi: int(math.Round(dpix))}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	var bw *lept.Pix
	defer func() { bw.Close() }()
	if up.Depth() == 1 {
		if c.gray, err = up.Gray(); err != nil {
			return c, err
		}
		if bw, err = up.Specks(3, 3); err != nil {
			return c, err
		}
	} else {
		if err := c.level(up); err != nil {
			return c, err
		}
		if bw, err = c.gray.Otsu(); err != nil {
			return c, err
		}
	}
	if c.half, err = half(up, c.gray); err != nil {
		return c, err
	}
	if err := c.count(up.Depth() == 1, bw, dpix); err != nil {
		return c, err
	}
	return c, c.straighten(up, bw, dpix, dpiy)
}

// half halves the page; one too small for that stays as it is.
func half(up, gray *lept.Pix) (*lept.Pix, error) {
	if up.Width() < 64 || up.Height() < 64 {
		return gray.Gray()
	}
	if up.Depth() == 1 {
		return up.Half()
	}
	return gray.Half()
}

// level evens out the background.
func (c *cleaned) level(up *lept.Pix) error {
	g, err := up.Gray()
	if err != nil {
		return err
	}
	n, err := g.Normalize()
	if err != nil {
		// Too small an image to have a background.
		c.gray = g
		return nil
	}
	g.Close()
	c.gray = n
	return nil
}

// count finds the marks of a page before Otsu could turn paper noise into
// thousands of them.
func (c *cleaned) count(bilevel bool, bw *lept.Pix, dpi float64) (err error) {
	look := func(p *lept.Pix) (int, error) {
		sh, err := shapes(p, dpi)
		c.maybe = c.maybe || sh.Bars >= manyBars/2 || sh.Squares >= 2
		c.codes = c.codes || sh.Bars >= manyBars || sh.Squares >= 3
		return sh.Marks, err
	}
	if bilevel {
		c.marks, err = look(bw)
		c.faint = c.marks
		return err
	}
	for _, l := range []struct {
		level int
		n     *int
	}{{inkBelow, &c.marks}, {paperAbove, &c.faint}} {
		t, err := c.gray.Threshold(l.level)
		if err != nil {
			return err
		}
		*l.n, err = look(t)
		t.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// manyBars is how many long thin components make a page worth a longer look
// for a symbol: the shortest has some twenty, a ruled form a few.
const manyBars = 12

// shapes counts components by the sizes they have on paper: a letter is at
// least 6 by 10 pixels at 300 dpi, a bar an eighth of an inch long, the corner
// of a QR symbol a sixth of an inch, larger than a letter of running text.
func shapes(p *lept.Pix, dpi float64) (lept.Shapes, error) {
	return p.Shapes(max(int(6*dpi/300), 2), max(int(10*dpi/300), 3), int(dpi/8), int(dpi/6))
}

// Gray levels after the background is evened out to about 200: below inkBelow
// a pixel is ink, above paperAbove it is paper, between them it is pencil, a
// faded ribbon or the other side showing through.
const (
	inkBelow   = 130
	paperAbove = 180
)

// straighten scales, rotates and thresholds.
func (c *cleaned) straighten(up, bw *lept.Pix, dpix, dpiy float64) error {
	angle, ok := bw.Skew()
	if !ok || math.Abs(angle) < minSkew {
		angle = 0
	}
	c.skew = angle
	src := bw
	switch low := min(dpix, dpiy); {
	case low < veryLow:
		// Scaled up to one resolution both ways: a fax is 204 by 98 dpi.
		c.sx, c.sy, c.dpi = targetDPI/dpix, targetDPI/dpiy, targetDPI
		scaled, err := c.gray.ScaleXY(c.sx, c.sy)
		if err != nil {
			return err
		}
		defer scaled.Close()
		if c.sx != c.sy && angle != 0 {
			angle = math.Atan(math.Tan(angle*math.Pi/180)*c.sy/c.sx) * 180 / math.Pi
			c.skew = angle
		}
		src = scaled
	case low < lowDPI && up.Depth() != 1:
		src = c.gray // thresholding would eat thin strokes
	}
	var err error
	if angle == 0 {
		c.page, err = src.Scale(1)
		return err
	}
	c.page, err = src.Rotate(angle)
	return err
}

// back maps a box on the recognised image, which was turned by quarter turns
// after straightening, to the scan turned the same way.
func (c *cleaned) back(b image.Rectangle, w, h, turn int) image.Rectangle {
	// Straightening rotated about the centre; a turn does not move it.
	rad := c.skew * math.Pi / 180
	sin, cos := math.Sin(rad), math.Cos(rad)
	cx, cy := float64(w)/2, float64(h)/2
	x, y := float64(b.Min.X+b.Max.X)/2-cx, float64(b.Min.Y+b.Max.Y)/2-cy
	x, y = x*cos+y*sin+cx, -x*sin+y*cos+cy
	sx, sy := c.sx, c.sy
	if turn%2 != 0 {
		sx, sy = sy, sx
	}
	hw, hh := float64(b.Dx())/2, float64(b.Dy())/2
	return image.Rect(int(math.Round((x-hw)/sx)), int(math.Round((y-hh)/sy)), int(math.Round((x+hw)/sx)), int(math.Round((y+hh)/sy)))
}
