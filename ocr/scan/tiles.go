package scan

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"

	"golang.org/x/image/tiff"

	"chartvault/ocr"
	"chartvault/ocr/lept"
)

// tiled reads what Leptonica does not: pages stored in tiles. one is the page
// as a TIFF of its own.
func (f *tiffFile) tiled(d dir, one []byte) (*lept.Pix, error) {
	if d.uint(tagCompression, compNone) == compJPEG && d.tags[tagTileOffsets].count > 0 {
		return f.jpegTiles(d)
	}
	cfg, err := tiff.DecodeConfig(bytes.NewReader(one))
	if err == nil {
		err = checkSize(cfg.Width, cfg.Height)
	}
	var m image.Image
	if err == nil {
		m, err = tiff.Decode(bytes.NewReader(one))
	}
	if err != nil {
		return nil, fmt.Errorf("decode: %w: %w", ocr.ErrFormat, err)
	}
	return toPix(m.Bounds(), grayModel(m.ColorModel()), func(dst draw.Image) error {
		draw.Draw(dst, dst.Bounds(), m, m.Bounds().Min, draw.Src)
		return nil
	})
}

// jpegTiles puts a page together from its tiles, each a JPEG of its own that
// may lack the tables all share.
func (f *tiffFile) jpegTiles(d dir) (*lept.Pix, error) {
	w, h, tw, th := d.uint(tagWidth, 0), d.uint(tagHeight, 0), d.uint(tagTileWidth, 0), d.uint(tagTileHeight, 0)
	offs, counts := d.uints(tagTileOffsets), d.uints(tagTileCounts)
	if err := checkSize(w, h); err != nil {
		return nil, err
	}
	bad := fmt.Errorf("%w: tiles do not make the page", ocr.ErrFormat)
	if tw < 8 || th < 8 || tw > MaxSide || th > MaxSide || len(offs) != len(counts) || d.uint(tagPlanar, 1) != 1 {
		return nil, bad
	}
	across := (w + tw - 1) / tw
	if down := (h + th - 1) / th; len(offs) != across*down {
		return nil, bad
	}
	return toPix(image.Rect(0, 0, w, h), d.uint(tagSamples, 1) == 1, func(dst draw.Image) error {
		for i := range offs {
			b, err := f.bytes(offs[i], counts[i])
			if err != nil {
				return err
			}
			if b, err = withTables(b, d.tags[tagJPEGTables].data); err != nil {
				return err
			}
			head, err := parseJPEG(b)
			if err != nil || head.w > tw || head.h > th {
				return bad
			}
			m, err := jpeg.Decode(bytes.NewReader(b))
			if err != nil {
				return fmt.Errorf("decode tile %d: %w: %w", i+1, ocr.ErrFormat, err)
			}
			at := image.Pt(i%across*tw, i/across*th)
			draw.Draw(dst, m.Bounds().Add(at), m, image.Point{}, draw.Src)
		}
		return nil
	})
}

func grayModel(m color.Model) bool { return m == color.GrayModel || m == color.Gray16Model }

// toPix draws an image of the given size, in gray or in colour.
func toPix(size image.Rectangle, gray bool, paint func(draw.Image) error) (*lept.Pix, error) {
	size = size.Sub(size.Min)
	if gray {
		g := image.NewGray(size)
		if err := paint(g); err != nil {
			return nil, err
		}
		return lept.FromGray(g)
	}
	m := image.NewRGBA(size)
	if err := paint(m); err != nil {
		return nil, err
	}
	return lept.FromRGBA(m)
}
