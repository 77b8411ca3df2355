package lept_test

import (
	"testing"

	"chartvault/internal/sample"
	"chartvault/ocr/lept"
)

// TestOrientation: of a page whose lines are known to run across it is said which way
// up it is, and not only that it cannot be told: whoever is told nothing reads it
// twice.
func TestOrientation(t *testing.T) {
	fs, err := sample.Batches()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fs {
		if f.Name != "loose-page.jpg" {
			continue
		}
		p, err := lept.Decode(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		g, err := p.Gray()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		bw, err := g.Otsu()
		if err != nil {
			t.Fatal(err)
		}
		defer bw.Close()
		for _, turn := range []int{0, 2} {
			turned, err := bw.Turn(turn)
			if err != nil {
				t.Fatal(err)
			}
			defer turned.Close()
			if got, ok := turned.Orientation(true); !ok || got != turn {
				t.Errorf("turned by %d quarters: got %d, %t", turn, got, ok)
			}
		}
		return
	}
	t.Fatal("the samples have no loose page")
}
