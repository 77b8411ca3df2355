package paper_test

import (
	"bytes"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"chartvault/internal/paper"
)

// TestPrint prints two sheets and reads symbols and letters back: they say the
// same, and what was given.
func TestPrint(t *testing.T) {
	sheets := []paper.Sheet{
		{Heading: "First", Paragraphs: []string{"One paragraph."}, Code: "cvshare1-" + strings.Repeat("abcdefghijklmnopqrstuvwxyz234567", 14)},
		{Heading: "Second", Code: "short"},
	}
	var b bytes.Buffer
	if err := paper.Print(&b, sheets); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("pdftoppm", "-png", "-r", "200", name, filepath.Join(dir, "page")).CombinedOutput(); err != nil {
		t.Fatalf("pdftoppm (of poppler-utils): %v\n%s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "page*.png"))
	if err != nil || len(pages) != len(sheets) {
		t.Fatalf("got %d pages, %v, want %d", len(pages), err, len(sheets))
	}
	for i, p := range pages {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		bmp, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		got, err := qrcode.NewQRCodeReader().Decode(bmp, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
		if err != nil || got.GetText() != sheets[i].Code {
			t.Errorf("sheet %d: symbol: got %v, %v", i+1, got, err)
		}
	}
	text, err := exec.Command("pdftotext", "-layout", name, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	letters := strings.Join(strings.Fields(string(text)), "")
	for _, s := range sheets {
		if !strings.Contains(letters, s.Code) || !strings.Contains(letters, s.Heading) {
			t.Errorf("letters of %s: got %.200s", s.Heading, letters)
		}
	}
}
