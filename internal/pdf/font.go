package pdf

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// unitsPerEm and glyphWidth fix the metrics of the glyphless font: every
// character is half as wide as it is high.
const (
	unitsPerEm = 1000
	glyphWidth = 500
)

// fontFile returns a TrueType font with two empty glyphs. A viewer that
// insists on an embedded font is content, and nothing can be drawn with it.
// Tables after the OpenType specification; those a PDF's CIDFontType2 does not
// need (cmap, name, OS/2, post) are left out, as ISO 32000-1 9.9 allows.
func fontFile() []byte {
	be := binary.BigEndian
	head := make([]byte, 54)
	be.PutUint32(head[0:], 0x00010000)  // version
	be.PutUint32(head[4:], 0x00010000)  // revision
	be.PutUint32(head[12:], 0x5F0F3CF5) // magic
	be.PutUint16(head[18:], unitsPerEm)
	be.PutUint16(head[40:], glyphWidth) // xMax
	be.PutUint16(head[42:], unitsPerEm) // yMax
	be.PutUint16(head[46:], 8)          // smallest readable size, in pixels
	be.PutUint16(head[48:], 2)          // left to right

	hhea := make([]byte, 36)
	be.PutUint32(hhea[0:], 0x00010000)
	be.PutUint16(hhea[4:], unitsPerEm)  // ascender; descender 0
	be.PutUint16(hhea[10:], glyphWidth) // widest
	be.PutUint16(hhea[34:], 2)          // metrics

	maxp := make([]byte, 32)
	be.PutUint32(maxp[0:], 0x00010000)
	be.PutUint16(maxp[4:], 2)  // glyphs
	be.PutUint16(maxp[14:], 2) // zones

	hmtx := make([]byte, 8)
	be.PutUint16(hmtx[0:], glyphWidth)
	be.PutUint16(hmtx[4:], glyphWidth)

	tables := []struct {
		tag  string
		data []byte
	}{
		{"glyf", make([]byte, 4)}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx},
		{"loca", make([]byte, 6)}, {"maxp", maxp}, // short offsets, both glyphs empty
	}
	out := make([]byte, 12+16*len(tables))
	be.PutUint32(out[0:], 0x00010000)
	be.PutUint16(out[4:], uint16(len(tables)))
	be.PutUint16(out[6:], 64) // largest power of two tables, times 16
	be.PutUint16(out[8:], 2)
	be.PutUint16(out[10:], uint16(16*len(tables)-64))
	headAt := 0
	for i, t := range tables {
		if t.tag == "head" {
			headAt = len(out)
		}
		dir := out[12+16*i:]
		copy(dir, t.tag)
		be.PutUint32(dir[4:], tableSum(t.data))
		be.PutUint32(dir[8:], uint32(len(out)))
		be.PutUint32(dir[12:], uint32(len(t.data)))
		out = append(out, t.data...)
		out = append(out, make([]byte, -len(out)&3)...)
	}
	be.PutUint32(out[headAt+8:], 0xB1B0AFBA-tableSum(out))
	return out
}

func tableSum(b []byte) uint32 {
	b = append(bytes.Clone(b), make([]byte, -len(b)&3)...)
	var sum uint32
	for ; len(b) > 0; b = b[4:] {
		sum += binary.BigEndian.Uint32(b)
	}
	return sum
}

// glyphMap sends every 16-bit code to glyph 1.
func glyphMap() []byte {
	return bytes.Repeat([]byte{0, 1}, 1<<16)
}

// toUnicode says that a code is the UTF-16 unit it looks like. A range may not
// go beyond the last byte of its codes, and a block holds a hundred of them.
func toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for from := 0; from < 256; from += 100 {
		n := min(100, 256-from)
		fmt.Fprintf(&b, "%d beginbfrange\n", n)
		for hi := from; hi < from+n; hi++ {
			first := hi << 8
			if hi == 0 {
				first = 1 // nothing is U+0000
			}
			fmt.Fprintf(&b, "<%04X> <%02XFF> <%04X>\n", first, hi, first)
		}
		b.WriteString("endbfrange\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

// FontObject is one object of the glyphless font. Body is a dictionary; a
// stream when Stream is not nil. In Body, "%d" stands for the numbers of the
// objects Refs names by their index.
type FontObject struct {
	Body   string
	Stream []byte // not compressed
	Refs   []int
}

// Font returns the objects of the glyphless font; the first is the Type 0 font
// that a page's resources name. A descent of zero is taken for missing by some
// readers, which then guess a third of the height; a thousandth is as good as none.
func Font() []FontObject {
	return []FontObject{
		{Body: "/Type /Font /Subtype /Type0 /BaseFont /Glyphless /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R", Refs: []int{1, 5}},
		{Body: "/Type /Font /Subtype /CIDFontType2 /BaseFont /Glyphless /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 500 /FontDescriptor %d 0 R /CIDToGIDMap %d 0 R", Refs: []int{2, 4}},
		{Body: "/Type /FontDescriptor /FontName /Glyphless /Flags 5 /FontBBox [0 0 500 1000] /Ascent 1000 /Descent -1 /CapHeight 1000 /ItalicAngle 0 /StemV 80 /FontFile2 %d 0 R", Refs: []int{3}},
		{Stream: fontFile()},
		{Stream: glyphMap()},
		{Stream: toUnicode()},
	}
}
