package pages

import (
	"slices"

	"chartvault/record"
)

// shownRows is how many rows of a list are shown at once.
const shownRows = 200

// allRows is more than any list has.
const allRows = 1 << 30

// paged returns the rows of a list that are shown: those after the one that the
// address names, which is never a chart number. The layout links to the next ones. A
// row that is not there any more shows the first.
func paged[T any](v *visit, all []T, key func(T) string) []T {
	after := v.r.URL.Query().Get("after")
	if i := slices.IndexFunc(all, func(x T) bool { return key(x) == after }); after != "" && i >= 0 {
		all, v.first = all[i+1:], v.listed("")
	}
	if len(all) > shownRows {
		all = all[:shownRows]
		v.more = v.listed(key(all[shownRows-1]))
	}
	return all
}

// part returns a part of a long list, which the archive gives by its own, and
// links to the next one as paged does. p is what is asked for besides.
func part[T any](v *visit, op string, p map[string]any, key func(T) string) ([]T, error) {
	p["most"] = shownRows + 1
	if after, err := record.ParseID(v.r.URL.Query().Get("after")); err == nil {
		p["after"], v.first = after, v.listed("")
	}
	rows, err := each[T](v, op, p)
	if len(rows) > shownRows {
		rows = rows[:shownRows]
		v.more = v.listed(key(rows[shownRows-1]))
	}
	return rows, err
}

// listed is the address of this list, with its filters, after a row.
func (v *visit) listed(after string) string {
	q := v.r.URL.Query()
	if q.Del("after"); after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return v.r.URL.Path
	}
	return v.r.URL.Path + "?" + q.Encode()
}
