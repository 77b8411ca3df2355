package lept_test

import (
	"image"
	"image/draw"
	"testing"

	"chartvault/ocr/lept"
)

// page is a 1-bit page, white but for some rectangles.
func page(t *testing.T, w, h int, black ...image.Rectangle) *lept.Pix {
	t.Helper()
	g := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(g, g.Bounds(), image.White, image.Point{}, draw.Src)
	for _, r := range black {
		draw.Draw(g, r, image.Black, image.Point{}, draw.Src)
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
	t.Cleanup(bw.Close)
	return bw
}

// TestThird: a third of a page is all of it, whatever its width: what is black at its
// right edge is there.
func TestThird(t *testing.T) {
	for _, w := range []int{2550, 2480, 2559, 96, 97, 98} {
		small, err := page(t, w, 90, image.Rect(w-6, 0, w, 90)).Third()
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
	bw := page(t, 100, 100,
		image.Rect(10, 10, 12, 12), // a speck
		image.Rect(20, 20, 21, 23), // as high as a comma
		image.Rect(30, 30, 40, 50), // a letter
		image.Rect(0, 60, 20, 90))  // it touches the border
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
