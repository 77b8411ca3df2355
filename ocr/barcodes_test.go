package ocr_test

import (
	"strconv"
	"testing"

	"chartvault/internal/corpus"
	"chartvault/ocr"
)

// TestBarcodeDocuments reads other people's separator documents against their
// truth: no symbol is invented, and none is missed but the ones known here.
func TestBarcodeDocuments(t *testing.T) {
	unread := map[string]bool{"patch-code-t-middle-distorted.pdf": true} // bent bars: waits for a second reader
	var truth map[string]struct {
		Pages    int
		Barcodes map[string][]string
	}
	corpus.JSON(t, "barcodes/documents/truth.json", &truth)
	pool := newPool(t, ocr.DefaultLimits())
	for name, want := range truth {
		t.Run(name, func(t *testing.T) {
			src := open(t, corpus.Path(t, "barcodes/documents/"+name))
			pr, err := pool.Probe(t.Context(), src)
			if err != nil || pr.Pages != want.Pages {
				t.Fatalf("probe: got %+v, %v, want %d pages", pr, err, want.Pages)
			}
			for n := 1; n <= pr.Pages; n++ {
				p, err := pool.Page(t.Context(), src, n, ocr.Options{Languages: "eng", Sheets: []string{".*"}})
				if err != nil {
					t.Errorf("page %d: %v", n, err)
					continue
				}
				codes := want.Barcodes[strconv.Itoa(n)]
				if len(codes) > 0 && len(p.Barcodes) == 0 && !unread[name] {
					t.Errorf("page %d: read nothing, want %v", n, codes)
				}
				for _, b := range p.Barcodes {
					if b.Symbology == "patch" && len(codes) > 0 && codes[0] == "PATCHT" && (b.Text == "T" || b.Text == "3") {
						continue // the sheet's own bars, as it lies or the other way up
					}
					if len(codes) == 0 || b.Text != codes[0] {
						t.Errorf("page %d: read %q, want %v", n, b.Text, codes)
					}
				}
			}
		})
	}
}
