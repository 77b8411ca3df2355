package ocr_test

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// TestLongPDF: a document of many pages of a PDF is written in pieces; every
// page is there, in the order asked for, with its own text and its own size.
func TestLongPDF(t *testing.T) {
	const n = 120
	var source bytes.Buffer
	doc := pdf.NewWriter(&source)
	dot := pdf.Image{Width: 8, Bits: 8, ColorSpace: "/DeviceGray", Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: 1, Data: pdf.Deflate(bytes.Repeat([]byte{200}, 8))}}}
	for i := range n {
		if err := doc.AddPage(pdf.Page{Width: float64(100 + i), Height: 100, Image: dot}); err != nil {
			t.Fatal(err)
		}
	}
	if err := doc.Close(); err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, ocr.DefaultLimits())
	src := open(t, write(t, "long.pdf", source.Bytes()))
	var pages []ocr.DocumentPage
	var words []string
	for i := range n {
		k := (i*7)%n + 1 // every page once, in another order
		word := fmt.Sprintf("leaf%d", k)
		pages = append(pages, ocr.DocumentPage{Number: k, Text: ocr.PageText{Width: 100 + k - 1, Height: 100, DPI: 72, Origin: ocr.FromOCR,
			Words: []ocr.Word{{Text: word, Box: image.Rect(10, 20, 80, 30), Confidence: 90}}}})
		words = append(words, word)
	}
	name := saying(t, pool, src, pages, false, words)
	info, err := exec.Command("pdfinfo", "-f", "1", "-l", fmt.Sprint(n), name).Output()
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range strings.Lines(string(info)) {
		if f := strings.Fields(line); len(f) > 3 && f[0] == "Page" && f[2] == "size:" {
			if got, want := f[3], fmt.Sprint(pages[i].Text.Width); i < n && got != want {
				t.Errorf("page %d: got %s points wide, want %s", i+1, got, want)
			}
			i++
		}
	}
	if i != n {
		t.Errorf("got %d pages, want %d", i, n)
	}
}

// saying writes pages of src as one document, wants it valid (PDF/A with
// archival) and to say words, and returns its file.
func saying(t *testing.T, pool *ocr.Pool, src ocr.Source, pages []ocr.DocumentPage, archival bool, words []string) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := pool.Document(t.Context(), src, func() (p ocr.DocumentPage, err error) {
		if len(pages) == 0 {
			return p, io.EOF
		}
		p, pages = pages[0], pages[1:]
		return p, nil
	}, &out); err != nil {
		t.Fatal(err)
	}
	checkValid(t, out.Bytes(), archival)
	name := write(t, "out.pdf", out.Bytes())
	text, err := exec.Command("pdftotext", name, "-").Output()
	if got := strings.Fields(string(text)); err != nil || !slices.Equal(got, words) {
		t.Errorf("texts: got %v, %v, want %v", got, err, words)
	}
	return name
}
