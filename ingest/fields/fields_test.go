package fields_test

import (
	"image"
	"strings"
	"testing"

	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/mpi"
	"chartvault/ocr"
	"chartvault/record"
)

// page makes a page of lines as the reader would give it, all words surely
// read but those after "~".
func page(lines ...string) ocr.PageText {
	t := ocr.PageText{Width: 2550, Height: 3300, DPI: 300, DPIY: 300, Origin: ocr.FromOCR}
	for i, l := range lines {
		x := 200
		for _, w := range strings.Fields(l) {
			conf := 95
			if strings.HasPrefix(w, "~") {
				w, conf = w[1:], 50
			}
			box := image.Rect(x, 200+40*i, x+20*len(w), 230+40*i)
			t.Words = append(t.Words, ocr.Word{Text: w, Box: box, Confidence: conf, Line: i})
			x += 20*len(w) + 15
		}
	}
	return t
}

func extractor(t testing.TB, rule sheet.Rule, order fields.Order) *fields.Extractor {
	t.Helper()
	set, err := sheet.Compile(nil, rule)
	if err != nil {
		t.Fatal(err)
	}
	return fields.New(set.Number, order, func() int { return 2026 }, map[string]string{"MR-1042": "CONSENT"})
}

func firstOf(vs []fields.Value) string {
	if len(vs) == 0 {
		return ""
	}
	return vs[0].Text
}

func TestPage(t *testing.T) {
	x := extractor(t, sheet.Rule{Expr: "[A-Z]{0,3}[0-9]{4,9}"}, fields.MonthFirst)
	tests := []struct {
		line, chart, name, born, service string
	}{
		{"Patient: TESTPATIENT, Alpha Chart No.: 1043321-7", "10433217", "TESTPATIENT, Alpha", "", ""},
		{"MRN: NG-139537 DOB: 2/29/1952", "NG139537", "", "1952-02-29", ""},
		{"Medical Record Number 55512", "55512", "", "", ""},
		{"Name of patient Bravo Testpatient Sex F", "", "Bravo Testpatient", "", ""},
		{"Date of birth 14 July 1962", "", "", "1962-07-14", ""},
		{"DOB 07-14-62", "", "", "1962-07-14", ""},
		{"Born 02/30/1962", "", "", "", ""}, // no such day
		{"DOB: 07/14/2062", "", "", "", ""}, // not yet
		{"geb.: 15.11.1940 Fallnummer: 2019983", "2019983", "", "1940-11-15", ""},
		{"Date of Service: March 3, 2004", "", "", "", "2004-03-03"},
		{"Admission date 05/14/2020 Discharge date: 05/20/2020", "", "", "", "2020-05-20"},
		{"Date: 01/02/2003", "", "", "", "2003-01-02"},
		{"chart of the heart 12345 and more", "", "", "", ""},
		{"No. 12345", "", "", "", ""},
		{"MRN: 12", "", "", "", ""}, // not of the site's form
		{"Patient was seen today", "", "", "", ""},
		{"Patient education given 01/02/2003", "", "", "", ""},
	}
	for _, tt := range tests {
		f := x.Page(page(tt.line), 3)
		got := [4]string{firstOf(f.Charts), firstOf(f.Names), firstOf(f.Born), firstOf(f.Service)}
		if want := [4]string{tt.chart, tt.name, tt.born, tt.service}; got != want {
			t.Errorf("%q: got %q, want %q", tt.line, got, want)
		}
		for _, v := range f.Charts {
			if v.Page != 3 || v.Box.Empty() || v.Source != fields.FromText || v.Confidence != 95 {
				t.Errorf("%q: got %+v, want its page, box, source and confidence", tt.line, v)
			}
		}
	}
	if f := extractor(t, sheet.Rule{}, fields.DayFirst).Page(page("DOB: 07/08/1962"), 1); firstOf(f.Born) != "1962-08-07" {
		t.Errorf("day first: got %q", firstOf(f.Born))
	}
	if f := x.Page(page("Chart No. ~1043321-7"), 1); f.Charts[0].Confidence != 50 {
		t.Errorf("a number hardly read: got confidence %d, want 50", f.Charts[0].Confidence)
	}
}

func TestTypes(t *testing.T) {
	codes := map[string]bool{}
	for _, tt := range fields.Types() {
		if _, err := record.TypeCode(tt.Code); err != nil || codes[tt.Code] {
			t.Errorf("type %s: %v, or twice in the table", tt.Code, err)
		}
		codes[tt.Code] = true
	}
	if len(codes) < 41 {
		t.Errorf("got %d types, want the 41 of the table at least", len(codes))
	}
	x := extractor(t, sheet.Rule{}, fields.MonthFirst)
	for title, want := range map[string]string{
		"DISCHARGE SUMMARY": "DISCHARGE_SUMMARY", "Progress Notes": "PROGRESS_NOTE", "LABORATORY REPORT": "LAB_REPORT", "Surgical Pathology Report": "PATHOLOGY_REPORT",
		"CONSENT TO OPERATION OR PROCEDURE": "CONSENT", "ADMISSION RECORD / FACE SHEET": "FACE_SHEET", "12-LEAD ECG": "EKG", "PHYSICIAN'S ORDERS": "PHYSICIAN_ORDERS",
		"ANESTHESIA RECORD": "ANESTHESIA_RECORD", "MEDICATION ADMINISTRATION RECORD": "MEDICATION_RECORD", "H&P": "HISTORY_AND_PHYSICAL", "MRI of the left knee": "",
		"Form MR-1042": "CONSENT", "The discharge summary was sent to the family doctor last week": "", "": "",
	} {
		o := fields.Decide([]fields.Found{x.Page(page("SAMPLE GENERAL HOSPITAL", title), 1)}, fields.Sheet{}, nil)
		if o.Type.Text != want || o.LOINC != fields.LOINC(want) {
			t.Errorf("%q: got %q, LOINC %q, want %q", title, o.Type.Text, o.LOINC, want)
		}
	}
	two := x.Page(page("DISCHARGE SUMMARY", "LABORATORY REPORT"), 1)
	if o := fields.Decide([]fields.Found{two}, fields.Sheet{}, nil); o.Type.Text != "" {
		t.Errorf("two titles: got %q, want no decision", o.Type.Text)
	}
	if o := fields.Decide([]fields.Found{two}, fields.Sheet{Type: "CONSENT"}, nil); o.Type.Text != "CONSENT" || o.Type.Source != fields.FromBarcode {
		t.Errorf("a sheet's type: got %+v", o.Type)
	}
}

const list = "chart_number,name,date_of_birth,aliases\n1043321-7,\"TESTPATIENT, Alpha\",1952-02-29,88001234;88001235\n2654235-7,\"Testpatient, Bravo\",1962-07-14,\n"

func TestDecide(t *testing.T) {
	set, err := sheet.Compile(nil, sheet.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	patients, bad, err := mpi.Read(strings.NewReader(list), nil, set.Number)
	if err != nil || len(bad) > 0 || patients.Len() != 4 {
		t.Fatalf("patient list: got %v, %v", patients, err)
	}
	x := extractor(t, sheet.Rule{}, fields.MonthFirst)
	alpha := "Patient: TESTPATIENT, Alpha Chart No.: 1043321-7 DOB: 02/29/1952"
	bravo := "Patient: TESTPATIENT, Bravo Chart No.: 2654235-7 DOB: 07/14/1962"
	tests := []struct {
		name  string
		pages []string
		sheet string
		list  *mpi.List
		filed bool
		chart string
		doubt record.Doubt
		page  record.Doubt // of the last page
	}{
		{"a sheet and nothing against it", []string{"Some text"}, "10433217", nil, true, "10433217", "", ""},
		{"a sheet, its number, a digit misread", []string{"Chart No. 1043821-7"}, "10433217", nil, true, "10433217", "", ""},
		{"a sheet and another number", []string{alpha, bravo}, "10433217", nil, true, "10433217", "", record.DoubtOtherChart},
		{"text alone proposes", []string{alpha}, "", nil, false, "10433217", record.DoubtTextOnly, ""},
		{"text and list", []string{alpha}, "", patients, true, "10433217", "", ""},
		{"an alias in the list", []string{"Patient: TESTPATIENT, Alpha MRN: 88001235"}, "", patients, true, "88001235", "", ""},
		{"text and list, another name", []string{"Patient: TESTPATIENT, Bravo Chart No.: 1043321-7"}, "", patients, false, "10433217", record.DoubtOtherPatient, ""},
		{"text and list, another birth date", []string{"Patient: TESTPATIENT, Alpha Chart No.: 1043321-7 DOB: 03/01/1952"}, "", patients, false, "10433217", record.DoubtOtherPatient, ""},
		{"a number hardly read is not filed under", []string{"Patient: TESTPATIENT, Alpha Chart No.: ~1043321-7"}, "", patients, false, "10433217", record.DoubtTextOnly, ""},
		{"a number the list does not have", []string{"Patient: TESTPATIENT, Alpha Chart No.: 7777777"}, "", patients, false, "7777777", record.DoubtTextOnly, ""},
		{"a sheet the list does not have", []string{"Some text"}, "7777777", patients, true, "7777777", record.DoubtUnknownChart, ""},
		{"a sheet for another patient", []string{"Patient: TESTPATIENT, Bravo"}, "10433217", patients, true, "10433217", record.DoubtOtherPatient, ""},
		{"a page of another patient", []string{"Patient: TESTPATIENT, Alpha", "Patient: SAMPLE, Charlie"}, "10433217", nil, true, "10433217", "", record.DoubtOtherPatient},
		{"two numbers, no sheet", []string{alpha, bravo}, "", patients, false, "10433217", record.DoubtTextOnly, record.DoubtOtherChart},
		{"nothing at all", []string{"Some text"}, "", patients, false, "", record.DoubtNoChartNumber, ""},
	}
	for _, tt := range tests {
		var found []fields.Found
		for i, p := range tt.pages {
			found = append(found, x.Page(page(p), i+1))
		}
		o := fields.Decide(found, fields.Sheet{Chart: tt.sheet}, tt.list)
		if o.Filed != tt.filed || o.Chart.Text != tt.chart || o.Doubt != tt.doubt || o.Doubts[len(tt.pages)] != tt.page {
			t.Errorf("%s: got filed %v, chart %q, doubt %q, pages %v, want %+v", tt.name, o.Filed, o.Chart.Text, o.Doubt, o.Doubts, tt)
		}
	}
}

func FuzzPage(f *testing.F) {
	x := extractor(f, sheet.Rule{}, fields.MonthFirst)
	f.Add("Patient: TESTPATIENT, Alpha Chart No.: 1043321-7\nDOB: 02/29/1952")
	f.Add("page 1 of 2\nForm MR-1042\nDISCHARGE SUMMARY")
	f.Fuzz(func(t *testing.T, s string) {
		got := x.Page(page(strings.Split(s, "\n")...), 1)
		o := fields.Decide([]fields.Found{got}, fields.Sheet{}, nil)
		if o.Filed {
			t.Errorf("%q: filed without a sheet and without a list", s)
		}
	})
}

// TestRecheck: what was filed by a sheet where there was no list is doubted when
// the list does not know the chart, or knows it as another person's.
func TestRecheck(t *testing.T) {
	set, err := sheet.Compile(nil, sheet.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	patients, _, err := mpi.Read(strings.NewReader(list), nil, set.Number)
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) fields.Value { return fields.Value{Text: s, Confidence: 99, Source: fields.FromBarcode} }
	for name, c := range map[string]struct {
		x    fields.Index
		list *mpi.List
		want record.Doubt
	}{
		"no list":        {fields.Index{Chart: value("999999")}, nil, ""},
		"known":          {fields.Index{Chart: value("10433217")}, patients, ""},
		"an alias":       {fields.Index{Chart: value("88001235")}, patients, ""},
		"unknown":        {fields.Index{Chart: value("999999")}, patients, record.DoubtUnknownChart},
		"its own name":   {fields.Index{Chart: value("10433217"), Name: value("Alpha Testpatient")}, patients, ""},
		"another's name": {fields.Index{Chart: value("10433217"), Name: value("Bravo Testpatient")}, patients, record.DoubtOtherPatient},
	} {
		if got := fields.Recheck(c.x, c.list); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
