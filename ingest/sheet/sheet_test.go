package sheet_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chartvault/ingest/sheet"
	"chartvault/ocr"
	"chartvault/ocr/barcode"
	"chartvault/ocr/lept"
	"chartvault/record"
)

func number(t testing.TB, s string) record.ChartNumber {
	t.Helper()
	n, err := record.ParseChartNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func compile(t testing.TB, rule sheet.Rule, ps ...sheet.Pattern) *sheet.Set {
	t.Helper()
	s, err := sheet.Compile(ps, rule)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRead(t *testing.T) {
	set := compile(t, sheet.Rule{Expr: `[A-Z]{0,3}[0-9]{4,9}`},
		sheet.Pattern{Name: "word", Expr: "PATCHT"},
		sheet.Pattern{Name: "chart", Symbologies: []string{"code128"}, Expr: `CH:(?P<chart>[A-Z0-9-]+);DT:(?P<type>\w+)`},
		sheet.Pattern{Name: "label", Expr: `(?P<chart>[0-9]{7}-[0-9])`, Keep: true},
		sheet.Pattern{Name: "fixed", Expr: `FORM12`, Type: "CONSENT", Keep: true},
	)
	own := sheet.Payload(number(t, "9118427"), "LAB_REPORT")
	tests := []struct {
		name   string
		codes  []ocr.Barcode
		begins bool
		keep   bool
		chart  string
		typ    string
		doubt  record.Doubt
	}{
		{"nothing", nil, false, true, "", "", ""},
		{"foreign", []ocr.Barcode{{Symbology: "code128", Text: "4006381333931"}}, false, true, "", "", ""},
		{"word", []ocr.Barcode{{Symbology: "code39", Text: "PATCHT"}}, true, false, "", "", ""},
		{"chart and type", []ocr.Barcode{{Symbology: "code128", Text: "CH:NG-139537;DT:progress_note"}}, true, false, "NG139537", "PROGRESS_NOTE", ""},
		{"right text, wrong symbology", []ocr.Barcode{{Symbology: "qr", Text: "CH:NG139537;DT:X"}}, false, true, "", "", ""},
		{"label", []ocr.Barcode{{Symbology: "code128", Text: "1518347-8"}}, true, true, "15183478", "", ""},
		{"type without a number", []ocr.Barcode{{Symbology: "qr", Text: "FORM12"}}, true, true, "", "CONSENT", ""},
		{"part of a payload", []ocr.Barcode{{Symbology: "qr", Text: "xPATCHT"}}, false, true, "", "", ""},
		{"number not of the site's form", []ocr.Barcode{{Symbology: "code128", Text: "CH:12;DT:X"}}, true, false, "", "X", record.DoubtBadChartNumber},
		{"two numbers on a page", []ocr.Barcode{{Symbology: "code128", Text: "CH:1111;DT:A"}, {Symbology: "qr", Text: "1518347-8"}}, true, false, "", "A", record.DoubtConflict},
		{"the same number twice", []ocr.Barcode{{Symbology: "code128", Text: "CH:15183478;DT:A"}, {Symbology: "qr", Text: "1518347-8"}}, true, false, "15183478", "A", ""},
		{"our own", []ocr.Barcode{{Symbology: "code128", Text: own}, {Symbology: "qr", Text: own}}, true, false, "9118427", "LAB_REPORT", ""},
		{"our own of version 1", []ocr.Barcode{{Symbology: "code128", Text: "CV1|D|9118427|LAB_REPORT|" + crc4("CV1|D|9118427|LAB_REPORT")}}, true, false, "9118427", "LAB_REPORT", ""},
		{"disputed", []ocr.Barcode{{Symbology: "code128", Text: "1518347-8", Disputed: true}}, true, true, "", "", record.DoubtConflict},
		{"our own, damaged", []ocr.Barcode{{Symbology: "qr", Text: strings.Replace(own, "9118427", "9118428", 1)}}, true, false, "", "", record.DoubtBadChartNumber},
	}
	for _, tt := range tests {
		m := set.Read(tt.codes)
		if m.Begins != tt.begins || m.Keep != tt.keep || m.Chart.Canonical() != tt.chart || m.Type != tt.typ || m.Doubt != tt.doubt {
			t.Errorf("%s: got begins=%v keep=%v chart=%q type=%q doubt=%q, want %+v", tt.name, m.Begins, m.Keep, m.Chart.Canonical(), m.Type, m.Doubt, tt)
		}
	}
}

func TestCheckDigits(t *testing.T) {
	for _, tt := range []struct {
		check, number string
		ok            bool
	}{
		{"luhn", "79927398713", true}, {"luhn", "79927398710", false},
		{"mod11", "943 476 5919", true}, {"mod11", "9434765910", false}, {"mod11", "9434765918", false},
		{"none", "123", true},
	} {
		_, err := compile(t, sheet.Rule{Check: tt.check}).Number(tt.number)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s %s: got %v, want ok %v", tt.check, tt.number, err, tt.ok)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for name, p := range map[string]sheet.Pattern{
		"expression": {Name: "x", Expr: "("},
		"symbology":  {Name: "x", Expr: "x", Symbologies: []string{"semaphore"}},
		"type":       {Name: "x", Expr: "x", Type: "no good"},
	} {
		if _, err := sheet.Compile([]sheet.Pattern{p}, sheet.Rule{}); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

// TestPrintedSheetsRead prints our sheets, renders them as a scanner would see
// them, and reads both symbols back.
func TestPrintedSheetsRead(t *testing.T) {
	labels := []sheet.Label{{Chart: number(t, "NG-139537"), Type: "DISCHARGE_SUMMARY"}, {Chart: number(t, "9118427"), Type: "LAB_REPORT", Pages: 12},
		{Chart: number(t, "ABCDEFGHIJKLMNOP1234567890"), Type: "A_VERY_LONG_DOCUMENT_TYPE_CODE_INDEED"}}
	dir := t.TempDir()
	var b bytes.Buffer
	if err := sheet.Print(&b, labels); err != nil {
		t.Fatal(err)
	}
	pdf := filepath.Join(dir, "s.pdf")
	if err := os.WriteFile(pdf, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("pdftoppm", "-r", "300", "-gray", pdf, filepath.Join(dir, "p")).CombinedOutput(); err != nil {
		t.Fatalf("pdftoppm (apt-get install poppler-utils): %v\n%s", err, out)
	}
	set := compile(t, sheet.Rule{})
	for i, l := range labels {
		pgm, err := os.ReadFile(filepath.Join(dir, "p-"+string('1'+rune(i))+".pgm"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := lept.Decode(pgm)
		if err != nil {
			t.Fatal(err)
		}
		g, err := p.Gray()
		if err != nil {
			t.Fatal(err)
		}
		ballot := barcode.NewBallot(300, false)
		ballot.Add("full", g.Image(), 1, true)
		codes := ballot.Count()
		m := set.Read(codes)
		if m.Chart.Canonical() != l.Chart.Canonical() || m.Type != l.Type {
			t.Errorf("sheet %d: read %v, want chart and type of the label", i+1, codes)
		}
		if i < 2 && len(codes) != 2 {
			t.Errorf("sheet %d: read %v, want both symbols", i+1, codes)
		}
		g.Close()
		p.Close()
	}
}

func FuzzRead(f *testing.F) {
	set, err := sheet.Compile([]sheet.Pattern{{Name: "x", Expr: `CH:(?P<chart>.+);DT:(?P<type>.+)`}}, sheet.Rule{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("CV1|D|9118427|LAB_REPORT|0000")
	f.Add("CH:1;DT:x")
	f.Fuzz(func(t *testing.T, s string) {
		m := set.Read([]ocr.Barcode{{Symbology: "qr", Text: s}})
		if m.Doubt != "" && !m.Chart.IsZero() {
			t.Errorf("%q: a doubtful mark names a chart", s)
		}
	})
}

func crc4(s string) string { return fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(s)))[:4] }

// TestCounts: sheets say how much belongs to them, in both directions.
func TestCounts(t *testing.T) {
	set := compile(t, sheet.Rule{})
	m := set.Read([]ocr.Barcode{{Symbology: "qr", Text: sheet.Counted(number(t, "9118427"), "CONSENT", 12)}})
	if m.Pages != 12 || m.Chart.Canonical() != "9118427" {
		t.Errorf("separator: got %d pages of %q", m.Pages, m.Chart.Canonical())
	}
	want := sheet.Cover{Label: "BOX-17", Documents: 3, Pages: 40}
	m = set.Read([]ocr.Barcode{{Symbology: "qr", Text: want.Payload()}})
	if m.Cover == nil || *m.Cover != want || m.Keep {
		t.Errorf("cover: got %+v, want %+v", m.Cover, want)
	}
	other := sheet.Cover{Label: "BOX-17", Documents: 3, Pages: 41}
	if m = set.Read([]ocr.Barcode{{Symbology: "qr", Text: want.Payload()}, {Symbology: "code128", Text: other.Payload()}}); m.Doubt != record.DoubtConflict {
		t.Errorf("two covers on one page: got %q, want a conflict", m.Doubt)
	}
	for _, bad := range []struct {
		label            string
		documents, pages int
	}{{"", 1, 1}, {"a b", 1, 1}, {"x", -1, 1}, {"x", 1, 1 << 30}} {
		if _, err := sheet.ParseCover(bad.label, bad.documents, bad.pages); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("cover %+v: got %v, want ErrInvalid", bad, err)
		}
	}
}
