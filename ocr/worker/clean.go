package worker

import (
	"image"
	"math"

	"chartvault/ocr/lept"
)

// cleaned is a page on its way to recognition, what was measured on it, and
// how to get back from what is recognised to what was scanned. The scan itself
// is not touched.
type cleaned struct {
	up     *lept.Pix   // the page upright as the file says; its owner closes it
	gray   *lept.Pix   // 8 bits, even in background, without its dark frame; see grays
	half   *lept.Pix   // the same at half size
	bw     *lept.Pix   // black and white, without specks
	parts  *lept.Boxes // the components of bw, and of a bilevel scan its specks too; nil until they are asked for
	paper  float64     // pixels of the scan for one inch of the page, across
	dpi    int         // of what is recognised
	sx     float64     // pixels of it for one of the scan, across
	sy     float64     // and down
	skew   float64     // degrees clockwise it is rotated by
	text   int         // height of the small letters of the scan in pixels; 0 when there is no text to speak of
	specky bool        // a bilevel scan has more specks than letters
	dirty  bool        // it has specks enough for a median to be worth trying
	white  bool        // it has black areas, with white letters in them perhaps
	marks  int         // components the size of a letter, clearly darker than the paper, away from the border
	faint  int         // the same, of anything darker than the paper: pencil, or the other side showing through
	maybe  bool        // a few components look like the parts of a barcode
	codes  bool        // many do
}

func (c *cleaned) close() {
	for _, p := range []*lept.Pix{c.gray, c.half, c.bw} {
		p.Close()
	}
	c.parts.Close()
}

// clean measures a page and prepares what every rendering of it starts from.
// The steps and their order are measured, not guessed: docs/benchmarks.md.
func clean(up *lept.Pix, dpix, dpiy float64) (c *cleaned, err error) {
	c = &cleaned{up: up, paper: dpix, sx: 1, sy: 1, dpi: int(math.Round(dpix))}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	if up.Depth() == 1 {
		if c.parts, err = up.Boxes(); err != nil {
			return c, err
		}
		if c.bw, err = up.Without(c.parts); err != nil {
			return c, err
		}
		all, kept := c.parts.Count(), c.parts.Larger(3, 3)
		c.specky, c.dirty = all > 2*kept, 4*all > 5*kept
	} else {
		if err := c.level(up, int(dpix)); err != nil {
			return c, err
		}
		if c.bw, err = c.gray.Otsu(); err != nil {
			return c, err
		}
		if c.parts, err = c.bw.Boxes(); err != nil {
			return c, err
		}
	}
	if c.half, err = c.halved(); err != nil {
		return c, err
	}
	if err := c.count(dpix); err != nil {
		return c, err
	}
	return c, c.measure(dpix, dpiy)
}

// grays is the page in 8 bits. Of a bilevel scan it is made when it is asked
// for: most are read as they are.
func (c *cleaned) grays() (*lept.Pix, error) {
	if c.gray != nil {
		return c.gray, nil
	}
	g, err := c.up.Gray()
	c.gray = g
	return g, err
}

// halved is the page at half size; one too small for that stays as it is.
func (c *cleaned) halved() (*lept.Pix, error) {
	small := c.up.Width() < 64 || c.up.Height() < 64
	switch {
	case small && c.gray == nil:
		return c.up.Gray()
	case small:
		return c.gray.Gray()
	case c.gray == nil:
		return c.up.Half()
	}
	return c.gray.Half()
}

// frameBelow is the gray level of a scanner's lid or a table under the page.
const frameBelow = 90

// level removes the dark frame and evens out the background.
func (c *cleaned) level(up *lept.Pix, dpi int) error {
	g, err := up.Gray()
	if err != nil {
		return err
	}
	c.gray = g
	for _, step := range []func(*lept.Pix) (*lept.Pix, error){
		func(g *lept.Pix) (*lept.Pix, error) { return g.Unframe(frameBelow, max(dpi/10, 8)) },
		(*lept.Pix).Normalize,
	} {
		if n, err := step(c.gray); err == nil { // an image too small to have a background stays as it is
			c.gray.Close()
			c.gray = n
		}
	}
	return nil
}

// count finds the marks of a page before Otsu could turn paper noise into
// thousands of them.
func (c *cleaned) count(dpi float64) (err error) {
	look := func(b *lept.Boxes) (int, error) {
		sh, err := shapes(b, dpi)
		c.maybe = c.maybe || sh.Bars >= manyBars/2 || sh.Squares >= 1 || sh.Stripes >= 3
		c.codes = c.codes || sh.Bars >= manyBars || sh.Finders >= 1 || sh.Stripes >= 3
		return sh.Marks, err
	}
	if c.up.Depth() == 1 {
		c.marks, err = look(c.parts)
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
		b, err := t.Boxes()
		t.Close()
		if err != nil {
			return err
		}
		*l.n, err = look(b)
		b.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// manyBars is how many long thin components make a page worth a longer look
// for a symbol: the shortest has some twenty, a ruled form a few.
const manyBars = 6

// shapes counts components by the sizes they have on paper: a letter is at
// least 6 by 10 pixels at 300 dpi, a bar an eighth of an inch long, the corner
// of a QR symbol a sixth of an inch, larger than a letter of running text.
func shapes(b *lept.Boxes, dpi float64) (lept.Shapes, error) {
	return b.Shapes(max(int(6*dpi/300), 2), max(int(10*dpi/300), 3), int(dpi/8), int(dpi/6))
}

// Gray levels after the background is evened out to about 200: below inkBelow
// a pixel is ink, above paperAbove it is paper, between them it is pencil, a
// faded ribbon or the other side showing through.
const (
	inkBelow   = 130
	paperAbove = 180
)

// measure finds the geometry: how far the lines are from level, how high the
// letters are, and by what factors the page must be scaled to be read well.
// What the file says of its resolution is believed only for its shape (a fax
// has half as many rows as columns): receipts and photographs say nothing, or
// something wrong, and the height of the letters is there to be measured.
func (c *cleaned) measure(dpix, dpiy float64) error {
	angle, ok := c.bw.Skew()
	if !ok || math.Abs(angle) < minSkew {
		angle = 0
	}
	hist := c.parts.Heights()
	c.text = median(hist[:])
	side := 16
	if c.text < 12 {
		side = 8
	}
	solid, err := c.bw.Solid(side)
	if err != nil {
		return err
	}
	c.white = solid >= 8
	square := dpix / dpiy // rows wanted for one that is there
	if square > 0.95 && square < 1.05 {
		square = 1
	}
	f, small := 1.0, smallText
	if c.up.Depth() == 1 {
		small = smallBlack
	}
	if h := float64(c.text) * max(square, 1); c.text > 0 && h < small {
		f = min(wantedText/h, maxScale)
	}
	if px := float64(c.up.Width()*c.up.Height()) * max(square, 1/square); px*f*f > maxScaled {
		f = max(math.Sqrt(maxScaled/px), 1)
	}
	if square == 1 && f == 1 {
		c.skew = angle
		return nil
	}
	c.sx, c.sy = f, f*square
	if square < 1 {
		c.sx, c.sy = f/square, f
	}
	c.dpi = int(math.Round(dpix * c.sx))
	if angle != 0 && c.sx != c.sy {
		angle = math.Atan(math.Tan(angle*math.Pi/180)*c.sy/c.sx) * 180 / math.Pi
	}
	c.skew = angle
	return nil
}

// median is the middle height of the components that are at least five pixels
// high; 0 when there are too few for a line of text.
func median(hist []int) int {
	n := 0
	for _, k := range hist[5:] {
		n += k
	}
	if n < 12 {
		return 0
	}
	seen := 0
	for h := 5; h < len(hist); h++ {
		if seen += hist[h]; 2*seen >= n {
			return h
		}
	}
	return 0
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
