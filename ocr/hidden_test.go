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
		"a mask":                       {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q"), gray("SHOWN", "/SMask 6 0 R"), gray("HIDDEN", "")), nil},
		"an alternate":                 {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q"), gray("SHOWN", "/Alternates [<</Image 6 0 R>>]"), gray("HIDDEN", "")), nil},
		"words under a box":            {one(plain, stream("", shownText+" BT /F1 12 Tf 20 10 Td (HIDDEN) Tj ET 0 g 10 5 150 20 re f")), nil},
		"words in white":               {one(plain, stream("", shownText+" 1 g BT /F1 12 Tf 20 10 Td (HIDDEN) Tj ET")), nil},
		"words off the page":           {one(plain, stream("", shownText+" BT /F1 12 Tf 20 900 Td (HIDDEN) Tj ET")), nil},
		"words nobody sees":            {one("/MediaBox [0 0 200 100] /Resources <</Font "+hiddenFont+" /XObject <</X 5 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q BT 3 Tr /F1 12 Tf 20 10 Td (HIDDEN) Tj ET"), gray("SHOWN", "")), nil},
		"an image inline":              {one(plain, stream("", shownText+" q 10 0 0 10 0 0 cm BI /W 6 /H 1 /BPC 8 /CS /G ID HIDDEN EI Q")), nil},
		"an image under another":       {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R /Y 6 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /Y Do /X Do Q"), gray("SHOWN", ""), gray("HIDDEN", "")), nil},
		"an image mostly off the page": {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 400 0 0 100 0 0 cm /X Do Q"), gray("HIDDEN", "")), nil},
		"an image without a size":      {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R /Y 6 0 R>>>>", stream("", "q 200 0 0 100 0 0 cm /X Do Q q 0 0 0 0 0 0 cm /Y Do Q"), gray("SHOWN", ""), gray("HIDDEN", "")), nil},
		"an image that is clipped":     {one("/MediaBox [0 0 200 100] /Resources <</XObject <</X 5 0 R>>>>", stream("", "q 0 0 50 50 re W n 200 0 0 100 0 0 cm /X Do Q"), gray("HIDDEN", "")), nil},
		"an open state":                {one(plain, stream("", "q 0.2 0 0 0.2 0 0 cm BT /F1 12 Tf 20 50 Td (SHOWN) Tj ET")), nil},
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

// TestBlackShifted: what is blacked out of a page whose image does not begin where the
// page does is blacked out where it is seen.
func TestBlackShifted(t *testing.T) {
	// Dark lines on white: rows 2 and 7 of ten, of an image as large as the page.
	rows := strings.Repeat("\xff", 20) + strings.Repeat("\x00", 10) + strings.Repeat("\xff", 40) + strings.Repeat("\x00", 10) + strings.Repeat("\xff", 20)
	for box, at := range map[string]image.Point{"[3 2 203 102]": {-3, 2}, "[0 0 200 100]": {}} {
		file := rawPDF(hiddenCatalog, "<</Type /Pages /Kids [3 0 R] /Count 1>>", "<</Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox "+box+" /Resources <</XObject <</X 5 0 R>>>>>>",
			stream("", "q 200 0 0 100 0 0 cm /X Do Q"), stream("/Type /XObject /Subtype /Image /Width 10 /Height 10 /BitsPerComponent 8 /ColorSpace /DeviceGray", rows))
		// A part between them as it was read of the image, in pixels twenty to one of it.
		name, err := boundOf(t, file, "", ocr.DocumentPage{Number: 1, Text: ocr.PageText{Width: 200, Height: 100}, Black: [][4]int{{20, 40, 180, 60}}})
		if err != nil {
			t.Fatal(err)
		}
		im := picture(t, name, 1)
		for y := 41; y < 59; y++ { // where it is seen
			for _, x := range []int{21, 100, 178} {
				if v, _, _, _ := im.At(x+at.X, y+at.Y).RGBA(); v > 0x2000 {
					t.Fatalf("%s: pixel %d, %d is not black (%x)", box, x+at.X, y+at.Y, v)
				}
			}
		}
		if v, _, _, _ := im.At(100, 33).RGBA(); v < 0xd000 {
			t.Errorf("%s: more is black than was meant", box)
		}
	}
}
