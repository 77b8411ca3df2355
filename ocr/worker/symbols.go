package worker

import (
	"chartvault/ocr"
	"chartvault/ocr/barcode"
	"chartvault/ocr/lept"
)

// barcodes reads the page at half size first: averaging removes noise and is
// faster. Only what stays unread is looked at again, at full size and straightened.
func (c *cleaned) barcodes() ([]ocr.Barcode, error) {
	if !c.maybe {
		return nil, nil
	}
	if found := barcode.Read(c.half.Image()); len(found) > 0 {
		return found, nil
	}
	if !c.codes {
		return nil, nil
	}
	for _, render := range []func() (*lept.Pix, error){
		c.gray.Gray,
		c.straight,
		func() (*lept.Pix, error) { return c.bilevel() },
	} {
		g, err := render()
		if err != nil {
			return nil, err
		}
		found := barcode.Read(g.Image())
		g.Close()
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
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
