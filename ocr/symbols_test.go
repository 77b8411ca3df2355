package ocr_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"chartvault/ingest/sheet"
	"chartvault/internal/corpus"
	"chartvault/internal/sample"
	"chartvault/ocr"
	"chartvault/record"
)

// anySheet takes every page for a sheet, so that none is recognised.
func anySheet() ocr.Options { return ocr.Options{Languages: "eng", Sheets: []string{".*"}} }

// TestSymbols reads other people's photographs of symbols: none of them says
// anything it does not say, pictures without a symbol say nothing, and most of
// what Chartvault reads is read.
func TestSymbols(t *testing.T) {
	var truth []struct {
		File   string
		Format *string
		Text   *string
	}
	corpus.JSON(t, "barcodes/zxing/truth.json", &truth)
	ours := map[string]string{"CODE_128": "code128", "CODE_39": "code39", "QR_CODE": "qr", "DATA_MATRIX": "datamatrix", "PDF_417": "pdf417"}
	pool := newPool(t, ocr.DefaultLimits())
	read, all := map[string]int{}, map[string]int{}
	for _, tt := range truth {
		pg, err := pool.Page(t.Context(), open(t, corpus.Path(t, "barcodes/zxing/"+tt.File)), 1, anySheet())
		if err != nil {
			t.Errorf("%s: %v", tt.File, err)
			continue
		}
		format := ""
		if tt.Format != nil {
			format = ours[*tt.Format]
		}
		if format != "" {
			all[format]++
		}
		for _, b := range pg.Barcodes {
			switch {
			case b.Disputed:
			case tt.Text == nil || format != b.Symbology || b.Text != *tt.Text:
				t.Errorf("%s: read %s %q, which is not in it", tt.File, b.Symbology, b.Text)
			default:
				read[format]++
			}
		}
	}
	for f, n := range all {
		t.Logf("%s: %d of %d", f, read[f], n)
		if read[f] < n/2 {
			t.Errorf("%s: read %d of %d, want at least half", f, read[f], n)
		}
	}
	if pool.Crashes() > 0 {
		t.Errorf("got %d crashes, want none", pool.Crashes())
	}
}

// sheetPage is a separator sheet as it was printed, spoiled and scanned.
type sheetPage struct {
	kind, payload string
	file          sample.File
}

func sheetPages(t testing.TB, kind string, seed int) sheetPage {
	t.Helper()
	types := []string{"PROGRESS_NOTE", "LAB_REPORT", "DISCHARGE_SUMMARY", "CONSENT"}
	number := strconv.Itoa(1000003 + 7919*seed%8999993)
	n, err := record.ParseChartNumber(number)
	if err != nil {
		t.Fatal(err)
	}
	payload := sheet.Payload(n, types[seed%len(types)])
	f, err := sample.Damage(sample.Sheet("Chart "+number, payload), kind, uint64(seed))
	if err != nil {
		t.Fatal(err)
	}
	return sheetPage{kind, payload, f}
}

// TestSheets spoils our own sheets in every way: what is read is what was
// printed, and on all but the worst something is.
func TestSheets(t *testing.T) {
	each := 1
	if v, err := strconv.Atoi(os.Getenv("CHARTVAULT_SHEETS")); err == nil {
		each = v
	}
	pool := newPool(t, ocr.DefaultLimits())
	read, all := map[bool]int{}, map[bool]int{}
	for i, kind := range sample.Damages() {
		got := 0
		for k := range each {
			p := sheetPages(t, kind, i*1000+k)
			pg, err := pool.Page(t.Context(), open(t, write(t, p.file.Name, p.file.Data)), 1, anySheet())
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			ok := false
			for _, b := range pg.Barcodes {
				if b.Text != p.payload && !b.Disputed {
					t.Errorf("%s, sheet %d: read %s %q, want %q or nothing", kind, k, b.Symbology, b.Text, p.payload)
				}
				ok = ok || b.Text == p.payload && !b.Disputed
			}
			if ok {
				got++
			}
		}
		clean := kind == "clean" || strings.HasPrefix(kind, "rot") || kind == "skew+2"
		read[clean] += got
		all[clean] += each
		if got < each {
			t.Logf("%s: %d of %d sheets read", kind, got, each)
		}
	}
	fmt.Printf("sheets: clean %d of %d, degraded %d of %d\n", read[true], all[true], read[false], all[false])
	if float64(read[true]) < 0.995*float64(all[true]) || float64(read[false]) < 0.97*float64(all[false]) {
		t.Error("want 99.5 % of clean and 97 % of degraded sheets")
	}
}

// TestPatchCodes prints the patch codes that separate in every direction: half
// a turn makes a 3 of a T.
func TestPatchCodes(t *testing.T) {
	pool := newPool(t, ocr.DefaultLimits())
	turned := map[string]string{"3": "T", "T": "3", "2": "2"}
	for code, other := range turned {
		for _, kind := range []string{"clean", "rot90", "rot180", "rot270", "skew+2", "specks", "fax-fine", "shading"} {
			f, err := sample.Damage(sample.PatchSheet(code), kind, 5)
			if err != nil {
				t.Fatal(err)
			}
			pg, err := pool.Page(t.Context(), open(t, write(t, code+f.Name, bytes.Clone(f.Data))), 1, anySheet())
			if err != nil {
				t.Fatal(err)
			}
			if len(pg.Barcodes) != 1 || pg.Barcodes[0].Symbology != "patch" || pg.Barcodes[0].Text != code && pg.Barcodes[0].Text != other {
				t.Errorf("patch %s, %s: got %+v, want patch %s or %s", code, kind, pg.Barcodes, code, other)
			}
		}
	}
}
