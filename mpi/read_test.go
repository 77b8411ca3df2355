package mpi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chartvault/ingest/sheet"
	"chartvault/mpi"
	"chartvault/record"
)

const small = "chart_number,name,date_of_birth,aliases,merged,held_elsewhere\n" +
	"1111,\"TESTPATIENT, Alpha\",1952-02-29,2222@1999-01-01..2003-05-06;3333,4444@..2010-02-03,Annex shelf 7\n" +
	"5555,\"Testpatient, Bravo\",1962,,,\n"

func numbers(t testing.TB) func(string) (record.ChartNumber, error) {
	t.Helper()
	set, err := sheet.Compile(nil, sheet.Rule{Expr: "[0-9]{4,9}"})
	if err != nil {
		t.Fatal(err)
	}
	return set.Number
}

func TestRead(t *testing.T) {
	l, bad, err := mpi.Read(strings.NewReader(small), nil, numbers(t))
	if err != nil || len(bad) > 0 || l.Len() != 5 || l.People() != 2 {
		t.Fatalf("got %v, %d rejects, %d numbers, %d people", err, len(bad), l.Len(), l.People())
	}
	p, ok := l.Find("4444")
	if !ok || p.Name != "TESTPATIENT, Alpha" || p.Elsewhere != "Annex shelf 7" || len(p.Numbers) != 4 || p.Numbers[0].Chart.Canonical() != "1111" {
		t.Fatalf("a merged number: got %v, %q, %d numbers", ok, p.Name, len(p.Numbers))
	}
	if n := p.Numbers[1]; n.Since.String() != "1999-01-01" || n.Until.String() != "2003-05-06" || n.Merged {
		t.Errorf("an alias' validity: got %+v", n)
	}
	if n := p.Numbers[3]; !n.Since.IsZero() || n.Until.String() != "2010-02-03" || !n.Merged {
		t.Errorf("a merged number's validity: got %+v", n)
	}
	if _, ok := l.Find("111"); ok {
		t.Error("a number that is only similar is found")
	}
}

// TestWriteCSV: a list that is written and read again is the same list.
func TestWriteCSV(t *testing.T) {
	l, _, err := mpi.Read(strings.NewReader(small), nil, numbers(t))
	if err != nil {
		t.Fatal(err)
	}
	var b, again strings.Builder
	if err := l.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	m, bad, err := mpi.Read(strings.NewReader(b.String()), nil, numbers(t))
	if err != nil || len(bad) > 0 || m.WriteCSV(&again) != nil || again.String() != b.String() {
		t.Errorf("got %v, %v,\n%s\nwant\n%s", err, bad, again.String(), b.String())
	}
}

// TestMapping: other headings stand for ours when they are mapped.
func TestMapping(t *testing.T) {
	text := "MRN,Patient Name,DOB,Old MRN\n1111,TESTPATIENT Alpha,1952-02-29,2222\n"
	l, bad, err := mpi.Read(strings.NewReader(text), mpi.Mapping{"chart_number": "mrn", "name": "patient name", "date_of_birth": "DOB", "aliases": "Old MRN"}, numbers(t))
	if err != nil || len(bad) > 0 || l.Len() != 2 {
		t.Fatalf("got %v, %v, want two numbers", err, bad)
	}
	for what, m := range map[string]mpi.Mapping{"a heading that is not there": {"chart_number": "no"}, "a column that is not ours": {"colour": "MRN"}, "too few": nil} {
		if _, _, err := mpi.Read(strings.NewReader(text), m, numbers(t)); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", what, err)
		}
	}
}

// TestRejects: each bad row is told by its number and not by what stands in it;
// the good ones are there.
func TestRejects(t *testing.T) {
	text := "chart_number,name,date_of_birth,aliases\n1111,A,,\nABC,B,,\n2222,C,1952-13-01,\n1111,D,,\n3333,E,\n4444,F,,x\n5555,G,,5555\n,H,,\n6666,I,1999,7777@soon..\n8888,J,1980-01-02,\n"
	l, bad, err := mpi.Read(strings.NewReader(text), nil, numbers(t))
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for _, b := range bad {
		rows = append(rows, b.Row)
		for _, secret := range []string{"ABC", "1952-13", "soon"} {
			if strings.Contains(b.Why.Error(), secret) {
				t.Errorf("row %d: the reason repeats the row: %v", b.Row, b.Why)
			}
		}
	}
	if want := []int{3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(rows, want) {
		t.Errorf("rejects: got rows %v, want %v", rows, want)
	}
	if l.Len() != 2 || l.People() != 2 {
		t.Errorf("got %d numbers of %d people, want 2 of 2", l.Len(), l.People())
	}
	for name, text := range map[string]string{"nothing": "", "a quotation mark that never ends": "chart_number,name,date_of_birth\n1111,A,\n2222,\"B,\n3333,C,\n", "no column": "chart_number,name\n1111,A\n"} {
		if _, _, err := mpi.Read(strings.NewReader(text), nil, numbers(t)); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

// TestTerminalDigit: the last two digits first, then the two before.
func TestTerminalDigit(t *testing.T) {
	var charts []record.ChartNumber
	for _, s := range []string{"123456", "99", "450012", "130056", "123556", "7"} {
		n, err := record.ParseChartNumber(s)
		if err != nil {
			t.Fatal(err)
		}
		charts = append(charts, n)
	}
	mpi.TerminalDigit(charts)
	var got []string
	for _, c := range charts {
		got = append(got, c.Canonical())
	}
	if want := []string{"7", "450012", "130056", "123456", "123556", "99"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSearchBorn: a date of birth tells people of one name apart, also when it
// is known in part, or day and month are in the other order.
func TestSearchBorn(t *testing.T) {
	text := "chart_number,name,date_of_birth\n1111,TESTPATIENT Alpha,1952-02-09\n2222,TESTPATIENT Alpha,1962-07-04\n3333,TESTPATIENT Alpha M.,\n4444,\"O'Testpatient-Smythe, Zoë\",1970-01-01\n"
	l, _, err := mpi.Read(strings.NewReader(text), nil, numbers(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, born, want string }{
		{"alpha testpatient", "1962-07-04", "2222"}, {"Alpha TESTPATIENT", "1952", "1111"}, {"Alfa Testpatient", "1962-04-07", "2222"},
		{"Testpatient M Alpha", "", "3333"}, {"OTestpatient Smith", "", "4444"}, {"zoe otestpatient", "", "4444"},
	} {
		born, err := record.ParseDate(c.born)
		if err != nil {
			t.Fatal(err)
		}
		got := l.Search(mpi.Query{Name: c.name, Born: born}, 3)
		if len(got) == 0 || got[0].Numbers[0].Chart.Canonical() != c.want {
			t.Errorf("%q born %q: got %d answers, want %s first", c.name, c.born, len(got), c.want)
		}
	}
	if got := l.Search(mpi.Query{Name: "X"}, 3); len(got) != 0 {
		t.Errorf("an initial alone: got %d answers", len(got))
	}
}

func FuzzRead(f *testing.F) {
	number := numbers(f)
	f.Add(small)
	f.Fuzz(func(t *testing.T, s string) {
		l, _, err := mpi.Read(strings.NewReader(s), nil, number)
		if (l == nil) == (err == nil) {
			t.Errorf("%q: got %v and %v", s, l, err)
		}
		if l != nil {
			l.Search(mpi.Query{Name: s}, 5)
		}
	})
}
