package scan

import (
	"encoding/binary"
	"fmt"
	"io"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// jp2File is a JPEG 2000 image: a JP2 file, or the bare codestream some
// archives keep (ISO/IEC 15444-1, annexes A and I).
type jp2File struct {
	single
	components int
}

func openJP2(r io.ReaderAt, size int64) (File, error) {
	b, err := readWhole(r, size)
	if err != nil {
		return nil, err
	}
	h, err := parseCodestream(b)
	if err != nil {
		return nil, err
	}
	if err := checkSize(h.w, h.h); err != nil {
		return nil, fmt.Errorf("open jpeg 2000: %w", err)
	}
	f := &jp2File{single{data: b, w: h.w, h: h.h, ext: ".jp2"}, h.components}
	f.dpix, f.dpiy = resolution(0, 0, h.w, h.h)
	if b[0] == 0xFF { // Leptonica wants the boxes round it
		f.data = boxed(b, h)
	}
	return f, nil
}

// codestream is what its first marker segment says.
type codestream struct{ w, h, components, bits int }

// parseCodestream finds the SIZ marker segment, which comes right after the
// start of the codestream.
func parseCodestream(b []byte) (codestream, error) {
	bad := fmt.Errorf("open jpeg 2000: %w: no codestream", ocr.ErrFormat)
	at := 0
	for b[at] != 0xFF { // boxes up to the one with the codestream
		if at+8 > len(b) {
			return codestream{}, bad
		}
		n, head := uint64(binary.BigEndian.Uint32(b[at:])), 8
		if n == 1 && at+16 <= len(b) {
			n, head = binary.BigEndian.Uint64(b[at+8:]), 16
		}
		if string(b[at+4:at+8]) == "jp2c" {
			at += head
			break
		}
		if n < uint64(head) || n > uint64(len(b)-at) {
			return codestream{}, bad
		}
		if at += int(n); at >= len(b) {
			return codestream{}, bad
		}
	}
	if len(b)-at < 4+38+3 || binary.BigEndian.Uint32(b[at:]) != 0xFF4FFF51 {
		return codestream{}, bad
	}
	siz := b[at+4:]
	u := func(i int) int64 { return int64(binary.BigEndian.Uint32(siz[i:])) }
	c := codestream{w: int(u(4) - u(12)), h: int(u(8) - u(16)), components: int(binary.BigEndian.Uint16(siz[36:])), bits: int(siz[38]&0x7F) + 1}
	if c.components < 1 || c.components > 4 || c.bits > 16 {
		return codestream{}, fmt.Errorf("open jpeg 2000: %w: %d components of %d bits", ocr.ErrFormat, c.components, c.bits)
	}
	return c, nil
}

// boxed puts a codestream into a JP2 file.
func boxed(stream []byte, c codestream) []byte {
	be := binary.BigEndian
	box := func(kind string, data []byte) []byte {
		out := be.AppendUint32(nil, uint32(8+len(data)))
		return append(append(out, kind...), data...)
	}
	ihdr := be.AppendUint32(be.AppendUint32(nil, uint32(c.h)), uint32(c.w))
	ihdr = append(be.AppendUint16(ihdr, uint16(c.components)), byte(c.bits-1), 7, 0, 0)
	space := uint32(17) // gray
	if c.components >= 3 {
		space = 16 // sRGB
	}
	colr := be.AppendUint32([]byte{1, 0, 0}, space)
	out := box("jP  ", []byte("\r\n\x87\n"))
	out = append(out, box("ftyp", []byte("jp2 \x00\x00\x00\x00jp2 "))...)
	out = append(out, box("jp2h", append(box("ihdr", ihdr), box("colr", colr)...))...)
	return append(out, box("jp2c", stream)...)
}

// Kind implements File.
func (f *jp2File) Kind() string { return "jp2" }

// Image implements Images: the whole file is the stream, which names its own
// colours.
func (f *jp2File) Image(int) (pdf.Image, int, bool, error) {
	im := pdf.Image{Width: f.w, Bits: 8, ColorSpace: "/DeviceGray", Filter: "/JPXDecode", Strips: []pdf.Strip{{Rows: f.h, Data: f.data}}}
	switch f.components {
	case 1:
	case 3:
		im.ColorSpace = "/DeviceRGB"
	default: // transparency or CMYK: as pixels
		return f.pixels()
	}
	return im, 0, true, nil
}
