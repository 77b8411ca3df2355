package worker

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"regexp"
	"strings"

	"chartvault/ocr"
	"chartvault/ocr/barcode"
	"chartvault/ocr/lept"
	"chartvault/ocr/scan"
	"chartvault/ocr/tesseract"
)

// Thresholds of the page pipeline, chosen by measurement (docs/benchmarks.md).
const (
	lowDPI     = 250  // below it gray pages are recognised in gray
	veryLow    = 140  // below it pages are scaled up: it gains little above and costs as much again
	targetDPI  = 300  // what they are scaled up to
	minSkew    = 0.2  // degrees; less is not worth the blur
	poor       = 75.0 // mean confidence below which other orientations are tried
	hopeful    = 50.0 // above it not, when there is much text: turned text reads far worse
	previewDPI = 100
	maxRecog   = 100 << 20 // pixels Tesseract is given
)

// reader reads pages with one Tesseract client.
type reader struct {
	engine *tesseract.Engine
	langs  string
}

// read takes one side through the pipeline: barcodes, blank test, clean-up,
// recognition. Words come back in pixels of the page as displayed, at the
// resolution of the scan.
func (r *reader) read(side scan.Side, o ocr.Options) (ocr.Page, error) {
	defer side.Pix.Close()
	up, err := side.Pix.Turn(side.Turn)
	if err != nil {
		return ocr.Page{}, err
	}
	defer up.Close()
	dpix, dpiy := side.DPIX, side.DPIY
	if side.Turn%2 != 0 {
		dpix, dpiy = dpiy, dpix
	}
	pg := ocr.Page{Text: ocr.PageText{Width: up.Width(), Height: up.Height(), DPI: dpix, DPIY: dpiy, Turn: side.Turn, Origin: ocr.NoText}}
	c, err := clean(up, dpix, dpiy)
	if err != nil {
		return pg, err
	}
	defer c.close()
	if pg.Barcodes, err = c.barcodes(); err != nil {
		return pg, err
	}
	if pg.Sheet, err = matches(pg.Barcodes, o.Sheets); err != nil {
		return pg, err
	}
	switch {
	case side.Words != nil:
		pg.Text.Words, pg.Text.Origin, pg.Text.Confidence = side.Words, ocr.FromFile, 100
	case pg.Sheet:
	case c.faint == 0 && len(pg.Barcodes) == 0:
		pg.Blank = true
	default:
		if err := r.recognise(&pg, c, o.Languages); err != nil {
			return pg, err
		}
		if c.marks == 0 && len(pg.Barcodes) == 0 && !confident(pg.Text.Words) {
			// Nothing but faint marks that say nothing: the other side of the
			// sheet. Pencil that can be read stays a page.
			pg.Blank, pg.Text.Words, pg.Text.Turn, pg.Text.Origin = true, nil, side.Turn, ocr.NoText
		}
	}
	pg.Preview = preview(c.half, dpix/2, pg.Text.Turn-side.Turn)
	return pg, nil
}

func matches(codes []ocr.Barcode, patterns []string) (bool, error) {
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return false, fmt.Errorf("sheet pattern: %w", err)
		}
		for _, b := range codes {
			if re.MatchString(b.Text) {
				return true, nil
			}
		}
	}
	return false, nil
}

// recognise reads the words and, where they come out poorly, tries the page
// the other ways round and keeps the best.
func (r *reader) recognise(pg *ocr.Page, c *cleaned, langs string) error {
	if err := r.start(langs); err != nil {
		return err
	}
	w, h := pg.Text.Width, pg.Text.Height
	best, bestTurn, bestScore := []ocr.Word(nil), 0, -1.0
	for _, turn := range c.turns() {
		words, err := r.words(c, turn)
		if err != nil {
			return err
		}
		score := ocr.MeanConfidence(words) * math.Sqrt(float64(letters(words)))
		if turn != 0 && ocr.MeanConfidence(words) < poor {
			continue // a page is only turned for text that is clearly there
		}
		if score > bestScore {
			best, bestTurn, bestScore = words, turn, score
		}
		if ocr.MeanConfidence(words) >= poor {
			break
		}
		if turn == 0 && (len(pg.Barcodes) > 0 || ocr.MeanConfidence(words) >= hopeful && letters(words) >= 100) {
			break // a sheet, a label, or a hand that is hard to read upright too
		}
	}
	pg.Text.Words, pg.Text.Origin = best, ocr.FromOCR
	pg.Text.Confidence = ocr.MeanConfidence(best)
	pg.Text.Turn = (pg.Text.Turn + bestTurn) % 4
	if bestTurn%2 != 0 {
		pg.Text.Width, pg.Text.Height = h, w
		pg.Text.DPI, pg.Text.DPIY = pg.Text.DPIY, pg.Text.DPI
	}
	return nil
}

// turns lists the ways round to try: as it lies first, then the one that the
// shapes of its letters speak for, or all when they say nothing.
func (c *cleaned) turns() []int {
	n, ok := c.orientation()
	switch {
	case !ok:
		return []int{0, 2, 1, 3}
	case n == 0:
		return []int{0}
	}
	return []int{n, 0}
}

// confident reports whether at least two words were read well.
func confident(words []ocr.Word) bool {
	n := 0
	for _, w := range words {
		if w.Confidence >= 70 && len(w.Text) >= 3 {
			n++
		}
	}
	return n >= 2
}

func letters(words []ocr.Word) int {
	n := 0
	for _, w := range words {
		n += len(w.Text)
	}
	return n
}

func (r *reader) start(langs string) error {
	if r.engine != nil && r.langs == langs {
		return nil
	}
	if r.engine != nil {
		r.engine.Close() // it is replaced either way
	}
	e, err := tesseract.New(strings.Split(langs, "+")...)
	r.engine, r.langs = e, langs
	return err
}

// words recognises the cleaned page turned by quarter turns, and maps the
// boxes back to the turned, uncleaned page.
func (r *reader) words(c *cleaned, turn int) ([]ocr.Word, error) {
	img := c.page
	if turn != 0 {
		t, err := img.Turn(turn)
		if err != nil {
			return nil, err
		}
		defer t.Close()
		img = t
	}
	if img.Width() > tesseract.MaxSide || img.Height() > tesseract.MaxSide || img.Width()*img.Height() > maxRecog {
		return nil, fmt.Errorf("recognise: %w: %d by %d pixels", ocr.ErrFormat, img.Width(), img.Height())
	}
	b, err := img.BMP()
	if err != nil {
		return nil, err
	}
	words, err := r.engine.Read(b, img.Width(), img.Height(), c.dpi)
	if err != nil {
		return nil, err
	}
	for i := range words {
		words[i].Box = c.back(words[i].Box, img.Width(), img.Height(), turn)
	}
	return words, nil
}

// preview is the page at about 100 dpi in 16 grays, from the cleaned half; nil
// when it cannot be made, which is no reason to lose the page.
func preview(half *lept.Pix, dpi float64, turn int) []byte {
	g, err := half.Turn(turn)
	if err != nil {
		return nil
	}
	defer func() { g.Close() }()
	if f := previewDPI / dpi; f < 0.9 && g.Width() > 64 && g.Height() > 64 {
		h, err := g.Scale(f)
		if err != nil {
			return nil
		}
		g.Close()
		g = h
	}
	src := g.Image()
	pal := make(color.Palette, 16)
	for i := range pal {
		pal[i] = color.Gray{uint8(i * 17)}
	}
	dst := image.NewPaletted(src.Bounds(), pal)
	for i, v := range src.Pix {
		dst.Pix[i] = uint8((int(v) + 8) / 17)
	}
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if enc.Encode(&out, dst) != nil {
		return nil
	}
	return out.Bytes()
}

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
		c.page.Gray,
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

// bilevel is the recognised page in pure black and white, for faint symbols.
func (c *cleaned) bilevel() (*lept.Pix, error) {
	g, err := c.page.Gray()
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

// orientation asks Leptonica, which looks at ascenders and descenders.
func (c *cleaned) orientation() (int, bool) {
	if c.page.Depth() == 1 {
		return c.page.Orientation()
	}
	bw, err := c.page.Otsu()
	if err != nil {
		return 0, false
	}
	defer bw.Close()
	return bw.Orientation()
}
