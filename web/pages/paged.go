package pages

import "slices"

// shownRows is how many rows of a list are shown at once.
const shownRows = 200

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
