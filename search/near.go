package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// mostSpellings bounds how many other spellings of one word are looked for.
const mostSpellings = 12

// spell fills out with the terms of the index that read nearly like the single
// words of q: those written with '~', and all of them when always is set.
func (x *Index) spell(ctx context.Context, q Query, always bool, out map[string][]string) error {
	want := map[string]bool{}
	for _, all := range q.any {
		for _, t := range all {
			if len(t.tokens) == 1 && !t.prefix && (always || t.near) && reach(t.tokens[0]) > 0 {
				want[t.tokens[0]] = true
			}
		}
	}
	if len(want) == 0 {
		return nil
	}
	type near struct {
		term string
		d    int
	}
	found := map[string][]near{}
	rows, err := x.db.QueryContext(ctx, `SELECT term FROM terms`)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return fmt.Errorf("search: %w", err)
		}
		for w := range want {
			if t != w {
				if d := nearness(w, t); d <= reach(w) {
					found[w] = append(found[w], near{t, d})
				}
			}
		}
	}
	for w, ns := range found {
		slices.SortFunc(ns, func(a, b near) int { return cmp.Or(cmp.Compare(a.d, b.d), strings.Compare(a.term, b.term)) })
		for _, n := range ns[:min(len(ns), mostSpellings)] {
			out[w] = append(out[w], n.term)
		}
	}
	return rows.Err()
}

// reach is how many edits away a spelling may be.
func reach(word string) int {
	switch n := len([]rune(word)); {
	case n < 4:
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// nearness is the edit distance of two words after folding what scanners
// confuse; it stops counting past 3.
func nearness(a, b string) int {
	if d := len(a) - len(b); d > 4 || d < -4 {
		return 3
	}
	if fold(a) == fold(b) {
		return 1
	}
	return distance([]rune(a), []rune(b))
}

// fold maps characters that are read for one another to one of them.
func fold(s string) string {
	return strings.NewReplacer("rn", "m", "cl", "d", "vv", "w", "0", "o", "1", "l", "i", "l", "5", "s", "8", "b").Replace(s)
}

// distance is the optimal string alignment distance: insert, delete, replace,
// swap neighbours.
func distance(a, b []rune) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
