package legacy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"chartvault/ingest/legacy"
	"chartvault/record"
)

// told writes items and problems as lines.
func told(items []legacy.Item, bad []legacy.Problem) string {
	var out []string
	for _, i := range items {
		out = append(out, fmt.Sprintf("%d %s %s %s %s %s %s", i.Line, i.File, i.Chart.Reveal(), i.Type, i.Service, i.Hold, strings.TrimSpace(i.Keep.String()+" "+i.Place)))
	}
	for _, p := range bad {
		out = append(out, fmt.Sprintf("%d! %s: %s", p.Line, p.File, p.Why))
	}
	return strings.Join(out, "\n")
}

func TestReadCSV(t *testing.T) {
	items, bad, err := legacy.ReadCSV(strings.NewReader("\uFEFFPath;MRN;type;service_date;hold;keep_until;facility\r\n"+
		"a\\1.tif;100-1;Lab Report;03/07/2019;;;North Campus\r\n"+
		"C:\\scans\\2.pdf;1002;;2019-04;Doe v. Sample;20351231\r\n"+
		"../3.tif;1003;;;;\r\n"+
		"4.tif;;;;;\r\n"+
		"5.tif;1005;;yesterday;;\r\n"+
		";1006;;;;\r\n"+
		"\"6\" scan.tif;1007;;;;\r\n"+
		"8.tif;1008;;soon;Held matter;\r\n"+
		"\"9;9.tif\";1009;;;;\r\n"), legacy.Fields{"file": "path", "chart_number": "MRN"})
	want := `2 a/1.tif 100-1 LAB_REPORT 2019-03-07  NORTH_CAMPUS
3 scans/2.pdf 1002  2019-04 Doe v. Sample 2035-12-31
10 9;9.tif 1009    
4! ../3.tif: the file lies outside the export
5! 4.tif: the chart number is missing or cannot be one
6! 5.tif: service date: want YYYY-MM-DD, MM/DD/YYYY or YYYYMMDD
7! : no file is named
8! : not a line of CSV: a quote is not closed, or stands inside a value
9! 8.tif: service date: want YYYY-MM-DD, MM/DD/YYYY or YYYYMMDD`
	if got := told(items, bad); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	for _, p := range bad {
		if p.Line == 9 && (p.Hold != "Held matter" || p.Chart.Reveal() != "1008") {
			t.Errorf("line 9: got hold %q, want it told with its chart", p.Hold)
		}
	}
	for _, text := range []string{"", "\"a", "a,b\n1,2\n", "file,mrn\n"} {
		if _, _, err := legacy.ReadCSV(strings.NewReader(text), nil); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", text, err)
		}
	}
	if err := (legacy.Fields{"chart": "x"}).Check(); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("an unknown field: got %v, want ErrInvalid", err)
	}
}

// TestDIPHolds: a hold of a document that cannot be taken binds its chart.
func TestDIPHolds(t *testing.T) {
	_, bad, err := legacy.ReadDIP(strings.NewReader(`BEGIN:
MRN: 1003
Hold: Doe v. Sample
BEGIN:
MRN: 1004
Hold: Doe v. Sample
END:
BEGIN:
MRN: 1005
Hold: Doe v. Sample
`), legacy.Fields{"hold": "Hold"})
	if err != nil || len(bad) != 3 {
		t.Fatalf("got %v, %v, want three problems", bad, err)
	}
	for i, want := range []string{"1003", "1004", "1005"} {
		if bad[i].Chart.Canonical() != want || bad[i].Hold != "Doe v. Sample" {
			t.Errorf("line %d: got hold %q, want it on %s", bad[i].Line, bad[i].Hold, want)
		}
	}
}

func TestReadDIP(t *testing.T) {
	items, bad, err := legacy.ReadDIP(strings.NewReader(`BEGIN:
>>DocTypeName: Lab Report
>>DocDate: 03/07/2019
MRN: 1001
>>FullPath: \\server\share\1.tif
END:
BEGIN:
MRN: 1002
>>FullPath: 2a.tif
>>FullPath: 2b.tif
END:
stray: 1
BEGIN:
MRN: 1003
BEGIN:
MRN: 1004
END:
BEGIN:
MRN: 1005
`), nil)
	want := `1 server/share/1.tif 1001 LAB_REPORT 2019-03-07  
7 2a.tif 1002    
7 2b.tif 1002    
12! : a value outside BEGIN: and END:
13! : a document without END:
15! : a document without a file
18! : a document without END:`
	if got := told(items, bad); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestWalk(t *testing.T) {
	tree := fstest.MapFS{}
	for _, n := range []string{"1001/LAB/2019-03-07 a.pdf", "1001/LAB/x.pdf", "1002/ECG/2019.pdf", "readme.txt"} {
		tree[n] = &fstest.MapFile{Data: []byte("x")}
	}
	items, bad, err := legacy.Walk(tree, "{chart}/{type}/{date}*.pdf")
	want := `1 1001/LAB/2019-03-07 a.pdf 1001 LAB 2019-03-07  
3 1002/ECG/2019.pdf 1002 ECG 2019  
2! 1001/LAB/x.pdf: its name does not fit the pattern
4! readme.txt: its name does not fit the pattern`
	if got := told(items, bad); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	for _, p := range []string{"*.pdf", "{chart}/{what}", "{chart", "{chart}{chart}"} {
		if _, _, err := legacy.Walk(tree, p); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("pattern %q: got %v, want ErrInvalid", p, err)
		}
	}
}

func FuzzIndexes(f *testing.F) {
	f.Add("file,chart_number\na,1\n")
	f.Add("BEGIN:\nMRN: 1\n>>FullPath: a\nEND:\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, read := range []func() ([]legacy.Item, []legacy.Problem, error){
			func() ([]legacy.Item, []legacy.Problem, error) { return legacy.ReadCSV(strings.NewReader(s), nil) },
			func() ([]legacy.Item, []legacy.Problem, error) { return legacy.ReadDIP(strings.NewReader(s), nil) },
		} {
			items, _, err := read()
			for _, i := range items {
				if err != nil || i.Chart.IsZero() || i.File == "" || i.File[0] == '/' || strings.HasPrefix(i.File, "..") {
					t.Errorf("%q: got %+v, %v", s, i, err)
				}
			}
		}
	})
}
