package ingest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"chartvault/ingest/sheet"
	"chartvault/ocr"
	"chartvault/record"
)

// The split is tested from inside the package because it is the heart of the
// page accounting and has no business being exported.

func testSet(t testing.TB) *sheet.Set {
	t.Helper()
	s, err := sheet.Compile([]sheet.Pattern{
		{Name: "word", Expr: "PATCHT"},
		{Name: "chart", Expr: `CH(?P<chart>[0-9]+)`},
		{Name: "label", Expr: `L(?P<chart>[0-9]+)`, Keep: true},
	}, sheet.Rule{Expr: "[0-9]{4}"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func side(code string) pageFile {
	p := pageFile{Page: ocr.Page{Text: ocr.PageText{Origin: ocr.FromOCR, Quality: ocr.Quality{Score: 95}}}}
	switch code {
	case "":
	case "blank":
		p.Page.Blank = true
	case "unread":
		p.Unread = record.DoubtUnreadPage
	case "poor":
		p.Page.Text.Quality.Score = 10
	default:
		var chart string
		var documents, pages int
		if n, _ := fmt.Sscanf(code, "BOX%d/%d", &documents, &pages); n == 2 {
			code = sheet.Cover{Label: "BOX", Documents: documents, Pages: pages}.Payload()
		} else if n, _ := fmt.Sscanf(code, "DOC%4s/%d", &chart, &pages); n == 2 {
			number, err := record.ParseChartNumber(chart)
			if err != nil {
				panic(err) // the test's own
			}
			code = sheet.Counted(number, "CONSENT", pages)
		}
		p.Page.Barcodes = []ocr.Barcode{{Symbology: "qr", Text: code}}
	}
	return p
}

func split(t testing.TB, codes ...string) *splitting {
	t.Helper()
	var ps []pageFile
	for _, c := range codes {
		ps = append(ps, side(c))
	}
	n := byte(0)
	s, err := divide(ps, judge{set: testSet(t), poor: 50, newID: func() (record.ID, error) { n++; return record.ID{n}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDivide(t *testing.T) {
	tests := []struct {
		name  string
		pages []string
		want  string // each document as "chart:pages:doubt"
		n     record.Counts
	}{
		{"one chart", []string{"CH1111", "", ""}, "1111:[2 3]:", record.Counts{PagesIn: 3, Filed: 2, Separators: 1}},
		{"two charts, duplex", []string{"CH1111", "", "blank", "CH2222", "", "blank"}, "1111:[2]: 2222:[5]:", record.Counts{PagesIn: 6, Filed: 2, Separators: 2, Blanks: 2}},
		{"pages before the first sheet", []string{"", "CH1111", ""}, ":[1]:no_chart_number 1111:[3]:", record.Counts{PagesIn: 3, Filed: 1, Separators: 1, QA: 1}},
		{"a word separates and names nothing", []string{"CH1111", "", "PATCHT", ""}, "1111:[2]: :[4]:no_chart_number", record.Counts{PagesIn: 4, Filed: 1, Separators: 2, QA: 1}},
		{"labels stay in their documents", []string{"L1111", "", "L1111", "L2222"}, "1111:[1 2]: 1111:[3]: 2222:[4]:", record.Counts{PagesIn: 4, Filed: 4}},
		{"a bad number rules its segment only", []string{"CH11", "", "CH2222", ""}, ":[2]:invalid_chart_number 2222:[4]:", record.Counts{PagesIn: 4, Filed: 1, Separators: 2, QA: 1}},
		{"an unread page", []string{"CH1111", "", "unread"}, "1111:[2 3]:", record.Counts{PagesIn: 3, Filed: 1, Separators: 1, QA: 1}},
		{"a poor page", []string{"CH1111", "poor"}, "1111:[2]:", record.Counts{PagesIn: 2, Separators: 1, QA: 1}},
		{"two sheets in a row", []string{"CH1111", "CH2222", ""}, "2222:[3]:", record.Counts{PagesIn: 3, Filed: 1, Separators: 2}},
		{"as many pages as its sheet says", []string{"DOC1111/2", "", ""}, "1111:[2 3]:", record.Counts{PagesIn: 3, Filed: 2, Separators: 1}},
		{"a page less than its sheet says", []string{"DOC1111/2", "", "CH2222", ""}, "1111:[2]:document_count 2222:[4]:", record.Counts{PagesIn: 4, Filed: 1, Separators: 2, QA: 1}},
		{"a batch as counted", []string{"BOX2/3", "CH1111", "", "", "blank", "CH2222", ""}, "1111:[3 4]: 2222:[7]:", record.Counts{PagesIn: 7, Filed: 3, Separators: 3, Blanks: 1}},
		{"a separator not seen", []string{"BOX2/3", "CH1111", "", "", ""}, "1111:[3 4 5]:batch_count", record.Counts{PagesIn: 5, Separators: 2, QA: 3}},
		{"a page missing from the batch", []string{"BOX1/3", "CH1111", "", ""}, "1111:[3 4]:batch_count", record.Counts{PagesIn: 4, Separators: 2, QA: 2}},
		{"the next box is not blamed", []string{"BOX1/2", "CH1111", "", "BOX1/1", "CH2222", ""}, "1111:[3]:batch_count 2222:[6]:", record.Counts{PagesIn: 6, Filed: 1, Separators: 4, QA: 1}},
		{"a box without its papers", []string{"BOX1/3", "blank"}, "", record.Counts{PagesIn: 2, Blanks: 1, QA: 1}},
		{"a sheet without its pages", []string{"DOC1111/2", "CH2222", ""}, "2222:[3]:", record.Counts{PagesIn: 3, Filed: 1, Separators: 1, QA: 1}},
		{"only blanks", []string{"blank", "blank"}, "", record.Counts{PagesIn: 2, Blanks: 2}},
	}
	for _, tt := range tests {
		s := split(t, tt.pages...)
		got := ""
		for i, d := range s.Documents {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%s:%v:%s", d.Chart, d.Pages, d.Doubt)
		}
		if got != tt.want || s.counts() != tt.n {
			t.Errorf("%s: got %q %+v, want %q %+v", tt.name, got, s.counts(), tt.want, tt.n)
		}
	}
}

// TestEveryPageHasOnePlace: whatever comes, every page is in exactly one
// document or in the rest, in order, and the counts balance.
func TestEveryPageHasOnePlace(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		codes := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "blank", "unread", "poor", "CH1111", "CH2222", "CH9", "L3333", "PATCHT", "foreign", "BOX2/2", "DOC1111/2"}), 1, 30).Draw(r, "pages")
		s := split(t, codes...)
		seen := map[int]int{}
		for i, d := range s.Documents {
			if len(d.Pages) == 0 {
				r.Errorf("document %d has no pages", i)
			}
			last := 0
			for _, n := range d.Pages {
				seen[n]++
				if n <= last {
					r.Errorf("document %d: pages %v out of order", i, d.Pages)
				}
				last = n
			}
		}
		for _, n := range s.rest() {
			seen[n]++
		}
		for n := 1; n <= len(codes); n++ {
			if seen[n] != 1 {
				r.Errorf("page %d has %d places", n, seen[n])
			}
		}
		if n := s.counts(); !n.Balanced() || n.PagesIn != len(codes) {
			r.Errorf("counts %+v do not balance", n)
		}
	})
}
