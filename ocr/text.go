package ocr

import (
	"encoding/json"
	"fmt"
	"image"
	"strings"
)

// Word is one word of a page.
type Word struct {
	Text       string
	Box        image.Rectangle // pixels of the page as displayed, origin top left
	Confidence int             // 0 to 100; 100 for text that was in the file
	Line       int             // words of one line share the number; lines count from 0 in reading order
}

// MarshalJSON writes the seven values of a word as an array.
func (w Word) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{w.Text, w.Box.Min.X, w.Box.Min.Y, w.Box.Max.X, w.Box.Max.Y, w.Confidence, w.Line})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (w *Word) UnmarshalJSON(b []byte) error {
	v := []any{&w.Text, &w.Box.Min.X, &w.Box.Min.Y, &w.Box.Max.X, &w.Box.Max.Y, &w.Confidence, &w.Line}
	n := len(v)
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != n {
		return fmt.Errorf("word of %d values, want %d", len(v), n)
	}
	return nil
}

// Origin says where a page's text came from.
type Origin string

// Origins.
const (
	FromOCR  Origin = "ocr"  // recognised from the image
	FromFile Origin = "file" // the text layer of a born-digital page
	NoText   Origin = "none" // the page was not read
)

// PageText is what is known of one page: its size and its words.
type PageText struct {
	Width      int     `json:"width"`  // pixels as displayed
	Height     int     `json:"height"` // pixels as displayed
	DPI        float64 `json:"dpi"`    // pixels an inch across
	DPIY       float64 `json:"dpi_y"`  // pixels an inch down: a fax has half as many
	Turn       int     `json:"turn"`   // clockwise quarter turns from the image as scanned to the page as displayed
	Origin     Origin  `json:"origin"`
	Confidence float64 `json:"confidence"` // mean over characters, 0 to 100
	Quality    Quality `json:"quality"`    // of a recognised page
	Words      []Word  `json:"words"`
}

// String returns the text, a line a line.
func (t PageText) String() string {
	var b strings.Builder
	for i, w := range t.Words {
		switch {
		case i == 0:
		case w.Line != t.Words[i-1].Line:
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// Turned returns the text of the page turned clockwise by quarter turns, 0 to 3.
func (t PageText) Turned(turn int) PageText {
	for range turn {
		words := make([]Word, len(t.Words))
		for i, w := range t.Words {
			b := w.Box
			w.Box = image.Rect(t.Height-b.Max.Y, b.Min.X, t.Height-b.Min.Y, b.Max.X)
			words[i] = w
		}
		if t.DPIY == 0 {
			t.DPIY = t.DPI
		}
		t.Words, t.Width, t.Height, t.DPI, t.DPIY, t.Turn = words, t.Height, t.Width, t.DPIY, t.DPI, (t.Turn+1)%4
	}
	return t
}

// MeanConfidence is the mean confidence of words, weighted by their length;
// 0 when there are none.
func MeanConfidence(words []Word) float64 {
	sum, n := 0, 0
	for _, w := range words {
		sum += w.Confidence * len(w.Text)
		n += len(w.Text)
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}
