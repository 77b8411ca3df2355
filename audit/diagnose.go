package audit

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// diagnose says how the leaves of a log differ from those that were logged: in
// the words cut, edited, inserted, removed, reordered or replaced, and between
// which entries. Leaves are told apart by their hashes; an entry holds its
// number, so no two are the same.
func diagnose(want, got []tlog.Hash) []string {
	p := 0
	for p < len(want) && p < len(got) && want[p] == got[p] {
		p++
	}
	s := 0
	for s < len(want)-p && s < len(got)-p && want[len(want)-1-s] == got[len(got)-1-s] {
		s++
	}
	w, g := want[p:len(want)-s], got[p:len(got)-s]
	switch {
	case len(w) == 0 && len(g) == 0:
		return nil
	case len(g) == 0 && s == 0:
		return []string{fmt.Sprintf("%s cut off the end", were(p, len(w)))}
	case len(g) == 0:
		return []string{fmt.Sprintf("%s removed", were(p, len(w)))}
	case len(w) == 0:
		return []string{fmt.Sprintf("%s inserted before what was entry %d", were(p, len(g)), p)}
	case sameSet(w, g):
		return []string{fmt.Sprintf("%s reordered", were(p, len(w)))}
	case len(w) == len(g):
		return edited(w, g, p)
	}
	return mixed(w, g, p, s)
}

func were(from, n int) string {
	if n == 1 {
		return fmt.Sprintf("entry %d was", from)
	}
	return fmt.Sprintf("entries %d to %d were", from, from+n-1)
}

func sameSet(a, b []tlog.Hash) bool {
	if len(a) != len(b) {
		return false
	}
	byHash := func(x, y tlog.Hash) int { return slices.Compare(x[:], y[:]) }
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, byHash)
	slices.SortFunc(b, byHash)
	return slices.Equal(a, b)
}

// edited lists the runs of entries that differ in place.
func edited(w, g []tlog.Hash, p int) (out []string) {
	for i := 0; i < len(w); i++ {
		j := i
		for j < len(w) && w[j] != g[j] {
			j++
		}
		if j > i {
			out = append(out, fmt.Sprintf("%s edited", were(p+i, j-i)))
			i = j
		}
	}
	return out
}

// mixed describes a stretch of another length: what is gone from it, and what
// came in.
func mixed(w, g []tlog.Hash, p, s int) (out []string) {
	have := make(map[tlog.Hash]bool, len(g))
	for _, h := range g {
		have[h] = true
	}
	known := make(map[tlog.Hash]bool, len(w))
	gone := 0
	for _, h := range w {
		known[h] = true
		if !have[h] {
			gone++
		}
	}
	foreign := 0
	for _, h := range g {
		if !known[h] {
			foreign++
		}
	}
	verb := "removed"
	if s == 0 && gone > 0 {
		verb = "cut off or removed"
	}
	if gone > 0 {
		out = append(out, fmt.Sprintf("%d of entries %d to %d %s", gone, p, p+len(w)-1, verb))
	}
	if foreign > 0 {
		out = append(out, fmt.Sprintf("%d entries that were never logged inserted between entries %d and %d, or others edited there", foreign, p, p+len(w)-1))
	}
	if gone == 0 && foreign == 0 {
		out = append(out, fmt.Sprintf("%s reordered, and some doubled", were(p, len(w))))
	}
	return out
}
