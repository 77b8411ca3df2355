package ocr_test

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// leaves makes a PDF/A of n pages; page i says WORDi, and is i points wider
// than the first.
func leaves(t *testing.T, word string, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	doc := pdf.NewWriter(&b)
	dot := pdf.Image{Width: 8, Bits: 8, ColorSpace: "/DeviceGray", Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: 1, Data: pdf.Deflate(bytes.Repeat([]byte{200}, 8))}}}
	for i := range n {
		p := pdf.Page{Width: float64(200 + i), Height: 100, Image: dot, Words: []pdf.Word{{Text: fmt.Sprintf("%s%d", word, i+1), X0: 10, X1: 80, Y0: 20, Y1: 30}}}
		if err := doc.AddPage(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := doc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBundle: pages of several documents are put together in any order and
// turned, with the text they had, into a PDF/A.
func TestBundle(t *testing.T) {
	a, b := leaves(t, "ash", 3), leaves(t, "birch", 60)
	var file bytes.Buffer
	var parts []ocr.Part
	for _, p := range [][]byte{a, b} {
		parts = append(parts, ocr.Part{Size: int64(len(p)), Write: func(w io.Writer) error { _, err := w.Write(p); return err }})
	}
	if err := ocr.WriteBundle(&file, parts); err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, ocr.DefaultLimits())
	src := open(t, write(t, "bundle", file.Bytes()))
	if p, err := pool.Probe(t.Context(), src); err != nil || p.Pages != 63 {
		t.Fatalf("probe: got %+v, %v, want 63 pages", p, err)
	}
	want := []string{"birch60", "ash2", "ash1", "birch1", "birch2"}
	ask := []ocr.DocumentPage{{Number: 63}, {Number: 2, Text: ocr.PageText{Turn: 1, Origin: ocr.FromFile}}, {Number: 1}, {Number: 4}, {Number: 5}}
	name := saying(t, pool, src, ask, true, want)
	info, err := exec.Command("pdfinfo", "-f", "2", "-l", "2", name).Output()
	if err != nil || !strings.Contains(string(info), "Page    2 rot:   90") {
		t.Errorf("turned page: got %v\n%s", err, info)
	}
	if _, err := pool.Page(t.Context(), src, 63, options()); err != nil {
		t.Errorf("read the last page: %v", err)
	}
	for name, bad := range map[string][]byte{
		"cut":       file.Bytes()[:file.Len()-10],
		"head":      file.Bytes()[:20],
		"count":     append([]byte(ocr.BundleMagic), 0, 0, 0, 0, 0, 1, 0, 0),
		"no page 0": append([]byte(ocr.BundleMagic), bytes.Repeat([]byte{0xff}, 600)...),
	} {
		if _, err := pool.Probe(t.Context(), open(t, write(t, name, bad))); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if err := ocr.WriteBundle(io.Discard, []ocr.Part{{Size: 3, Write: func(w io.Writer) error { _, err := w.Write([]byte("four")); return err }}}); err == nil {
		t.Error("a document longer than said: got no error")
	}
}
