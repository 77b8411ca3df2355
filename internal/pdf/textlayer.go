package pdf

import (
	"bytes"
	"fmt"
	"unicode/utf16"
)

// Word is a word and where it stands: any unit, origin bottom left.
type Word struct {
	Text           string
	X0, Y0, X1, Y1 float64
}

// FontName is the resource name the text layer asks for.
const FontName = "CvText"

// TextLayer returns the content stream that puts words on a page as invisible
// text. m maps the words' coordinates to the page's user space, as the six
// numbers of a PDF matrix.
//
// Each word is stretched to its box: the glyphless font is half as wide as
// high, so a word of n characters at size s is n*s/2 wide. A space follows
// every word, for readers that join what touches.
func TextLayer(words []Word, m [6]float64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "q %.6f %.6f %.6f %.6f %.4f %.4f cm\nBT\n3 Tr\n", m[0], m[1], m[2], m[3], m[4], m[5])
	size := -1.0
	for _, w := range words {
		codes := encode(w.Text)
		height, width := w.Y1-w.Y0, w.X1-w.X0
		if len(codes) == 0 || height <= 0 || width <= 0 {
			continue
		}
		if height != size {
			fmt.Fprintf(&b, "/%s %.2f Tf\n", FontName, height)
			size = height
		}
		stretch := 100 * width / (float64(len(codes)) * height * glyphWidth / unitsPerEm)
		fmt.Fprintf(&b, "%.2f Tz 1 0 0 1 %.2f %.2f Tm <", stretch, w.X0, w.Y0)
		for _, c := range append(codes, ' ') {
			fmt.Fprintf(&b, "%04X", c)
		}
		b.WriteString("> Tj\n")
	}
	b.WriteString("ET\nQ\n")
	return b.Bytes()
}

// encode returns the 16-bit codes of s. What lies outside the basic plane
// becomes U+FFFD: a surrogate is no character of its own to a viewer.
func encode(s string) []uint16 {
	out := make([]uint16, 0, len(s))
	for _, r := range s {
		if r > 0xFFFF || utf16.IsSurrogate(r) || r < ' ' || r == 0xFEFF || r == 0xFFFE || r == 0xFFFF {
			r = 0xFFFD
		}
		out = append(out, uint16(r))
	}
	return out
}
