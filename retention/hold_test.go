package retention_test

import (
	"testing"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// TestHolds: a hold binds what meets all its conditions, now and later; several
// bind at once, and the last release frees.
func TestHolds(t *testing.T) {
	day := func(s string) record.Date { return date(t, s) }
	chart := [][]byte{[]byte("chart-1")}
	hold := func(n byte, s record.HoldScope) record.Hold {
		return record.Hold{ID: record.ID{n}, Kind: record.HoldLegal, Scope: s}
	}
	doc := retention.Subject{Document: record.ID{9}, Chart: "chart-1", Type: "LAB_REPORT", Service: day("2010-05-05")}
	other := doc
	other.Chart = "chart-2"
	undated := doc
	undated.Service = record.Date{}
	untyped := doc
	untyped.Type = record.TypeUnknown
	loose := doc
	loose.Chart = ""
	vague := doc
	vague.Service = day("2010")
	found := hold(8, record.HoldScope{Query: "x"})
	found.Found = map[record.ID]bool{{9}: true}
	released := hold(7, record.HoldScope{Charts: chart})
	released.ReleasedAt = time.Unix(1, 0)
	tests := []struct {
		name string
		hold record.Hold
		doc  retention.Subject
		want bool
	}{
		{"its chart", hold(1, record.HoldScope{Charts: chart}), doc, true},
		{"another chart", hold(1, record.HoldScope{Charts: chart}), other, false},
		{"no chart yet", hold(1, record.HoldScope{Charts: chart}), loose, false},
		{"type", hold(1, record.HoldScope{Types: []string{"LAB_REPORT"}}), doc, true},
		{"another type", hold(1, record.HoldScope{Types: []string{"CONSENT"}}), doc, false},
		{"type not known", hold(1, record.HoldScope{Types: []string{"CONSENT"}}), untyped, true},
		{"chart and type", hold(1, record.HoldScope{Charts: chart, Types: []string{"CONSENT"}}), doc, false},
		{"in the dates", hold(1, record.HoldScope{From: day("2010-05-05"), To: day("2010-05-05")}), doc, true},
		{"before the dates", hold(1, record.HoldScope{From: day("2010-05-06")}), doc, false},
		{"after the dates", hold(1, record.HoldScope{To: day("2010-05-04")}), doc, false},
		{"date not known", hold(1, record.HoldScope{From: day("2010-05-06")}), undated, true},
		{"date known to the year", hold(1, record.HoldScope{From: day("2010-12-31")}), vague, true},
		{"date known to the year, the other end", hold(1, record.HoldScope{To: day("2010-01-01")}), vague, true},
		{"dates known to the year", hold(1, record.HoldScope{From: day("2010"), To: day("2010")}), doc, true},
		{"found by the search", found, doc, true},
		{"not found by the search", hold(1, record.HoldScope{Query: "x"}), doc, false},
		{"released", released, doc, false},
		{"no condition: it should not be, and keeps", hold(1, record.HoldScope{}), doc, true},
	}
	for _, tt := range tests {
		got := retention.NewHolds([]record.Hold{tt.hold}).Binding(tt.doc)
		if (len(got) == 1) != tt.want {
			t.Errorf("%s: got %d holds, want bound %v", tt.name, len(got), tt.want)
		}
	}
	two := []record.Hold{hold(1, record.HoldScope{Charts: chart}), hold(2, record.HoldScope{Types: []string{"LAB_REPORT"}})}
	for want := 2; want >= 0; want-- {
		if got := retention.NewHolds(two).Binding(doc); len(got) != want {
			t.Errorf("got %d holds, want %d", len(got), want)
		}
		if want > 0 {
			two[want-1].ReleasedAt = time.Unix(1, 0)
		}
	}
	if (record.HoldScope{}).Empty() != true || (record.HoldScope{To: day("2010")}).Empty() {
		t.Error("an empty scope is not told from others")
	}
}
