package worker

import (
	"fmt"
	"image"
	"strings"
	"time"

	"chartvault/ocr"
	"chartvault/ocr/tesseract"
)

// attempt is one reading of a page.
type attempt struct {
	words []ocr.Word
	as    rendering
	turn  int // clockwise quarter turns from the cleaned page
}

// recognise reads the words. Where they come out poorly it tries the page the
// other ways round, then other renderings of it, and keeps the best.
func (r *reader) recognise(pg *ocr.Page, c *cleaned, langs string) error {
	if err := r.start(langs); err != nil {
		return err
	}
	begun := time.Now()
	w, h := pg.Text.Width, pg.Text.Height
	first, others := c.first()
	best, err := r.upright(c, first, len(pg.Barcodes) > 0)
	if err != nil {
		return err
	}
	for _, as := range others {
		if !c.doubtful(best.words) || time.Since(begun) > patience || len(pg.Barcodes) > 0 && letters(best.words) < 100 {
			break
		}
		a := attempt{as: as, turn: best.turn}
		if a.words, err = r.words(c, as, best.turn); err != nil {
			return err
		}
		if ocr.Expected(a.words) > ocr.Expected(best.words) {
			best = a
		}
	}
	pg.Text.Words, pg.Text.Origin = best.words, ocr.FromOCR
	pg.Text.Confidence = ocr.MeanConfidence(best.words)
	pg.Text.Turn = (pg.Text.Turn + best.turn) % 4
	uncovered, err := c.uncovered(best)
	if err != nil {
		return err
	}
	pg.Text.Quality = ocr.Rate(best.words, r.engine.Known, uncovered)
	if best.turn%2 != 0 {
		pg.Text.Width, pg.Text.Height = h, w
		pg.Text.DPI, pg.Text.DPIY = pg.Text.DPIY, pg.Text.DPI
	}
	return nil
}

// uncovered is the share of what looks like text and lies in no word. A box of
// a quarter of the page covers nothing: it is a drawing taken for a word.
func (c *cleaned) uncovered(a attempt) (float64, error) {
	ink, parts := c.bw, c.parts
	if c.up.Depth() != 1 { // print too faint for the threshold is what was lost
		faint, err := c.gray.Threshold(paperAbove)
		if err != nil {
			return 0, err
		}
		defer faint.Close()
		ink, parts = faint, nil
	}
	if a.turn != 0 || parts == nil {
		bw, err := ink.Turn(a.turn)
		if err != nil {
			return 0, err
		}
		defer bw.Close()
		if parts, err = bw.Boxes(); err != nil {
			return 0, err
		}
		defer parts.Close()
	}
	text := max(c.text, 5)
	quarter := ink.Width() * ink.Height() / 4
	var boxes []image.Rectangle
	for _, w := range a.words {
		if b := w.Box.Inset(-text / 4); b.Dx()*b.Dy() < quarter {
			boxes = append(boxes, b)
		}
	}
	return parts.Uncovered(boxes, max(2*text/3, 5), 3*text)
}

// doubtful reports whether another rendering may read better: a reading that
// is sure of nearly all its words is left alone, and so is a fair one of a
// bilevel scan, of which there is less to be made.
func (c *cleaned) doubtful(words []ocr.Word) bool {
	if c.up.Depth() == 1 {
		return ocr.MeanConfidence(words) < unsureBlack
	}
	return ocr.MeanConfidence(words) < unsure || ocr.LowShare(words) > unsureShare
}

// upright reads the page as it lies and, where that comes out poorly, the
// other ways round.
func (r *reader) upright(c *cleaned, as rendering, coded bool) (best attempt, err error) {
	for i, turn := range c.turns() {
		a := attempt{as: as, turn: turn}
		if a.words, err = r.words(c, as, turn); err != nil {
			return best, err
		}
		conf := ocr.MeanConfidence(a.words)
		if turn != 0 && conf < poor {
			continue // a page is only turned for text that is clearly there
		}
		if i == 0 || ocr.Expected(a.words) > ocr.Expected(best.words) || best.words == nil {
			best = a
		}
		if conf >= poor {
			break
		}
		if turn == 0 && (coded || conf >= hopeful && letters(a.words) >= 100) {
			break // a sheet, a label, or a hand that is hard to read upright too
		}
	}
	return best, nil
}

// turns lists the ways round to try. The lines of a page say whether it lies
// on its side, which costs next to nothing to ask; the shapes of its letters
// say which way up they run, and are wrong now and then about pages of capitals
// and figures.
func (c *cleaned) turns() []int {
	n, ok, lines := c.orientation()
	across, down := lines > manifest, lines < 1/manifest
	switch {
	case ok && n == 0 && !down:
		return []int{0}
	case ok && n == 2 && !down, ok && n%2 != 0 && !across:
		return []int{n, 0}
	case across:
		return []int{0, 2}
	case down:
		return []int{1, 3, 0}
	}
	return []int{0, 2, 1, 3}
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

// words recognises a rendering of the page turned by quarter turns, and maps
// the boxes back to the turned, uncleaned page.
func (r *reader) words(c *cleaned, as rendering, turn int) ([]ocr.Word, error) {
	img, err := c.render(as)
	if err != nil {
		return nil, err
	}
	defer func() { img.Close() }()
	if turn != 0 {
		t, err := img.Turn(turn)
		if err != nil {
			return nil, err
		}
		img.Close()
		img = t
	}
	if img.Width() > tesseract.MaxSide || img.Height() > tesseract.MaxSide || img.Width()*img.Height() > maxRecog {
		return nil, fmt.Errorf("recognise: %w: %d by %d pixels", ocr.ErrFormat, img.Width(), img.Height())
	}
	words, err := r.engine.Read(img, tesseract.Look{DPI: c.dpi, White: c.white})
	if err != nil {
		return nil, err
	}
	for i := range words {
		words[i].Box = c.back(words[i].Box, img.Width(), img.Height(), turn)
	}
	return words, nil
}

// orientation asks Leptonica, which looks at ascenders and descenders, and
// how much more uneven the rows of the page are than its columns. Half the
// size is enough where the letters are large.
func (c *cleaned) orientation() (turns int, ok bool, lines float64) {
	bw := c.bw
	if c.text >= largeText {
		half, err := bw.Reduce()
		if err != nil {
			return 0, false, 1
		}
		defer half.Close()
		bw = half
	}
	if c.skew != 0 {
		level, err := bw.Rotate(c.skew)
		if err != nil {
			return 0, false, 1
		}
		defer level.Close()
		bw = level
	}
	lines = bw.Lines()
	turns, ok = bw.Orientation(lines > manifest)
	return turns, ok, lines
}

// largeText is the height of small letters, in pixels, that can be halved.
const largeText = 18

// manifest is how many times more uneven one way than the other a page is whose
// lines clearly run that way: measured, text is 5 to 90, skewed text at least
// 1.7, a tracing 1.
const manifest = 3
