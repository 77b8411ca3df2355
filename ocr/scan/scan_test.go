package scan_test

import (
	"bytes"
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"

	"chartvault/internal/corpus"
	"chartvault/internal/sample"
	"chartvault/ocr"
	"chartvault/ocr/scan"
)

// TestTIFFVariants opens every TIFF of the corpus; each decodes, or is refused
// as a scan that cannot be read.
func TestTIFFVariants(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus.Path(t, "tiff"), "*.tif*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	pages := map[string]int{"pillow-g4-multi.tiff": 3, "pillow-multipage.tiff": 3, "pillow-hopper_bigtiff.tif": 1}
	turns := map[string]int{"pillow-g4_orientation_3.tif": 2, "pillow-g4_orientation_6.tif": 1, "pillow-g4_orientation_8.tif": 3}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := scan.Open(bytes.NewReader(b), int64(len(b)), scan.Options{})
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			if want, ok := pages[filepath.Base(name)]; ok && f.Pages() != want {
				t.Errorf("got %d pages, want %d", f.Pages(), want)
			}
			s, err := f.Decode(1)
			if err != nil {
				if !errors.Is(err, ocr.ErrFormat) {
					t.Errorf("decode: got %v, want ErrFormat", err)
				}
				return
			}
			defer s.Pix.Close()
			if want := turns[filepath.Base(name)]; s.Turn != want {
				t.Errorf("got turn %d, want %d", s.Turn, want)
			}
		})
	}
}

// TestOriginal: pages copied into another TIFF decode to the same pixels.
func TestOriginal(t *testing.T) {
	note := sample.Page("NOTE", sample.Note(sample.Patients()[0], 1))
	for _, compression := range []string{"g4", "lzw", "jpeg"} {
		var b bytes.Buffer
		if err := sample.WriteTIFF(&b, []*image.Gray{sample.Blank(), note, sample.Blank()}, compression); err != nil {
			t.Fatal(err)
		}
		f, err := scan.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), scan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		ext, err := f.(scan.Images).Original(&out, []int{2, 1})
		if err != nil || ext != ".tif" {
			t.Fatalf("%s: got %q, %v", compression, ext, err)
		}
		g, err := scan.Open(bytes.NewReader(out.Bytes()), int64(out.Len()), scan.Options{})
		if err != nil || g.Pages() != 2 {
			t.Fatalf("%s: the copy: %v", compression, err)
		}
		for to, from := range map[int]int{1: 2, 2: 1} {
			if !bytes.Equal(pixels(t, f, from), pixels(t, g, to)) {
				t.Errorf("%s: page %d differs from the source's page %d", compression, to, from)
			}
		}
	}
}

func pixels(t *testing.T, f scan.File, n int) []byte {
	t.Helper()
	s, err := f.Decode(n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Pix.Close()
	b, err := s.Pix.PNM()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzOpen feeds rubbish to the parsers written here; the decoders behind them
// are other people's and run in the worker only.
func FuzzOpen(f *testing.F) {
	var tif bytes.Buffer
	small := image.NewGray(image.Rect(0, 0, 40, 30))
	if err := sample.WriteTIFF(&tif, []*image.Gray{small, small}, "g4"); err != nil {
		f.Fatal(err)
	}
	jpg, err := sample.JPEG(small, 50)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tif.Bytes())
	f.Add(jpg)
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00"))
	f.Add([]byte("MM\x00+\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) {
			return // another engine
		}
		file, err := scan.Open(bytes.NewReader(b), int64(len(b)), scan.Options{})
		if err != nil {
			return
		}
		if n := file.Pages(); n < 1 || n > scan.MaxPages {
			t.Errorf("got %d pages", n)
		}
		if im, ok := file.(scan.Images); ok {
			im.Original(&bytes.Buffer{}, []int{1}) // any error, no panic
		}
	})
}
