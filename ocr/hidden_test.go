package ocr_test

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"strings"
	"testing"

	"chartvault/ocr"
)

// rawPDF is a file of objects as they are given, the first of which is the catalog.
func rawPDF(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Root 1 0 R /Size %d>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<<%s /Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

// gray is an image of 10 by 10 pixels, which says something to whoever looks into
// the file.
func gray(says, more string) string {
	return stream("/Type /XObject /Subtype /Image /Width 10 /Height 10 /BitsPerComponent 8 /ColorSpace /DeviceGray "+more, strings.Repeat(says, 100)[:100])
}

const (
	hiddenCatalog = "<</Type /Catalog /Pages 2 0 R>>"
	hiddenFont    = "<</F1 <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>>>"
	shownText     = "BT /F1 12 Tf 20 50 Td (SHOWN) Tj ET"
)

// TestNothingHidden: what a page holds and does not show does not leave with it:
// images of other pages, what is cropped away, notes, forms, layers and whatever
// hangs on it.
func TestNothingHidden(t *testing.T) {
	one := func(page string, more ...string) []byte {
		return rawPDF(append([]string{hiddenCatalog, "<</Type /Pages /Kids [3 0 R] /Count 1>>", "<</Type /Page /Parent 2 0 R /Contents 4 0 R " + page + ">>"}, more...)...)
	}
	plain := "/MediaBox [0 0 200 100] /Resources <</Font " + hiddenFont + ">>"
	both := "<</XObject <</Im0 5 0 R /Im1 6 0 R>>>>"
	tests := map[string]struct {
		file  []byte
		pages []ocr.DocumentPage
	}{
		"an image of another page": {rawPDF(hiddenCatalog, "<</Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 200 100] /Resources "+both+">>",
			"<</Type /Page /Parent 2 0 R /Contents 7 0 R>>", "<</Type /Page /Parent 2 0 R /Contents 8 0 R>>", gray("HIDDEN", ""), gray("SHOWN", ""),
			stream("", "q 200 0 0 100 0 0 cm /Im0 Do Q"), stream("", "q 200 0 0 100 0 0 cm /Im1 Do Q")),
			[]ocr.DocumentPage{{Number: 2, Stamp: "page 1 of 1"}}},
		"an image that is blacked out on another page": {rawPDF(hiddenCatalog, "<</Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 200 100] /Resources "+both+">>",
			"<</Type /Page /Parent 2 0 R /Contents 7 0 R>>", "<</Type /Page /Parent 2 0 R /Contents 8 0 R>>", gray("HIDDEN", ""), gray("SHOWN", ""),
			stream("", "q 200 0 0 100 0 0 cm /Im0 Do Q"), stream("", "q 200 0 0 100 0 0 cm /Im1 Do Q")),
			[]ocr.DocumentPage{{Number: 1, Stamp: "page 1 of 2", Text: ocr.PageText{Width: 400, Height: 200}, Black: [][4]int{{0, 0, 400, 200}}}, {Number: 2, Stamp: "page 2 of 2"}}},
		"what is cropped away": {one(plain+" /CropBox [0 40 200 100]", stream("", shownText+" BT /F1 12 Tf 20 10 Td (HIDDEN) Tj ET")), nil},
		"a note": {one(plain+" /Annots [5 0 R]", stream("", shownText),
			"<</Type /Annot /Subtype /Text /Rect [0 0 10 10] /F 2 /Contents (HIDDEN)>>"), nil},
		"what hangs on the page": {one(plain+" /PieceInfo <</X <</Private (HIDDEN)>>>> /Metadata 5 0 R", stream("", shownText), stream("/Type /Metadata /Subtype /XML", "HIDDEN")), nil},
		"a layer": {one("/MediaBox [0 0 200 100] /Resources <</Font "+hiddenFont+" /Properties <</L 5 0 R>>>>", stream("", shownText+" /OC /L BDC BT /F1 12 Tf 20 10 Td (HIDDEN) Tj ET EMC"),
			"<</Type /OCG /Name (x) /Usage <</View <</ViewState /OFF>>>>>>"), nil},
		"a form in a form": {one("/MediaBox [0 0 200 100] /Resources <</Font "+hiddenFont+" /XObject <</X 5 0 R>>>>", stream("", shownText+" /X Do"),
			stream("/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources <</Font "+hiddenFont+">>", "BT /F1 12 Tf 20 10 Td (HIDDEN) Tj ET")), nil},
		"a mask":        {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q"), gray("SHOWN", "/SMask 6 0 R"), gray("HIDDEN", "")), nil},
		"an alternate":  {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q"), gray("SHOWN", "/Alternates [<</Image 6 0 R>>]"), gray("HIDDEN", "")), nil},
		"an open state": {one(plain, stream("", "q 0.2 0 0 0.2 0 0 cm BT /F1 12 Tf 20 50 Td (SHOWN) Tj ET")), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.pages == nil {
				tt.pages = []ocr.DocumentPage{{Number: 1, Stamp: "page 1 of 1"}}
			}
			bound, err := boundOf(t, tt.file, "", tt.pages...)
			if err != nil {
				t.Fatal(err)
			}
			plain := write(t, "plain.pdf", nil)
			tool(t, "qpdf", "--qdf", "--object-streams=disable", bound, plain)
			b, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("HIDDEN")) {
				t.Error("what it does not show is in the file")
			}
			if n := len(tt.pages); !strings.Contains(tool(t, "pdftotext", bound, "-"), fmt.Sprintf("page %d of %d", n, n)) {
				t.Error("it has no stamp")
			}
			im := picture(t, bound, len(tt.pages))
			if v := darkest(im, image.Rect(10, im.Bounds().Dy()-16, 90, im.Bounds().Dy())); v > 0x6000 {
				t.Errorf("nothing is printed below it (darkest %x)", v)
			}
		})
	}
}
