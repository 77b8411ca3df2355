package scan

import (
	"encoding/binary"
	"fmt"
	"io"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

type jpegFile struct {
	single
	head jpegHead
}

// jpegHead is what the markers before the first scan say.
type jpegHead struct {
	w, h       int
	components int
	bits       int
	adobe      bool // an Adobe marker is present: four components are inverted
	dpix, dpiy float64
	turn       int
}

func openJPEG(r io.ReaderAt, size int64) (File, error) {
	b, err := readWhole(r, size)
	if err != nil {
		return nil, err
	}
	h, err := parseJPEG(b)
	if err != nil {
		return nil, err
	}
	if err := checkSize(h.w, h.h); err != nil {
		return nil, fmt.Errorf("open jpeg: %w", err)
	}
	x, y := resolution(h.dpix, h.dpiy, h.w, h.h)
	return &jpegFile{single{b, h.w, h.h, h.turn, x, y, ".jpg"}, h}, nil
}

// Kind implements File.
func (f *jpegFile) Kind() string { return "jpeg" }

// Image implements Images: the whole file is the stream.
func (f *jpegFile) Image(int) (pdf.Image, int, bool, error) {
	im, err := jpegImage(f.data, f.head)
	return im, f.turn, true, err
}

func jpegImage(data []byte, h jpegHead) (pdf.Image, error) {
	im := pdf.Image{Width: h.w, Bits: h.bits, Filter: "/DCTDecode", Strips: []pdf.Strip{{Rows: h.h, Data: data}}}
	switch h.components {
	case 1:
		im.ColorSpace = "/DeviceGray"
	case 3:
		im.ColorSpace = "/DeviceRGB"
	case 4:
		im.ColorSpace = "/DeviceCMYK"
		if h.adobe {
			im.Decode = "[1 0 1 0 1 0 1 0]"
		}
	default:
		return pdf.Image{}, fmt.Errorf("jpeg of %d components: %w", h.components, ocr.ErrFormat)
	}
	return im, nil
}

// parseJPEG walks the markers up to the frame and the first scan.
func parseJPEG(b []byte) (jpegHead, error) {
	var h jpegHead
	bad := fmt.Errorf("open jpeg: %w: no frame", ocr.ErrFormat)
	for i := 2; ; {
		for i < len(b) && b[i] != 0xFF {
			i++ // rubbish between markers is passed over, as decoders do
		}
		for i < len(b) && b[i] == 0xFF {
			i++
		}
		if i+3 > len(b) {
			return h, bad
		}
		m := b[i]
		if m == 0x01 || m >= 0xD0 && m <= 0xD8 {
			i++
			continue
		}
		n := int(binary.BigEndian.Uint16(b[i+1:]))
		if n < 2 || i+1+n > len(b) {
			return h, bad
		}
		seg := b[i+3 : i+1+n]
		switch {
		case m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC:
			if len(seg) < 6 {
				return h, bad
			}
			h.bits, h.h, h.w, h.components = int(seg[0]), int(binary.BigEndian.Uint16(seg[1:])), int(binary.BigEndian.Uint16(seg[3:])), int(seg[5])
		case m == 0xE0:
			h.density(seg)
		case m == 0xE1:
			h.exif(seg)
		case m == 0xEE && len(seg) >= 5 && string(seg[:5]) == "Adobe":
			h.adobe = true
		case m == 0xDA, m == 0xD9:
			if h.w == 0 {
				return h, bad
			}
			return h, nil
		}
		i += 1 + n
	}
}

// density reads a JFIF segment.
func (h *jpegHead) density(seg []byte) {
	if len(seg) < 12 || string(seg[:5]) != "JFIF\x00" {
		return
	}
	unit := map[byte]float64{1: 1, 2: 2.54}[seg[7]]
	h.dpix = float64(binary.BigEndian.Uint16(seg[8:])) * unit
	h.dpiy = float64(binary.BigEndian.Uint16(seg[10:])) * unit
}

// exif reads orientation and resolution from an Exif segment, which is a TIFF
// header and one directory.
func (h *jpegHead) exif(seg []byte) {
	if len(seg) < 14 || string(seg[:6]) != "Exif\x00\x00" {
		return
	}
	t, err := walkTIFF(byteReader(seg[6:]), int64(len(seg)-6), 1)
	if err != nil || len(t.dirs) == 0 {
		return // a damaged hint is no reason to refuse the picture
	}
	d := t.dirs[0]
	h.turn = quarterTurns(d.uint(tagOrientation, 1))
	if h.dpix == 0 {
		h.dpix, h.dpiy = d.resolution()
	}
}

type byteReader []byte

func (b byteReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
