package correct_test

import (
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"chartvault/ingest/correct"
	"chartvault/record"
)

// ids makes ids that can be told apart.
func ids() func() (record.ID, error) {
	n := byte(100)
	return func() (record.ID, error) {
		n++
		return record.ID{n}, nil
	}
}

func source(n byte, pages int) correct.Source {
	return correct.Source{ID: record.ID{n}, Chart: fmt.Sprintf("100%d", n%2), Type: "ECG", Pages: pages}
}

// told writes results as CHART of DATE: DOCUMENT.PAGE+TURN ...
func told(c correct.Correction) string {
	var out []string
	for _, r := range c.Results {
		s := r.Chart
		if !r.Date.IsZero() {
			s += " of " + r.Date.String()
		}
		s += ":"
		for _, p := range r.Pages {
			s += fmt.Sprintf(" %d.%d", p.Document[0], p.Number)
			if p.Turn != 0 {
				s += fmt.Sprintf("+%d", p.Turn)
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestPlans(t *testing.T) {
	one, three, other := source(1, 4), source(3, 2), source(2, 2)
	lab := three
	lab.Type = "LAB_REPORT"
	dated := three
	dated.Date = record.Date{Year: 1999}
	tests := []struct {
		name string
		make func() (correct.Correction, error)
		want string // "" for an error
	}{
		{"split", func() (correct.Correction, error) { return correct.SplitAt(one, []int{4, 2, 2}, ids()) }, "1001: 1.1; 1001: 1.2 1.3; 1001: 1.4"},
		{"split at the first page", func() (correct.Correction, error) { return correct.SplitAt(one, []int{1}, ids()) }, ""},
		{"split beyond", func() (correct.Correction, error) { return correct.SplitAt(one, []int{5}, ids()) }, ""},
		{"split nowhere", func() (correct.Correction, error) { return correct.SplitAt(one, nil, ids()) }, ""},
		{"merge", func() (correct.Correction, error) {
			return correct.MergeAll([]correct.Source{three, one}, ids())
		}, "1001: 3.1 3.2 1.1 1.2 1.3 1.4"},
		{"merge of two charts", func() (correct.Correction, error) {
			return correct.MergeAll([]correct.Source{one, other}, ids())
		}, ""},
		{"merge of two types", func() (correct.Correction, error) { return correct.MergeAll([]correct.Source{one, lab}, ids()) }, ""},
		{"merge of one", func() (correct.Correction, error) { return correct.MergeAll([]correct.Source{one}, ids()) }, ""},
		{"merge with itself", func() (correct.Correction, error) { return correct.MergeAll([]correct.Source{one, one}, ids()) }, ""},
		{"move", func() (correct.Correction, error) { return correct.MovePages(one, []int{3, 2}, "77", "", ids()) }, "77: 1.2 1.3; 1001: 1.1 1.4"},
		{"move all", func() (correct.Correction, error) { return correct.MovePages(three, []int{1, 2}, "77", "", ids()) }, "77: 3.1 3.2"},
		{"move to the same chart", func() (correct.Correction, error) { return correct.MovePages(one, []int{1}, "1001", "", ids()) }, ""},
		{"move no page", func() (correct.Correction, error) { return correct.MovePages(one, []int{0}, "77", "", ids()) }, ""},
		{"turn", func() (correct.Correction, error) { return correct.TurnPages(one, []int{2, 4}, -1, ids()) }, "1001: 1.1 1.2+3 1.3 1.4+3"},
		{"turn by nothing", func() (correct.Correction, error) { return correct.TurnPages(one, []int{2}, 4, ids()) }, ""},
		{"date", func() (correct.Correction, error) {
			return correct.DateAs(three, record.Date{Year: 1998, Month: 4}, ids())
		}, "1001 of 1998-04: 3.1 3.2"},
		{"date it has", func() (correct.Correction, error) { return correct.DateAs(dated, dated.Date, ids()) }, ""},
		{"no date", func() (correct.Correction, error) { return correct.DateAs(dated, record.Date{}, ids()) }, ""},
	}
	for _, tt := range tests {
		c, err := tt.make()
		if tt.want == "" {
			if !errors.Is(err, record.ErrInvalid) {
				t.Errorf("%s: got %v, want ErrInvalid", tt.name, err)
			}
			continue
		}
		if got := told(c); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestCheck: a correction in which any page is lost, doubled, or of something
// else is refused, whatever was changed in it.
func TestCheck(t *testing.T) {
	r := mrand.New(mrand.NewPCG(1, 2))
	for range 2000 {
		s := source(1, 2+r.IntN(8))
		c, err := correct.SplitAt(s, []int{2 + r.IntN(s.Pages-1)}, ids())
		if err != nil {
			t.Fatal(err)
		}
		k := r.IntN(len(c.Results))
		p := &c.Results[k].Pages
		i := r.IntN(len(*p))
		switch r.IntN(5) {
		case 0:
			*p = append((*p)[:i:i], (*p)[i+1:]...)
		case 1:
			*p = append(*p, (*p)[i])
		case 2:
			(*p)[i].Document = record.ID{9}
		case 3:
			(*p)[i].Number += s.Pages
		case 4:
			(*p)[i].Turn = 4
		}
		if err := c.Check([]correct.Source{s}); !errors.Is(err, record.ErrInvalid) {
			t.Fatalf("%s: got %v, want ErrInvalid", told(c), err)
		}
	}
}
