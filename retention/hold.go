package retention

import (
	"slices"

	"chartvault/record"
)

// Holds answers which holds bind a document. It is a snapshot: make a new one
// when a hold was placed or released, or a saved search may find more.
type Holds struct {
	byChart map[string][]record.Hold
	any     []record.Hold // not limited to charts
}

// NewHolds indexes holds. Released ones are left out.
func NewHolds(all []record.Hold) *Holds {
	h := &Holds{byChart: map[string][]record.Hold{}}
	for _, x := range all {
		if !x.Active() {
			continue
		}
		if len(x.Scope.Charts) == 0 {
			h.any = append(h.any, x)
		}
		for _, c := range x.Scope.Charts {
			h.byChart[string(c)] = append(h.byChart[string(c)], x)
		}
	}
	return h
}

// Binding returns the holds that bind a document.
func (h *Holds) Binding(d Subject) []record.Hold {
	var out []record.Hold
	if d.Chart != "" {
		for _, x := range h.byChart[d.Chart] {
			if binds(x, d) {
				out = append(out, x)
			}
		}
	}
	for _, x := range h.any {
		if binds(x, d) {
			out = append(out, x)
		}
	}
	return out
}

// binds looks at the conditions besides the chart.
func binds(x record.Hold, d Subject) bool {
	s := x.Scope
	if s.Empty() {
		return true // it should not exist; it keeps
	}
	if len(s.Types) > 0 && d.Type != record.TypeUnknown && !slices.Contains(s.Types, d.Type) {
		return false
	}
	if s.Query != "" && !x.Found[d.Document] {
		return false
	}
	if d.Service.IsZero() {
		return true
	}
	return (s.From.IsZero() || d.Service.Last().Compare(s.From.First()) >= 0) &&
		(s.To.IsZero() || d.Service.First().Compare(s.To.Last()) <= 0)
}
