package ingest

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"

	"chartvault/ocr"
)

// sketch is a small picture of a page's text by which two scans of one sheet
// are told from two pages of one form: the least hashes of its pairs of words,
// of the same with about where they stand, and of its words with digits, which
// is where two filled forms differ.
type sketch struct {
	Pairs   [48]uint32 `json:"pairs"`
	Places  [96]uint32 `json:"places"`
	Figures [24]uint32 `json:"figures"`
	Words   int        `json:"words"`
}

// fewWords is how many words a page must have for its sketch to say anything.
const fewWords = 40

// bands is how many parts of a page's height are told apart: the second scan of
// a sheet lies a little higher or lower.
const bands = 20

func newSketch(t ocr.PageText) sketch {
	s := sketch{Words: len(t.Words)}
	for _, slots := range [][]uint32{s.Pairs[:], s.Places[:], s.Figures[:]} {
		for i := range slots {
			slots[i] = ^uint32(0)
		}
	}
	before := ""
	for _, w := range t.Words {
		text := strings.ToLower(w.Text)
		least(s.Pairs[:], before+" "+text)
		least(s.Places[:], fmt.Sprintf("%s %s %d", before, text, bands*w.Box.Min.Y/max(t.Height, 1)))
		if strings.ContainsFunc(text, unicode.IsDigit) {
			least(s.Figures[:], text)
		}
		before = text
	}
	return s
}

// least keeps for each slot the least of the hashes that a word has there.
func least(slots []uint32, word string) {
	h := fnv.New64a()
	h.Write([]byte(word)) // never fails
	x := h.Sum64()
	for i := range slots {
		x = x*6364136223846793005 + 1442695040888963407
		slots[i] = min(slots[i], uint32(x>>32))
	}
}

// same reports whether two pages are scans of one sheet: nearly all pairs of
// words in common, most of them at the same height, and nearly all figures.
func (s sketch) same(o sketch) bool {
	if s.Words < fewWords || o.Words < fewWords {
		return false
	}
	return common(s.Pairs[:], o.Pairs[:]) >= 0.75 && common(s.Places[:], o.Places[:]) >= 0.5 && common(s.Figures[:], o.Figures[:]) >= 0.75
}

// common estimates the share two sets have in common from their least hashes.
func common(a, b []uint32) float64 {
	n := 0
	for i := range a {
		if a[i] == b[i] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}
