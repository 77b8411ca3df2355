package sample

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
)

// Broken makes n broken scan files of every format: cut off, with flipped
// bits, with blocks zeroed, doubled or filled with another file's bytes, and
// with lengths and sizes that lie. The same seed gives the same files.
func Broken(n int, seed uint64) ([]File, error) {
	good, err := whole()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 11))
	out := make([]File, 0, n)
	for i := range n {
		f := good[i%len(good)]
		other := good[r.IntN(len(good))]
		b := bytes.Clone(f.Data)
		how := ""
		switch r.IntN(7) {
		case 0:
			how, b = "cut", b[:1+r.IntN(len(b)-1)]
		case 1:
			how = "bits"
			for range 1 + r.IntN(40) {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
		case 2:
			how = "head"
			for range 1 + r.IntN(12) {
				b[r.IntN(min(len(b), 512))] = byte(r.Uint32())
			}
		case 3:
			how = "zeroed"
			at := r.IntN(len(b))
			clear(b[at:min(at+1+r.IntN(4096), len(b))])
		case 4:
			how = "mixed"
			copy(b[r.IntN(len(b)):], other.Data[r.IntN(len(other.Data)):])
		case 5:
			how = "doubled"
			at := r.IntN(len(b))
			b = append(b[:at:at], f.Data...)
		case 6:
			how = "lies"
			for range 4 {
				at := r.IntN(len(b) - 4)
				copy(b[at:], []byte{0xff, 0xff, 0xff, 0x7f})
			}
		}
		out = append(out, File{fmt.Sprintf("%04d-%s-%s", i, how, f.Name), b})
	}
	return out, nil
}

// whole are small good files of every format: sheets, which are read without
// recognition.
func whole() ([]File, error) {
	sheet, err := ownSheet(Patients()[0], "CONSENT")
	if err != nil {
		return nil, err
	}
	pages := []*image.Gray{sheet, Blank()}
	var out []File
	for _, c := range []string{"g4", "lzw", "jpeg"} {
		var b bytes.Buffer
		if err := WriteTIFF(&b, pages, c); err != nil {
			return nil, err
		}
		out = append(out, File{c + ".tif", bytes.Clone(b.Bytes())})
	}
	var pdf, img bytes.Buffer
	if err := WritePDF(&pdf, pages); err != nil {
		return nil, err
	}
	if err := png.Encode(&img, sheet); err != nil {
		return nil, err
	}
	jpg, err := JPEG(sheet, 70)
	return append(out, File{"copier.pdf", pdf.Bytes()}, File{"page.png", img.Bytes()}, File{"page.jpg", jpg}), err
}
