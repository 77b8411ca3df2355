package ingest

import (
	"hash/fnv"
	"strings"
	"unicode"

	"chartvault/ocr"
)

// sketch is a small picture of a page's text by which two scans of one sheet
// are told from two pages of one form: the least hashes of its pairs of words,
// and of its words with digits, which is where two filled forms differ.
type sketch struct {
	Pairs   [48]uint32 `json:"pairs"`
	Figures [24]uint32 `json:"figures"`
	Words   int        `json:"words"`
}

// fewWords is how many words a page must have for its sketch to say anything.
const fewWords = 40

func newSketch(t ocr.PageText) sketch {
	s := sketch{Words: len(t.Words)}
	for i := range s.Pairs {
		s.Pairs[i] = ^uint32(0)
	}
	for i := range s.Figures {
		s.Figures[i] = ^uint32(0)
	}
	before := ""
	for _, w := range t.Words {
		text := strings.ToLower(w.Text)
		least(s.Pairs[:], before+" "+text)
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
// words in common, and nearly all figures.
func (s sketch) same(o sketch) bool {
	if s.Words < fewWords || o.Words < fewWords {
		return false
	}
	pairs, figures := 0, 0
	for i := range s.Pairs {
		if s.Pairs[i] == o.Pairs[i] {
			pairs++
		}
	}
	for i := range s.Figures {
		if s.Figures[i] == o.Figures[i] {
			figures++
		}
	}
	return pairs*100 >= 75*len(s.Pairs) && figures*100 >= 85*len(s.Figures)
}
