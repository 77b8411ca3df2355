package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

type pngFile struct {
	single
	bits, colour byte
	palette      []byte
	plain        bool // neither interlaced nor transparent: the stream fits a PDF
	idat         []byte
}

func openPNG(r io.ReaderAt, size int64) (File, error) {
	b, err := readWhole(r, size)
	if err != nil {
		return nil, err
	}
	f := &pngFile{}
	var dpix, dpiy float64
	transparent, interlaced := false, false
	bad := fmt.Errorf("open png: %w: damaged chunk", ocr.ErrFormat)
	for i := 8; i+8 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[i:]))
		kind := string(b[i+4 : i+8])
		if n < 0 || n > len(b)-i-8 {
			// A cut file: the decoder may still have its first rows.
			n = len(b) - i - 8
		}
		d := b[i+8 : i+8+n]
		switch kind {
		case "IHDR":
			if n != 13 {
				return nil, bad
			}
			f.w, f.h = int(int32(binary.BigEndian.Uint32(d))), int(int32(binary.BigEndian.Uint32(d[4:])))
			f.bits, f.colour, interlaced = d[8], d[9], d[12] != 0
		case "PLTE":
			f.palette = d
		case "tRNS":
			transparent = true
		case "pHYs":
			if n == 9 && d[8] == 1 { // pixels a metre
				dpix = float64(binary.BigEndian.Uint32(d)) * 0.0254
				dpiy = float64(binary.BigEndian.Uint32(d[4:])) * 0.0254
			}
		case "IDAT":
			f.idat = append(f.idat, d...)
		}
		i += n + 12
	}
	if err := checkSize(f.w, f.h); err != nil {
		return nil, fmt.Errorf("open png: %w", err)
	}
	f.plain = !transparent && !interlaced && (f.colour == 0 || f.colour == 2 || f.colour == 3 && len(f.palette) >= 3 && len(f.palette)%3 == 0)
	x, y := resolution(dpix, dpiy, f.w, f.h)
	f.single = single{data: b, w: f.w, h: f.h, dpix: x, dpiy: y, ext: ".png"}
	return f, nil
}

// Kind implements File.
func (f *pngFile) Kind() string { return "png" }

// Image implements Images. The compressed rows of a plain PNG are what a PDF
// calls Flate with PNG predictors.
func (f *pngFile) Image(int) (pdf.Image, int, bool, error) {
	if !f.plain {
		return f.pixels()
	}
	im := pdf.Image{Width: f.w, Bits: int(f.bits), Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: f.h, Data: f.idat}}}
	colours := 1
	switch f.colour {
	case 0:
		im.ColorSpace = "/DeviceGray"
	case 2:
		im.ColorSpace, colours = "/DeviceRGB", 3
	case 3:
		var hex bytes.Buffer
		fmt.Fprintf(&hex, "[/Indexed /DeviceRGB %d <%x>]", len(f.palette)/3-1, f.palette)
		im.ColorSpace = hex.String()
	}
	im.Parms = fmt.Sprintf("/Predictor 15 /Colors %d /BitsPerComponent %d /Columns %d", colours, f.bits, f.w)
	return im, 0, true, nil
}
