package ocr_test

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// bboxWord is a word as pdftotext -bbox reports it.
type bboxWord struct {
	page int
	text string
	box  [4]float64
}

func (w bboxWord) near(want [4]float64, points float64) bool {
	for i := range want {
		if math.Abs(w.box[i]-want[i]) > points {
			return false
		}
	}
	return true
}

func bboxWords(t *testing.T, out []byte) []bboxWord {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(out)))
	d.Strict, d.Entity = false, xml.HTMLEntity
	page := -1
	var words []bboxWord
	for {
		tok, err := d.Token()
		if err != nil {
			return words
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if el.Name.Local == "page" {
			page++
		}
		if el.Name.Local != "word" {
			continue
		}
		w := bboxWord{page: page}
		for i, a := range el.Attr {
			v, err := strconv.ParseFloat(a.Value, 64)
			if err != nil || i > 3 {
				t.Fatalf("bbox attribute %s=%q", a.Name.Local, a.Value)
			}
			w.box[i] = v
		}
		var text string
		if err := d.DecodeElement(&text, &el); err != nil {
			t.Fatal(err)
		}
		w.text = text
		words = append(words, w)
	}
}
