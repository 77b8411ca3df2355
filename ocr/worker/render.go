package worker

import (
	"chartvault/ocr/lept"
)

// rendering is one way to prepare a page for recognition. All have the same
// geometry.
type rendering int

const (
	asBilevel rendering = iota // a bilevel scan, without specks where there are many
	asLevel                    // gray, even in background: thresholding would eat thin strokes
	asScanned                  // untouched but for its geometry
	asLocal                    // black and white by a local threshold: faint print
	asGlobal                   // black and white by one threshold for the page: faded ribbon
	asSmooth                   // median, threshold, no small specks: dirt
)

// first returns the rendering that is right for most pages of its kind, and
// others the ones to try where that reads poorly.
func (c *cleaned) first() (first rendering, others []rendering) {
	if c.up.Depth() == 1 {
		if !c.dirty || c.sx != 1 || c.sy != 1 { // a median of letters this small leaves none
			return asBilevel, nil
		}
		return asBilevel, []rendering{asSmooth}
	}
	return asLevel, []rendering{asLocal, asScanned, asGlobal}
}

// render prepares the page. The caller closes what it gets.
func (c *cleaned) render(as rendering) (*lept.Pix, error) {
	src, owned, err := c.source(as)
	if err != nil {
		return nil, err
	}
	steps := []func(*lept.Pix) (*lept.Pix, error){}
	if src.Depth() == 1 && (c.sx != 1 || c.sy != 1 || c.skew != 0) {
		steps = append(steps, (*lept.Pix).Gray) // to round the letters where pixels move
	}
	if c.sx != 1 || c.sy != 1 {
		steps = append(steps, func(p *lept.Pix) (*lept.Pix, error) { return p.ScaleXY(c.sx, c.sy) })
	}
	if c.skew != 0 {
		steps = append(steps, func(p *lept.Pix) (*lept.Pix, error) { return p.Rotate(c.skew) })
	}
	if len(steps) == 0 && !owned {
		return src.Scale(1)
	}
	for _, step := range steps {
		next, err := step(src)
		if owned {
			src.Close()
		}
		if err != nil {
			return nil, err
		}
		src, owned = next, true
	}
	return src, nil
}

// source is what a rendering starts from; owned says that the caller closes it.
func (c *cleaned) source(as rendering) (p *lept.Pix, owned bool, err error) {
	switch as {
	case asBilevel:
		if !c.specky {
			return c.up, false, nil // dots and commas are specks too
		}
		return c.bw, false, nil
	case asGlobal:
		return c.bw, false, nil
	case asLevel:
		p, err = c.grays()
		return p, false, err
	case asLocal:
		p, err = c.gray.Sauvola()
		return p, true, err
	case asSmooth:
		g, err := c.grays()
		if err != nil {
			return nil, false, err
		}
		m, err := g.Median()
		if err != nil {
			return nil, false, err
		}
		defer m.Close()
		bw, err := m.Otsu()
		if err != nil {
			return nil, false, err
		}
		defer bw.Close()
		p, err = bw.Specks(5, 5)
		return p, true, err
	}
	if c.up.Depth() == 32 {
		p, err = c.up.Gray()
		return p, true, err
	}
	return c.up, false, nil
}
