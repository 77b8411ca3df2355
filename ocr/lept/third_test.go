package lept_test

import (
	"image"
	"testing"

	"chartvault/ocr/lept"
)

// TestThird: a third of a page is all of it, whatever its width: what is black at its
// right edge is there.
func TestThird(t *testing.T) {
	for _, w := range []int{2550, 2480, 2559, 96, 97, 98} {
		g := image.NewGray(image.Rect(0, 0, w, 90))
		for i := range g.Pix {
			g.Pix[i] = 255
			if i%w >= w-6 {
				g.Pix[i] = 0
			}
		}
		p, err := lept.FromGray(g)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		bw, err := p.Threshold(128)
		if err != nil {
			t.Fatal(err)
		}
		defer bw.Close()
		small, err := bw.Third()
		if err != nil {
			t.Fatal(err)
		}
		defer small.Close()
		im := small.Image()
		if got, want := im.Bounds(), image.Rect(0, 0, (w+2)/3, 30); got != want {
			t.Errorf("%d wide: got %v, want %v", w, got, want)
			continue
		}
		if x := im.Bounds().Dx() - 2; im.GrayAt(x, 15).Y > 60 || im.GrayAt(2, 15).Y < 250 {
			t.Errorf("%d wide: its right edge is %d, its left %d, want black and white", w, im.GrayAt(x, 15).Y, im.GrayAt(2, 15).Y)
		}
	}
}

// TestBoxes: the components of a page are found once, and specks are told from
// letters by their size.
func TestBoxes(t *testing.T) {
	g := image.NewGray(image.Rect(0, 0, 100, 100))
	for i := range g.Pix {
		g.Pix[i] = 255
	}
	black := func(r image.Rectangle) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				g.Pix[y*g.Stride+x] = 0
			}
		}
	}
	black(image.Rect(10, 10, 12, 12)) // a speck
	black(image.Rect(20, 20, 21, 23)) // as high as a comma
	black(image.Rect(30, 30, 40, 50)) // a letter
	black(image.Rect(0, 60, 20, 90))  // it touches the border
	p, err := lept.FromGray(g)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	bw, err := p.Threshold(128)
	if err != nil {
		t.Fatal(err)
	}
	defer bw.Close()
	b, err := bw.Boxes()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Count() != 4 || b.Larger(3, 3) != 3 {
		t.Errorf("got %d components, %d of them larger than specks, want 4 and 3", b.Count(), b.Larger(3, 3))
	}
	if h := b.Heights(); h[20] != 1 || h[30] != 0 || h[2] != 0 {
		t.Errorf("heights: got %v, want one letter of 20", h)
	}
	if s, err := b.Shapes(5, 5, 60, 60); err != nil || s.Marks != 1 {
		t.Errorf("shapes: got %+v, %v, want one mark", s, err)
	}
	for _, tt := range []struct {
		by   []image.Rectangle
		want float64
	}{{nil, 1}, {[]image.Rectangle{image.Rect(25, 25, 45, 55)}, 0}} {
		if got, err := b.Uncovered(tt.by, 10, 40); err != nil || got != tt.want {
			t.Errorf("uncovered by %v: got %v, %v, want %v", tt.by, got, err, tt.want)
		}
	}
	clean, err := bw.Without(b)
	if err != nil {
		t.Fatal(err)
	}
	defer clean.Close()
	c, err := clean.Boxes()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Count() != 3 {
		t.Errorf("without specks: got %d components, want 3", c.Count())
	}
}
