package scan

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// Compression schemes of TIFF.
const (
	compNone = 1
	compG4   = 4
	compJPEG = 7
)

type tiffFile struct {
	r    io.ReaderAt
	size int64
	*tiffDirs
}

func openTIFF(r io.ReaderAt, size int64) (*tiffFile, error) {
	t, err := walkTIFF(r, size, MaxPages)
	if err != nil {
		return nil, err
	}
	return &tiffFile{r, size, t}, nil
}

// Kind implements File.
func (f *tiffFile) Kind() string { return "tiff" }

// Pages implements File: one a directory.
func (f *tiffFile) Pages() int { return len(f.dirs) }

// Damage implements Damaged: a chain of pages that breaks off or goes round in
// a circle may have had more.
func (f *tiffFile) Damage() string {
	if f.cut {
		return "the TIFF's list of pages breaks off"
	}
	return ""
}

// Close implements File.
func (f *tiffFile) Close() error { return nil }

func (f *tiffFile) dir(n int) (dir, error) {
	if n < 1 || n > len(f.dirs) {
		return dir{}, fmt.Errorf("tiff page %d of %d: %w", n, len(f.dirs), ocr.ErrFormat)
	}
	return f.dirs[n-1], nil
}

// Decode implements File. The page is copied into a TIFF of its own first, so
// that the decoder sees one page whatever the file holds.
func (f *tiffFile) Decode(n int) (Side, error) {
	d, err := f.dir(n)
	if err != nil {
		return Side{}, err
	}
	w, h := d.uint(tagWidth, 0), d.uint(tagHeight, 0)
	if err := checkSize(w, h); err != nil {
		return Side{}, fmt.Errorf("tiff page %d: %w", n, err)
	}
	var buf bytes.Buffer
	if err := f.write(&buf, []int{n}); err != nil {
		return Side{}, fmt.Errorf("tiff page %d: %w", n, err)
	}
	p, err := decode(buf.Bytes())
	if err != nil {
		if p, err = f.tiled(d, buf.Bytes()); err != nil {
			return Side{}, fmt.Errorf("tiff page %d: %w", n, err)
		}
	}
	x, y := d.resolution()
	x, y = resolution(x, y, w, h)
	return Side{Pix: p, Turn: quarterTurns(d.uint(tagOrientation, 1)), DPIX: x, DPIY: y}, nil
}

// Image implements Images.
func (f *tiffFile) Image(n int) (pdf.Image, int, bool, error) {
	d, err := f.dir(n)
	if err != nil {
		return pdf.Image{}, 0, false, err
	}
	turn := quarterTurns(d.uint(tagOrientation, 1))
	switch d.uint(tagCompression, compNone) {
	case compG4:
		if im, err := f.g4Image(d); err == nil {
			return im, turn, true, nil
		}
	case compJPEG:
		if im, err := f.jpegImage(d); err == nil {
			return im, turn, true, nil
		}
	}
	s, err := f.Decode(n)
	if err != nil {
		return pdf.Image{}, 0, false, err
	}
	defer s.Pix.Close()
	im, err := recode(s.Pix)
	return im, turn, false, err
}

// g4Image passes Group 4 strips on. A PDF wants the first pixel in the highest
// bit; the other fill order is turned round byte by byte.
func (f *tiffFile) g4Image(d dir) (pdf.Image, error) {
	if d.uint(tagSamples, 1) != 1 || d.uint(tagBits, 1) != 1 || d.tags[tagTileOffsets].count > 0 || d.uint(tagT6Options, 0) != 0 {
		return pdf.Image{}, ocr.ErrFormat
	}
	strips, err := f.strips(d)
	if err != nil {
		return pdf.Image{}, err
	}
	if d.uint(tagFillOrder, 1) == 2 {
		for _, s := range strips {
			for i, b := range s.Data {
				s.Data[i] = bits.Reverse8(b)
			}
		}
	}
	w := d.uint(tagWidth, 0)
	parms := fmt.Sprintf("/K -1 /Columns %d", w) + " /Rows %d"
	if d.uint(tagPhotometric, 0) == 1 {
		parms += " /BlackIs1 true"
	}
	return pdf.Image{Width: w, Bits: 1, ColorSpace: "/DeviceGray", Filter: "/CCITTFaxDecode", Parms: parms, Strips: strips}, nil
}

// jpegImage passes JPEG strips on, each completed with the file's tables.
func (f *tiffFile) jpegImage(d dir) (pdf.Image, error) {
	if d.tags[tagTileOffsets].count > 0 || d.uint(tagPlanar, 1) != 1 {
		return pdf.Image{}, ocr.ErrFormat
	}
	strips, err := f.strips(d)
	if err != nil {
		return pdf.Image{}, err
	}
	tables := d.tags[tagJPEGTables].data
	var im pdf.Image
	for i, s := range strips {
		data, err := withTables(s.Data, tables)
		if err != nil {
			return pdf.Image{}, err
		}
		h, err := parseJPEG(data)
		if err != nil {
			return pdf.Image{}, err
		}
		one, err := jpegImage(data, h)
		if err != nil {
			return pdf.Image{}, err
		}
		if i == 0 {
			im = one
		} else if one.Width != im.Width || one.ColorSpace != im.ColorSpace {
			return pdf.Image{}, ocr.ErrFormat
		} else {
			im.Strips = append(im.Strips, one.Strips...)
		}
	}
	// A JPEG without a JFIF or Adobe marker is taken for YCbCr by a PDF
	// viewer; a TIFF may mean RGB.
	if im.ColorSpace == "/DeviceRGB" {
		transform := 1
		if d.uint(tagPhotometric, 6) == 2 {
			transform = 0
		}
		im.Parms = fmt.Sprintf("/ColorTransform %d", transform)
	}
	if im.Width != d.uint(tagWidth, 0) || im.Height() != d.uint(tagHeight, 0) {
		return pdf.Image{}, ocr.ErrFormat
	}
	return im, nil
}

// withTables puts the tables of an abbreviated stream in front of its strip.
func withTables(strip, tables []byte) ([]byte, error) {
	if len(strip) < 4 || strip[0] != 0xFF || strip[1] != 0xD8 {
		return nil, ocr.ErrFormat
	}
	if len(tables) < 4 {
		return strip, nil
	}
	body := bytes.TrimSuffix(tables, []byte{0xFF, 0xD9})
	return append(slices.Clone(body), strip[2:]...), nil
}

// strips reads a page's strips.
func (f *tiffFile) strips(d dir) ([]pdf.Strip, error) {
	offs, counts := d.uints(tagStripOffsets), d.uints(tagStripCounts)
	h := d.uint(tagHeight, 0)
	rows := d.uint(tagRowsPerStrip, h)
	if rows <= 0 || rows > h {
		rows = h
	}
	if len(offs) == 0 || len(offs) != len(counts) || (h+rows-1)/rows != len(offs) {
		return nil, fmt.Errorf("%w: strips do not make the page", ocr.ErrFormat)
	}
	var out []pdf.Strip
	total := uint64(0)
	for i := range offs {
		if total += counts[i]; total > maxEncoded {
			return nil, fmt.Errorf("%w: page of over %d encoded bytes", ocr.ErrFormat, maxEncoded)
		}
		b, err := f.bytes(offs[i], counts[i])
		if err != nil {
			return nil, err
		}
		out = append(out, pdf.Strip{Rows: min(rows, h-i*rows), Data: b})
	}
	return out, nil
}

func (f *tiffFile) bytes(off, n uint64) ([]byte, error) {
	if off > uint64(f.size) || n > uint64(f.size)-off || n > maxEncoded {
		return nil, fmt.Errorf("%w: image data outside the file", ocr.ErrFormat)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f.r, int64(off), int64(n)), b); err != nil {
		return nil, err
	}
	return b, nil
}

// Original implements Images.
func (f *tiffFile) Original(w io.Writer, pages []int) (string, error) {
	return ".tif", f.write(w, pages)
}
