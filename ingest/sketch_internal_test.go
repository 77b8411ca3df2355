package ingest

import (
	"image"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"chartvault/internal/sample"
	"chartvault/ocr"
)

// textOf lays lines out as a reader would, shifted by some pixels, each word
// spoiled with the given probability.
func textOf(lines []string, shift int, spoil float64, r *rand.Rand) ocr.PageText {
	t := ocr.PageText{Width: 2550, Height: 3300, DPI: 300, DPIY: 300, Origin: ocr.FromOCR}
	for i, l := range lines {
		for k, w := range strings.Fields(l) {
			if r.Float64() < spoil {
				w = "x" + w
			}
			t.Words = append(t.Words, ocr.Word{Text: w, Box: image.Rect(100*k, 200+65*i+shift, 100*k+90, 240+65*i+shift), Line: i})
		}
	}
	return t
}

func TestSketch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := sample.Patients()
	one := sample.Note(p[0], 0)
	first := newSketch(textOf(one, 0, 0, r))
	for i := range 50 {
		again := newSketch(textOf(one, r.IntN(50)-25, 0.02, r))
		if !first.same(again) {
			t.Errorf("second scan %d of a page: got another page", i)
		}
	}
	for i := range 9 {
		if first.same(newSketch(textOf(sample.Note(p[0], i+1), 0, 0, r))) {
			t.Errorf("page %d of the same chart: got the same page", i)
		}
	}
	if first.same(newSketch(textOf(sample.Note(p[1], 0), 0, 0, r))) {
		t.Error("the same note about another patient: got the same page")
	}
	form := func(v int) []string {
		var out []string
		for i := range 40 {
			out = append(out, "Field number "+strconv.Itoa(i)+" of the form value "+strconv.Itoa(v*1000+i*7%13))
		}
		return out
	}
	if newSketch(textOf(form(1), 0, 0, r)).same(newSketch(textOf(form(2), 0, 0, r))) {
		t.Error("one form filled twice: got the same page")
	}
	if newSketch(textOf([]string{"a few words"}, 0, 0, r)).same(newSketch(textOf([]string{"a few words"}, 0, 0, r))) {
		t.Error("pages with few words say nothing")
	}
}
