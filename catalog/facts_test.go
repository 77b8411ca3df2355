package catalog_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"chartvault/catalog"
	"chartvault/record"
)

func day(t *testing.T, s string) record.Date {
	t.Helper()
	d, err := record.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOldFacts: facts of an archive from when a chart had just three dates.
func TestOldFacts(t *testing.T) {
	var f catalog.Facts
	if err := json.Unmarshal([]byte(`{"born":"1950-02","last_encounter":"2009-05-06","died":""}`), &f); err != nil {
		t.Fatal(err)
	}
	want := catalog.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: day(t, "1950-02"), Source: record.SourcePatientList},
		{Name: record.FactLastEncounter, Date: day(t, "2009-05-06"), Source: record.SourcePatientList}}}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v, want %+v", f, want)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back catalog.Facts
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("written and read again: got %+v, %v", back, err)
	}
}

// TestAddFacts: only the last word of each source is kept, and saying the same
// again changes nothing.
func TestAddFacts(t *testing.T) {
	say := func(name record.FactName, date string, source record.FactSource) record.Fact {
		return record.Fact{Name: name, Date: day(t, date), Source: source}
	}
	const list, index, fix, use = record.SourcePatientList, record.SourceIndex, record.SourceCorrection, record.SourceRetrieval
	tests := []struct {
		name    string
		have    []record.Fact
		add     record.Fact
		changed bool
		want    []record.Fact
	}{
		{"the first", nil, say("born", "1950", list), true, []record.Fact{say("born", "1950", list)}},
		{"the same", []record.Fact{say("born", "1950", list)}, say("born", "1950", list), false, []record.Fact{say("born", "1950", list)}},
		{"another date", []record.Fact{say("born", "1950", list)}, say("born", "1951", list), true, []record.Fact{say("born", "1951", list)}},
		{"another source", []record.Fact{say("born", "1950", list)}, say("born", "1950", index), true, []record.Fact{say("born", "1950", list), say("born", "1950", index)}},
		{"another name", []record.Fact{say("born", "1950", list)}, say("died", "1950", list), true, []record.Fact{say("born", "1950", list), say("died", "1950", list)}},
		{"a correction", []record.Fact{say("born", "1950", list), say("born", "1951", index)}, say("born", "1949", fix), true, []record.Fact{say("born", "1949", fix)}},
		{"the list after a correction", []record.Fact{say("born", "1949", fix)}, say("born", "1950", list), true, []record.Fact{say("born", "1949", fix), say("born", "1950", list)}},
		{"a correction made again", []record.Fact{say("born", "1949", fix), say("born", "1950", list)}, say("born", "1949", fix), true, []record.Fact{say("born", "1949", fix)}},
		{"a later use", []record.Fact{say("last_use", "2001", use)}, say("last_use", "2002", use), true, []record.Fact{say("last_use", "2002", use)}},
		{"an earlier use", []record.Fact{say("last_use", "2002", use)}, say("last_use", "2001", use), true, []record.Fact{say("last_use", "2002", use)}},
		{"a use is not corrected away", []record.Fact{say("last_use", "2002", use)}, say("last_use", "2001", fix), true, []record.Fact{say("last_use", "2002", use), say("last_use", "2001", fix)}},
	}
	for _, tt := range tests {
		f := catalog.Facts{Known: tt.have}
		if got := f.Add(catalog.Facts{Known: []record.Fact{tt.add}}); got != tt.changed || !reflect.DeepEqual(f.Known, tt.want) {
			t.Errorf("%s: got %v, %+v, want %v, %+v", tt.name, got, f.Known, tt.changed, tt.want)
		}
	}
	f := catalog.Facts{}
	stay := record.Encounter{ID: "1", Begin: day(t, "2001-01-01")}
	closed := record.Encounter{ID: "1", Begin: day(t, "2001-01-01"), End: day(t, "2001-01-05")}
	for i, tt := range []struct {
		add     record.Encounter
		changed bool
		want    []record.Encounter
	}{{stay, true, []record.Encounter{stay}}, {stay, false, []record.Encounter{stay}}, {closed, true, []record.Encounter{closed}}} {
		if got := f.Add(catalog.Facts{Encounters: []record.Encounter{tt.add}}); got != tt.changed || !reflect.DeepEqual(f.Encounters, tt.want) {
			t.Errorf("encounter %d: got %v, %+v", i, got, f.Encounters)
		}
	}
}
