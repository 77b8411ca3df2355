package fields_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/internal/corpus"
	"chartvault/internal/shippedtest"
	"chartvault/mpi"
	"chartvault/ocr"
	"chartvault/ocr/sandbox"
)

type truePage struct {
	File      string
	Type      string `json:"doc_type"`
	Canonical string `json:"chart_number_canonical"`
	Patient   string
	Born      string `json:"dob"`
	Language  string
}

// TestScans reads printed and damaged chart pages and holds what is understood
// of them against the truth: what would be filed without a person is right, and
// most of it is found.
func TestScans(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(corpus.Path(t, "charts/pages"), "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the corpus' chart pages: %v", err)
	}
	var pages []truePage
	var list strings.Builder
	w := csv.NewWriter(&list)
	w.Write([]string{"chart_number", "name", "date_of_birth"}) // a strings.Builder takes everything
	for _, n := range names {
		var p truePage
		b, err := os.ReadFile(n)
		if err == nil {
			err = json.Unmarshal(b, &p)
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Language != "eng" {
			continue
		}
		pages = append(pages, p)
		w.Write([]string{p.Canonical, p.Patient, p.Born})
	}
	w.Flush()
	set, err := sheet.Compile(nil, sheet.Rule{Expr: "NG[0-9]{6}|[0-9]{8}"})
	if err != nil {
		t.Fatal(err)
	}
	patients, bad, err := mpi.Read(strings.NewReader(list.String()), nil, set.Number)
	if err != nil || len(bad) > 0 {
		t.Fatal(err)
	}
	program, err := shippedtest.Program()
	if err != nil {
		t.Fatal(err)
	}
	pool := ocr.NewPool(2, ocr.DefaultLimits(), sandbox.Strict, program, "worker", "")
	defer pool.Close()
	x := extractor(t, sheet.Rule{Expr: "NG[0-9]{6}|[0-9]{8}"}, fields.MonthFirst)
	filed, typed, born, wrong := 0, 0, 0, 0
	// Our types for the corpus' where they have other names.
	same := map[string]string{"ADMISSION_RECORD": "FACE_SHEET", "ECG": "EKG"}
	for _, p := range pages {
		f, err := os.Open(filepath.Join(corpus.Path(t, "charts/pages"), p.File))
		if err != nil {
			t.Fatal(err)
		}
		pg, err := pool.Page(t.Context(), ocr.Source{Key: p.File, File: f}, 1, ocr.Options{Languages: "eng"})
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", p.File, err)
		}
		o := fields.Decide([]fields.Found{x.Page(pg.Text, 1)}, fields.Sheet{}, patients)
		if o.Filed {
			filed++
			if o.Chart.Text != p.Canonical {
				wrong++
				t.Errorf("%s: would be filed under %s, is of %s", p.File, o.Chart.Text, p.Canonical)
			}
		} else {
			t.Logf("%s: to a person: %s (%d %% sure of the number)", p.File, o.Doubt, o.Chart.Confidence)
		}
		want := p.Type
		if s, ok := same[want]; ok {
			want = s
		}
		switch o.Type.Text {
		case want:
			typed++
		case "":
			t.Logf("%s: type not decided, is %s: %+v", p.File, want, o.Type)
		default:
			wrong++
			t.Errorf("%s: got type %s, want %s", p.File, o.Type.Text, want)
		}
		if o.Born.Text == p.Born {
			born++
		} else if o.Born.Confidence >= fields.SureWord {
			t.Errorf("%s: surely read born %s, want %s", p.File, o.Born.Text, p.Born)
		}
	}
	n := len(pages)
	t.Logf("from text alone, of %d pages: chart %d, type %d, date of birth %d; %d wrong", n, filed, typed, born, wrong)
	if filed*10 < n*7 || typed*10 < n*7 {
		t.Errorf("filed %d and typed %d of %d, want at least 70 %% of each", filed, typed, n)
	}
}
