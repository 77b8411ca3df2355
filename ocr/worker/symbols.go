package worker

import (
	"chartvault/ocr"
	"chartvault/ocr/barcode"
	"chartvault/ocr/lept"
)

// smallPage is a picture of a symbol rather than a page: it is searched
// whatever its components look like.
const smallPage = 1 << 20 // pixels

// barcodes reads the page at half size first: averaging removes noise and is
// faster. What is not settled then is looked at again: at full size, straightened,
// in black and white, and where there was noise through a median. The slower
// library only joins where there is something to agree on.
func (c *cleaned) barcodes(careful bool) ([]ocr.Barcode, error) {
	small := c.up.Width()*c.up.Height() <= smallPage
	if !c.maybe && !small {
		return nil, nil
	}
	b := barcode.NewBallot(c.paper, careful)
	b.Add("half", c.half.Image(), c.scale(c.half), c.codes)
	if b.Settled() || b.Empty() && !c.codes && !small {
		return b.Count(), nil
	}
	renderings := []struct {
		name   string
		render func() (*lept.Pix, error)
	}{
		{"full", c.full},
		{"straight", c.straight},
		{"bilevel", c.bilevel},
		{"smooth", func() (*lept.Pix, error) { return c.half.Median() }},
	}
	for _, slow := range []bool{false, true} {
		if slow && b.Empty() {
			break
		}
		for _, r := range renderings {
			g, err := r.render()
			if err != nil {
				return nil, err
			}
			b.Add(r.name, g.Image(), c.scale(g), slow)
			g.Close()
			if b.Settled() {
				return b.Count(), nil
			}
			if r.name == "straight" && b.Empty() && !c.codes {
				break // a small picture without anything like bars
			}
		}
	}
	return b.Count(), nil
}

// scale is how many pixels of a rendering are one of the page.
func (c *cleaned) scale(p *lept.Pix) float64 { return float64(p.Width()) / float64(c.up.Width()) }

// full is the page in grays at its own size.
func (c *cleaned) full() (*lept.Pix, error) {
	g, err := c.grays()
	if err != nil {
		return nil, err
	}
	return g.Gray()
}

// straight is the page in grays with its lines level.
func (c *cleaned) straight() (*lept.Pix, error) {
	g, err := c.render(asLevel)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	return g.Gray()
}

// bilevel is the straightened page in pure black and white, for faint symbols.
func (c *cleaned) bilevel() (*lept.Pix, error) {
	g, err := c.straight()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	bw, err := g.Otsu()
	if err != nil {
		return nil, err
	}
	defer bw.Close()
	return bw.Gray()
}
