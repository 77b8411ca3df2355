package sample

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"chartvault/ocr/lept"
)

// Damages lists what Damage can do to a page: what scanners, fax machines,
// copiers and years do to paper.
func Damages() []string {
	return []string{"clean", "skew+2", "skew-4", "skew+8", "rot90", "rot180", "rot270", "shading", "specks", "dirt", "fax-standard", "fax-fine", "150dpi", "100dpi", "faint", "border", "jpeg-q12", "photo"}
}

// Ruins lists damage after which much of a page can no longer be read: what a
// rule that sends pages to a person must find.
func Ruins() []string {
	return []string{"60dpi", "75dpi", "faintest", "dirtiest", "noisiest", "worn-fax", "crumpled", "half-lost", "striped", "overstruck"}
}

// Damage spoils a page of 300 dpi in the named way and encodes it as a scanner
// would, in a TIFF or JPEG file. The same seed gives the same file.
func Damage(page *image.Gray, kind string, seed uint64) (File, error) {
	r := rand.New(rand.NewPCG(seed, 7))
	g := image.NewGray(page.Bounds())
	copy(g.Pix, page.Pix)
	f, err := damage(g, kind, r)
	f.Name = kind + f.Name
	if err != nil {
		return f, fmt.Errorf("damage %s: %w", kind, err)
	}
	return f, nil
}

func damage(g *image.Gray, kind string, r *rand.Rand) (File, error) {
	switch kind {
	case "clean":
		return bilevel(g, step{})
	case "skew+2":
		return bilevel(g, step{rotate: 2})
	case "skew-4":
		return bilevel(g, step{rotate: -4})
	case "skew+8":
		return bilevel(g, step{rotate: 8})
	case "rot90":
		return bilevel(g, step{turn: 1})
	case "rot180":
		return bilevel(g, step{turn: 2})
	case "rot270":
		return bilevel(g, step{turn: 3})
	case "specks":
		salt(g, r, 0.01)
		return bilevel(g, step{})
	case "dirt":
		dirt(g, r, 700)
		return bilevel(g, step{})
	case "border":
		border(g)
		return bilevel(g, step{rotate: 0.7})
	case "fax-standard":
		return bilevel(g, step{dpix: 204, dpiy: 98})
	case "fax-fine":
		return bilevel(g, step{dpix: 204, dpiy: 196})
	case "150dpi":
		noise(g, r, 8)
		return gray(g, step{dpix: 150, dpiy: 150}, 70)
	case "100dpi":
		noise(g, r, 4)
		return gray(g, step{dpix: 100, dpiy: 100}, 80)
	case "shading":
		shade(g, 0.45)
		noise(g, r, 6)
		return gray(g, step{}, 75)
	case "faint":
		contrast(g, 0.22)
		noise(g, r, 6)
		return gray(g, step{}, 80)
	case "jpeg-q12":
		noise(g, r, 10)
		return gray(g, step{}, 12)
	case "photo":
		shade(g, 0.6)
		contrast(g, 0.75)
		noise(g, r, 14)
		return gray(g, step{rotate: 2.6, dpix: 170, dpiy: 170}, 60)
	}
	return ruin(g, kind, r)
}

// ruin does the kinds of Ruins; how much is left differs from seed to seed.
func ruin(g *image.Gray, kind string, r *rand.Rand) (File, error) {
	much := 0.5 + r.Float64()
	switch kind {
	case "60dpi":
		noise(g, r, 6)
		return gray(g, step{dpix: 60, dpiy: 60}, 60)
	case "75dpi":
		noise(g, r, 10*much)
		return gray(g, step{dpix: 75, dpiy: 75}, 40)
	case "faintest":
		contrast(g, 0.10)
		noise(g, r, 10*much)
		return gray(g, step{}, 60)
	case "dirtiest":
		dirt(g, r, int(9000*much))
		return bilevel(g, step{})
	case "noisiest":
		salt(g, r, 0.12*much)
		return bilevel(g, step{})
	case "worn-fax":
		salt(g, r, 0.05*much)
		return bilevel(g, step{dpix: 204, dpiy: 98, rotate: 1.5})
	case "crumpled":
		wave(g, 14*much, 300)
		return bilevel(g, step{})
	case "half-lost":
		b := g.Bounds()
		for y := range b.Dy() {
			for x := b.Dx() * 2 / 5; x < b.Dx(); x++ {
				i := y*g.Stride + x
				g.Pix[i] = 255 - uint8(float64(255-g.Pix[i])*max(0.1, 0.4-0.3*much))
			}
		}
		noise(g, r, 6)
		return gray(g, step{}, 60)
	case "striped":
		b := g.Bounds()
		for y := 0; y < b.Dy(); y++ {
			if y%max(int(40/much), 12) < 7 {
				for x := range b.Dx() {
					g.Pix[y*g.Stride+x] = 30
				}
			}
		}
		return bilevel(g, step{})
	case "overstruck":
		shifted := image.NewGray(g.Bounds())
		copy(shifted.Pix, g.Pix)
		off := int(25*much)*g.Stride + int(60*much)
		for i := off; i < len(g.Pix); i++ {
			g.Pix[i] = min(g.Pix[i], shifted.Pix[i-off])
		}
		return bilevel(g, step{})
	}
	return File{}, fmt.Errorf("no such damage")
}

// wave moves columns up and down, as paper that got wet.
func wave(g *image.Gray, amplitude, period float64) {
	src := image.NewGray(g.Bounds())
	copy(src.Pix, g.Pix)
	b := g.Bounds()
	for x := range b.Dx() {
		dy := int(amplitude * math.Sin(float64(x)/period*2*math.Pi))
		for y := range b.Dy() {
			from := min(max(y+dy, 0), b.Dy()-1)
			g.Pix[y*g.Stride+x] = src.Pix[from*g.Stride+x]
		}
	}
}

// step is the geometry of a scan.
type step struct {
	rotate     float64 // degrees clockwise
	turn       int     // clockwise quarter turns
	dpix, dpiy int     // 0 for 300
}

func (s step) apply(g *image.Gray) (*lept.Pix, step, error) {
	p, err := lept.FromGray(g)
	next := func(q *lept.Pix, e error) {
		if err == nil {
			p.Close()
			p, err = q, e
		}
	}
	if err == nil && s.rotate != 0 {
		next(p.Rotate(s.rotate))
	}
	if err == nil && s.turn != 0 {
		next(p.Turn(s.turn))
	}
	if s.dpix == 0 {
		s.dpix, s.dpiy = dpi, dpi
	} else if err == nil {
		next(p.ScaleXY(float64(s.dpix)/dpi, float64(s.dpiy)/dpi))
	}
	return p, s, err
}

func bilevel(g *image.Gray, s step) (File, error) {
	p, s, err := s.apply(g)
	if err != nil {
		return File{}, err
	}
	defer p.Close()
	bw, err := p.Threshold(150)
	if err != nil {
		return File{}, err
	}
	defer bw.Close()
	bw.SetDPI(s.dpix, s.dpiy)
	b, err := bw.TIFF("g4")
	return File{".tif", b}, err
}

func gray(g *image.Gray, s step, quality int) (File, error) {
	p, s, err := s.apply(g)
	if err != nil {
		return File{}, err
	}
	defer p.Close()
	b, err := JPEG(p.Image(), quality)
	if err != nil {
		return File{}, err
	}
	// The JFIF header of the standard library says nothing; a scanner's does.
	head := []byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 1,
		byte(s.dpix >> 8), byte(s.dpix), byte(s.dpiy >> 8), byte(s.dpiy), 0, 0}
	return File{".jpg", append(head, b[2:]...)}, nil
}

func clamp(v float64) uint8 { return uint8(min(max(v, 0), 255)) }

func noise(g *image.Gray, r *rand.Rand, sigma float64) {
	for i, v := range g.Pix {
		g.Pix[i] = clamp(float64(v) + r.NormFloat64()*sigma)
	}
}

func salt(g *image.Gray, r *rand.Rand, share float64) {
	for range int(share * float64(len(g.Pix))) {
		g.Pix[r.IntN(len(g.Pix))] = uint8(255 * r.IntN(2))
	}
}

func dirt(g *image.Gray, r *rand.Rand, n int) {
	b := g.Bounds()
	for range n {
		x, y, rad := r.IntN(b.Dx()), r.IntN(b.Dy()), 1+r.Float64()*2.5
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				at := image.Pt(x+dx, y+dy)
				if at.In(b) && math.Hypot(float64(dx), float64(dy)) <= rad {
					g.Pix[g.PixOffset(at.X, at.Y)] = 20
				}
			}
		}
	}
}

// shade darkens towards one corner, as a book's gutter or a desk lamp does.
func shade(g *image.Gray, depth float64) {
	b := g.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			k := 1 - depth*(float64(x)/float64(b.Dx())+float64(y)/float64(b.Dy()))/2
			i := y*g.Stride + x
			g.Pix[i] = clamp(float64(g.Pix[i])*k*0.9 + 12)
		}
	}
}

// contrast leaves a share of the distance between ink and paper.
func contrast(g *image.Gray, share float64) {
	for i, v := range g.Pix {
		g.Pix[i] = clamp(235 - (255-float64(v))*share)
	}
}

// border is what a copier with its lid open leaves round a page, with punch holes.
func border(g *image.Gray) {
	b := g.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			hole := false
			for _, cy := range []int{600, 1650, 2700} {
				hole = hole || math.Hypot(float64(x-110), float64(y-cy)) < 45
			}
			if x < 40 || x > b.Dx()-60 || y < 30 || hole {
				g.Pix[y*g.Stride+x] = 10
			}
		}
	}
}
