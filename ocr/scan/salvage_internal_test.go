package scan

import (
	"bytes"
	"testing"
)

// FuzzSalvage: a broken PDF gives whole images or an error. It is tested from
// inside because the PDF engine comes before it.
func FuzzSalvage(f *testing.F) {
	jpeg := "\xff\xd8\xff\xc0\x00\x11\x08\x02\x00\x02\x00\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda\x00\x02\xff\xd9"
	f.Add([]byte("%PDF-1.4 << /Length 9 >> stream\r\n" + jpeg + "\nendstream stream\n" + jpeg))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := salvage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for n := 1; n <= file.Pages(); n++ {
			im, _, _, err := file.(Images).Image(n)
			if err == nil && (im.Width < leastSide || im.Height() < leastSide) {
				t.Errorf("image %d is %d by %d", n, im.Width, im.Height())
			}
		}
	})
}

// FuzzCodestream: the sizes of a JPEG 2000 image are found or refused.
func FuzzCodestream(f *testing.F) {
	f.Add([]byte("\xff\x4f\xff\x51\x00\x29\x00\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x07\x01\x01"))
	f.Add(boxed([]byte("\xff\x4f\xff\x51"), codestream{16, 16, 1, 8}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		if c, err := parseCodestream(b); err == nil && (c.components < 1 || c.bits < 1) {
			t.Errorf("got %+v", c)
		}
	})
}
