// Package hospital makes up the papers of a fictitious hospital of any size,
// for benchmarks and for tests of behaviour at size.
//
// Its invariant: a page is a function of the seed and its number alone, so that
// two engines, or an engine and a model, can be given the same hospital without
// either keeping it. Words follow Zipf's law over a made-up clinical
// vocabulary, and some are damaged as recognition damages them. Nobody in it
// exists. It stores nothing.
package hospital

import (
	"image"
	"math/rand/v2"
	"strconv"
	"time"

	"chartvault/ocr"
	"chartvault/record"
)

const (
	// PagesPerDocument is how many pages a document has.
	PagesPerDocument = 8
	// PagesPerChart is how many pages a chart has: a chart of one and a quarter documents on average.
	PagesPerChart = 10
	// Vocabulary is how many different words there are before damage.
	Vocabulary = 80_000
	// Noise is the share of words that recognition damages.
	Noise = 0.03

	exponent = 1.08 // of Zipf's law, as measured on clinical notes
)

// Hospital is a fictitious hospital. It is safe for concurrent use.
type Hospital struct {
	seed  uint64
	words []string // by rank, the commonest first
}

// New returns the hospital of a seed.
func New(seed uint64) *Hospital {
	return &Hospital{seed: seed, words: vocabulary(seed)}
}

// Document is a paper of the hospital.
type Document struct {
	ID      record.ID
	Chart   string // chart number: seven digits
	Type    string // a code of record.DocumentTypes
	Service record.Date
	Pages   int
}

// Document returns document n, from 0.
func (h *Hospital) Document(n int) Document {
	r := h.random(1, n)
	var id record.ID
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	types := []string{"discharge_summary", "progress_note", "lab_report", "radiology_report", "operative_report", "consent"}
	day := time.Date(1985, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(40*365))
	return Document{
		ID:      id,
		Chart:   h.Chart(n * PagesPerDocument / PagesPerChart),
		Type:    types[r.IntN(len(types))],
		Service: record.DateOf(day),
		Pages:   PagesPerDocument,
	}
}

// Chart returns the number of chart n.
func (h *Hospital) Chart(n int) string { return strconv.Itoa(1_000_000 + n) }

// Page returns the text of page i (from 0) of document n as it was recognised.
func (h *Hospital) Page(n, i int) ocr.PageText {
	r := h.random(2, n*PagesPerDocument+i)
	zipf := rand.NewZipf(r, exponent, 1, uint64(len(h.words)-1))
	p := ocr.PageText{Width: 2550, Height: 3300, DPI: 300, DPIY: 300, Origin: ocr.FromOCR, Confidence: 91}
	count := 180 + r.IntN(165)
	x, y := 200, 200
	for range count {
		w := h.words[zipf.Uint64()]
		if r.Float64() < Noise {
			w = Damage(r, w)
		}
		width := 22 * len(w)
		if x+width > 2350 {
			x, y = 200, y+60
		}
		p.Words = append(p.Words, ocr.Word{Text: w, Box: image.Rect(x, y, x+width, y+40), Confidence: 91, Line: (y - 200) / 60})
		x += width + 20
	}
	return p
}

// Word returns the word of a rank, 0 the commonest.
func (h *Hospital) Word(rank int) string { return h.words[rank] }

func (h *Hospital) random(stream uint64, n int) *rand.Rand {
	return rand.New(rand.NewPCG(h.seed^stream<<56, uint64(n)))
}
