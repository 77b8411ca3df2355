package ocr_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// slip is a PDF of two pages with a word at the left and one at the right, the
// second turned by a quarter.
func slip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	doc := pdf.NewWriter(&b)
	for turn := range 2 {
		w, h := 200.0, 100.0
		im := pdf.Image{Width: 400, Bits: 8, ColorSpace: "/DeviceGray", Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: 200, Data: pdf.Deflate(bytes.Repeat([]byte{230}, 400*200))}}}
		if turn == 1 {
			w, h = h, w
		}
		p := pdf.Page{Width: w, Height: h, Turn: turn, Image: im, Words: []pdf.Word{{Text: fmt.Sprintf("left%d", turn), X0: 5, X1: 40, Y0: 50, Y1: 60}, {Text: fmt.Sprintf("right%d", turn), X0: w - 45, X1: w - 5, Y0: 50, Y1: 60}}}
		if err := doc.AddPage(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := doc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bound binds pages of the slip and returns the file's name.
func bound(t *testing.T, password string, pages ...ocr.DocumentPage) (string, error) {
	t.Helper()
	return boundOf(t, slip(t), password, pages...)
}

// boundOf binds pages of a file and returns the new file's name.
func boundOf(t *testing.T, file []byte, password string, pages ...ocr.DocumentPage) (string, error) {
	t.Helper()
	pool := newPool(t, ocr.DefaultLimits())
	var out bytes.Buffer
	err := pool.Bind(t.Context(), open(t, write(t, "slip.pdf", file)), password, func() (ocr.DocumentPage, error) {
		if len(pages) == 0 {
			return ocr.DocumentPage{}, io.EOF
		}
		p := pages[0]
		pages = pages[1:]
		return p, nil
	}, &out)
	return write(t, "bound.pdf", out.Bytes()), err
}

// picture renders a page at 72 dots an inch.
func picture(t *testing.T, name string, n int) image.Image {
	t.Helper()
	to := filepath.Join(t.TempDir(), "page")
	tool(t, "pdftoppm", "-gray", "-png", "-r", "72", "-f", fmt.Sprint(n), "-l", fmt.Sprint(n), "-singlefile", name, to)
	f, err := os.Open(to + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// darkest is the darkest pixel of a part of a picture.
func darkest(im image.Image, r image.Rectangle) uint32 {
	most := uint32(0xffff)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			v, _, _, _ := im.At(x, y).RGBA()
			most = min(most, v)
		}
	}
	return most
}

// TestStamps: a stamp stands below its page as it is displayed, in room of its
// own, and what the page said is still there.
func TestStamps(t *testing.T) {
	name, err := bound(t, "", ocr.DocumentPage{Number: 1, Stamp: `R000001  page 1 of (2) \`}, ocr.DocumentPage{Number: 2, Stamp: "R000001  page 2 of 2"})
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "qpdf", "--check", name)
	for n, want := range []struct {
		size, said string
		w, h       int
	}{{"200 x 118", `R000001 page 1 of (2) \`, 200, 100}, {"", "R000001 page 2 of 2", 100, 200}} {
		page := fmt.Sprint(n + 1)
		text := strings.Join(strings.Fields(tool(t, "pdftotext", "-layout", "-f", page, "-l", page, name, "-")), " ")
		if !strings.Contains(text, want.said) || !strings.Contains(text, fmt.Sprintf("left%d", n)) {
			t.Errorf("page %s: got %q, want %q and what it said", page, text, want.said)
		}
		im := picture(t, name, n+1)
		if b := im.Bounds(); b.Dx() != want.w || b.Dy() != want.h+18 {
			t.Errorf("page %s: got %v, want %d by %d", page, b, want.w, want.h+18)
		}
		if v := darkest(im, image.Rect(10, want.h+2, 90, want.h+18)); v > 0x6000 {
			t.Errorf("page %s: nothing is printed below it (darkest %x)", page, v)
		}
		if v := darkest(im, image.Rect(0, 2, want.w, want.h-2)); v < 0xd000 {
			t.Errorf("page %s: something is printed on it (darkest %x)", page, v)
		}
	}
}

// TestBlack: what is blacked out is gone from the page, from its text and from
// every byte of the file, also of a page that is turned.
func TestBlack(t *testing.T) {
	for n := range 2 {
		w, h := 400, 200
		if n == 1 {
			w, h = h, w
		}
		p := ocr.DocumentPage{Number: n + 1, Text: ocr.PageText{Width: w, Height: h, Origin: ocr.FromFile}, Black: [][4]int{{0, 0, w / 2, h}}, Stamp: "R000001  page 1 of 1"}
		name, err := bound(t, "", p)
		if err != nil {
			t.Fatal(err)
		}
		if text := tool(t, "pdftotext", name, "-"); strings.Contains(text, "left") || strings.Contains(text, "right") || !strings.Contains(text, "R000001") {
			t.Errorf("page %d: got the text %q, want the stamp and nothing else", n+1, text)
		}
		plain := write(t, "plain.pdf", nil)
		tool(t, "qpdf", "--qdf", "--object-streams=disable", name, plain)
		b, err := os.ReadFile(plain)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("left")) || bytes.Contains(b, []byte("3 Tr")) {
			t.Errorf("page %d: a text layer is still in the file", n+1)
		}
		im := picture(t, name, 1)
		if v := darkest(im, image.Rect(w/4+4, 4, w/2-4, h/2-4)); v < 0xd000 {
			t.Errorf("page %d: the other half is black too (%x)", n+1, v)
		}
		for y := 2; y < h/2-2; y++ {
			for x := 2; x < w/4-2; x++ {
				if v, _, _, _ := im.At(x, y).RGBA(); v > 0x1000 {
					t.Fatalf("page %d: pixel %d, %d is not black (%x)", n+1, x, y, v)
				}
			}
		}
	}
	for what, p := range map[string]ocr.DocumentPage{
		"beside the page": {Number: 1, Text: ocr.PageText{Width: 400, Height: 200}, Black: [][4]int{{500, 0, 600, 10}}},
		"without a size":  {Number: 1, Black: [][4]int{{1, 1, 5, 5}}},
		"no such page":    {Number: 3, Text: ocr.PageText{Width: 400, Height: 200}, Black: [][4]int{{1, 1, 5, 5}}},
	} {
		if _, err := bound(t, "", p); err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
}

// TestLocked: a package with a password opens with it, and with nothing else.
func TestLocked(t *testing.T) {
	name, err := bound(t, "a long password", ocr.DocumentPage{Number: 1, Stamp: "R000001  page 1 of 1"})
	if err != nil {
		t.Fatal(err)
	}
	if out := tool(t, "qpdf", "--password=a long password", "--show-encryption", name); !strings.Contains(out, "AESv3") {
		t.Errorf("got %s, want AES-256", out)
	}
	if text := tool(t, "pdftotext", "-upw", "a long password", name, "-"); !strings.Contains(text, "left0") {
		t.Errorf("got %q", text)
	}
	for _, p := range []string{"", "a long passwore"} {
		if exec.Command("pdftotext", "-upw", p, name, "-").Run() == nil {
			t.Errorf("it opens with %q", p)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil || bytes.Contains(b, []byte("left0")) {
		t.Errorf("a word is in it in clear: %v", err)
	}
}

// TestNotStamped: an image that is not a PDF is refused rather than sent out as
// it is.
func TestNotStamped(t *testing.T) {
	pool := newPool(t, ocr.DefaultLimits())
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 300, 300))); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := pool.Bind(t.Context(), open(t, write(t, "page.png", b.Bytes())), "", func() (ocr.DocumentPage, error) {
		if n++; n > 1 {
			return ocr.DocumentPage{}, io.EOF
		}
		return ocr.DocumentPage{Number: 1, Text: ocr.PageText{Width: 300, Height: 300}, Black: [][4]int{{1, 1, 200, 200}}}, nil
	}, io.Discard)
	if err == nil {
		t.Error("got no error")
	}
}
