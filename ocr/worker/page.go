package worker

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"time"

	"chartvault/ocr"
	"chartvault/ocr/scan"
	"chartvault/ocr/tesseract"
)

// Thresholds of the page pipeline, chosen by measurement (docs/benchmarks.md).
const (
	smallText   = 9.5  // pixels the small letters of a gray scan are high; below it a page is scaled up
	smallBlack  = 16.9 // the same of a bilevel scan, whose letters have no grays to show their shape
	wantedText  = 22.0 // pixels they are scaled up to
	maxScale    = 4.0
	minSkew     = 0.2             // degrees; less is not worth the blur
	poor        = 75.0            // mean confidence below which other orientations are tried
	hopeful     = 50.0            // above it not, when there is much text: turned text reads far worse
	unsure      = 88.0            // mean confidence below which other renderings are tried
	unsureBlack = 80.0            // the same for a bilevel scan
	unsureShare = 0.10            // share of doubtful words above which other renderings are tried
	patience    = 8 * time.Second // after it no further rendering is begun
	maxScaled   = 30 << 20        // pixels a page is scaled up to
	previewDPI  = 100
	maxRecog    = 100 << 20 // pixels Tesseract is given
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
	if pg.Barcodes, err = c.barcodes(o.Careful); err != nil {
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
	pg.Preview = preview(c, dpix, pg.Text.Turn-side.Turn)
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

// preview is the page at about 100 dpi in 16 grays, from the cleaned half, or of a
// bilevel scan of 300 dpi, as most are, at a third of its size; nil when it cannot be
// made, which is no reason to lose the page.
func preview(c *cleaned, dpi float64, turn int) []byte {
	src, dpi := c.half, dpi/2
	if c.up.Depth() == 1 && 2*dpi > 290 && 2*dpi < 310 {
		if t, err := c.up.Third(); err == nil {
			defer t.Close()
			src, dpi = t, 2*dpi/3
		}
	}
	g, err := src.Turn(turn)
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
	b, err := sixteen(g.Image())
	if err != nil {
		return nil
	}
	return b
}

// sixteen is an image in 16 grays, as PNG: for a screen.
func sixteen(src *image.Gray) ([]byte, error) {
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
	err := enc.Encode(&out, dst)
	return out.Bytes(), err
}
