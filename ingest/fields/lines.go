package fields

import (
	"image"
	"strings"

	"chartvault/ocr"
)

// line is one line of a page with the way back from its characters to words.
type line struct {
	text  string
	words []ocr.Word
	at    []int // at[i] is the index of the word that byte i of text belongs to
	top   float64
}

// lines puts a page's words back into lines. top is 0 at the page's head and 1
// at its foot.
func lines(t ocr.PageText) []line {
	var out []line
	for i, w := range t.Words {
		if i == 0 || w.Line != t.Words[i-1].Line {
			out = append(out, line{top: float64(w.Box.Min.Y) / float64(max(t.Height, 1))})
		}
		l := &out[len(out)-1]
		if len(l.words) > 0 {
			l.text += " "
			l.at = append(l.at, len(l.words)-1)
		}
		l.words = append(l.words, w)
		for range len(w.Text) {
			l.at = append(l.at, len(l.words)-1)
		}
		l.text += w.Text
	}
	return out
}

// value makes a value of the bytes from i to j of a line.
func (l line) value(text, label string, i, j int) Value {
	v := Value{Text: text, Confidence: 100, Source: FromText, Label: strings.TrimSpace(label)}
	var box image.Rectangle
	for k := i; k < j && k < len(l.at); k++ {
		w := l.words[l.at[k]]
		v.Confidence = min(v.Confidence, w.Confidence)
		box = box.Union(w.Box)
	}
	v.Box = box
	return v
}
