package worker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"io"
	"os"
	"path/filepath"
	"testing"

	"chartvault/internal/pdf"
	"chartvault/internal/sample"
	"chartvault/ocr"
)

// The worker's side of the protocol is fuzzed from inside: nothing of it is
// exported, and a process for each input would be too slow.

func tinyScan(f *testing.F) string {
	f.Helper()
	var b bytes.Buffer
	g := image.NewGray(image.Rect(0, 0, 40, 30))
	if err := sample.WriteTIFF(&b, []*image.Gray{g, g}, "g4"); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(f.TempDir(), "tiny.tif")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		f.Fatal(err)
	}
	return name
}

// FuzzRequest: whatever request a broken parent sends, and whatever pages
// follow it, the worker answers or fails; it does not panic. Reading a page is
// left to the tests of the pool.
func FuzzRequest(f *testing.F) {
	name := tinyScan(f)
	var pages bytes.Buffer
	if err := ocr.WriteJSON(&pages, ocr.FramePage, ocr.DocumentPage{Number: 1, Text: ocr.PageText{Width: 40, Height: 30, DPI: 300, Words: []ocr.Word{{Text: "a", Box: image.Rect(1, 1, 9, 9)}}}}); err != nil {
		f.Fatal(err)
	}
	if err := ocr.WriteFrame(&pages, ocr.FrameEnd, nil); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"op":"probe","source":"a"}`), []byte{})
	f.Add([]byte(`{"op":"document","source":"a"}`), pages.Bytes())
	f.Add([]byte(`{"op":"picture","source":"a","page":1}`), []byte{})
	f.Add([]byte(`{"op":"original","source":"a","pages":[2,1]}`), []byte{})
	f.Fuzz(func(t *testing.T, request, follow []byte) {
		var req ocr.Request
		if json.Unmarshal(request, &req) != nil || req.Op == "page" {
			return
		}
		src, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		s := &server{pages: bufio.NewReader(bytes.NewReader(follow)), out: io.Discard}
		defer s.close()
		if err := s.answer(req, src); err != nil {
			return // a failure is an answer
		}
	})
}

// FuzzLayout: any text of a page makes a PDF page or an error.
func FuzzLayout(f *testing.F) {
	f.Add([]byte(`{"width":40,"height":30,"dpi":300,"dpi_y":150,"turn":1,"origin":"ocr","words":[["a",1,1,9,9,90,0]]}`))
	im := pdf.Image{Width: 1, Bits: 8, ColorSpace: "/DeviceGray", Filter: "/FlateDecode", Strips: []pdf.Strip{{Rows: 1, Data: pdf.Deflate([]byte{0})}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p ocr.PageText
		if json.Unmarshal(text, &p) != nil {
			return
		}
		var out bytes.Buffer
		w := pdf.NewWriter(&out)
		if err := w.AddPage(layout(im, 0, p)); err != nil {
			return
		}
		if err := w.Close(); err != nil || !bytes.HasPrefix(out.Bytes(), []byte("%PDF-")) {
			t.Errorf("got %v", err)
		}
	})
}
