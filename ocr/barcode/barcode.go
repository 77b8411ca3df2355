// Package barcode reads the symbols of a page image: Code 128, Code 39, QR,
// Data Matrix, PDF417 and patch codes. It parses hostile pixels and runs in the
// worker only.
//
// Its invariant: it reports what a symbol says and guesses nothing. A false
// reading is worse than a missed one, because a misfiled page is the worst
// defect there is. So readings vote: two independent libraries, each on several
// renderings of the page. A symbology without error correction (Code 128 has
// one check character, Code 39 none) counts when two readings agree; where
// readings of one place contradict each other, neither counts and the symbol is
// reported as disputed.
package barcode

import (
	"image"
	"slices"

	"chartvault/ocr"
)

// minLength is the least characters a linear symbol must carry: shorter ones
// are stripes in a picture.
const minLength = 3

// maxSymbols is how many symbols of one symbology a page is searched for.
const maxSymbols = 6

// reading is what one reader saw at one place.
type reading struct {
	reader    string
	symbology string
	text      string
	box       image.Rectangle // in pixels of the ballot's page
}

// correcting reports whether a symbology corrects errors, so that a symbol
// that decodes at all says what was printed.
func correcting(symbology string) bool {
	return symbology == "qr" || symbology == "datamatrix" || symbology == "pdf417"
}

// Ballot collects the readings of one page.
type Ballot struct {
	readings []reading
	careful  bool
	dpi      float64
}

// NewBallot begins a page of dpi pixels an inch. A careful one leaves out the
// reader that has been seen to stop its process.
func NewBallot(dpi float64, careful bool) *Ballot { return &Ballot{dpi: dpi, careful: careful} }

// Add reads one rendering of the page: an 8-bit image, packed, of which scale
// pixels are one pixel of the page. name tells renderings apart. The slower
// reader is asked too when slow is set, or when the fast one may not be.
func (b *Ballot) Add(name string, g *image.Gray, scale float64, slow bool) {
	for _, r := range b.read(g, slow || b.careful) {
		r.reader += "/" + name
		r.box = scaled(r.box, scale)
		b.readings = append(b.readings, r)
	}
	if p, ok := patch(g, b.dpi*scale); ok {
		p.reader += "/" + name
		p.box = scaled(p.box, scale)
		b.readings = append(b.readings, p)
	}
}

func (b *Ballot) read(g *image.Gray, slow bool) []reading {
	var out []reading
	if slow {
		out = gozxingAll(g)
	}
	if b.careful {
		return out
	}
	for _, names := range [][]string{{"code128", "code39"}, {"qr", "datamatrix"}, {"pdf417"}} {
		// A symbol that is found is painted over, and the page searched again.
		page := g
		for range maxSymbols {
			r, ok := zxing(page, names)
			if !ok {
				break
			}
			r.reader = "zxing"
			out = append(out, r)
			if page == g {
				page = image.NewGray(g.Bounds())
				copy(page.Pix, g.Pix)
			}
			erase(page, r.box)
		}
	}
	return out
}

// Settled reports whether reading more renderings could add nothing: something
// counts and nothing is disputed or waits for a second voice.
func (b *Ballot) Settled() bool {
	found := b.Count()
	if len(found) == 0 {
		return false
	}
	for _, r := range b.readings {
		if !slices.ContainsFunc(found, func(c ocr.Barcode) bool { return c.Symbology == r.symbology && c.Text == r.text && !c.Disputed }) {
			return false
		}
	}
	return true
}

// Empty reports whether no reader saw anything.
func (b *Ballot) Empty() bool { return len(b.readings) == 0 }

// Count returns what the readings agree on, and what they dispute.
func (b *Ballot) Count() []ocr.Barcode {
	type key struct{ symbology, text string }
	votes := map[key]map[string]bool{}
	boxes := map[key]image.Rectangle{}
	for _, r := range b.readings {
		if r.symbology != "patch" && !correcting(r.symbology) && len(r.text) < minLength {
			continue
		}
		k := key{r.symbology, r.text}
		if votes[k] == nil {
			votes[k] = map[string]bool{}
		}
		votes[k][r.reader] = true
		boxes[k] = boxes[k].Union(r.box)
	}
	var out []ocr.Barcode
	for _, sym := range ocr.Symbologies() {
		var keys []key
		for k := range votes {
			if k.symbology == sym {
				keys = append(keys, k)
			}
		}
		slices.SortFunc(keys, func(a, c key) int {
			if d := boxes[a].Min.Y - boxes[c].Min.Y; d != 0 {
				return d
			}
			return boxes[a].Min.X - boxes[c].Min.X
		})
		for _, k := range keys {
			contested := slices.ContainsFunc(keys, func(o key) bool { return o != k && boxes[o].Overlaps(boxes[k]) })
			enough := correcting(sym) || len(votes[k]) >= 2
			if enough || contested {
				out = append(out, ocr.Barcode{Symbology: sym, Text: k.text, Box: boxes[k], Disputed: contested})
			}
		}
	}
	return out
}

func scaled(r image.Rectangle, by float64) image.Rectangle {
	f := func(v int) int { return int(float64(v) / by) }
	return image.Rect(f(r.Min.X), f(r.Min.Y), f(r.Max.X), f(r.Max.Y))
}

// around is the box of some points, at least a few pixels wide and high: the
// two points a linear reader gives lie on one row.
func around(pts []image.Point) image.Rectangle {
	var r image.Rectangle
	for i, p := range pts {
		at := image.Rectangle{p.Sub(image.Pt(4, 4)), p.Add(image.Pt(4, 4))}
		if i == 0 {
			r = at
		}
		r = r.Union(at)
	}
	return r
}

// erase paints a symbol white, and for a linear one what lies above and below.
func erase(g *image.Gray, box image.Rectangle) {
	box = box.Inset(-8).Intersect(g.Bounds())
	for y := box.Min.Y; y < box.Max.Y; y++ {
		row := g.Pix[y*g.Stride+box.Min.X : y*g.Stride+box.Max.X]
		for i := range row {
			row[i] = 255
		}
	}
}
