package pages

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// csvWanted reports whether a list is wanted as a file: whole, and not only what is
// shown.
func (v *visit) csvWanted() bool { return v.r.URL.Query().Get("as") == "csv" }

// saveList gives a list as a CSV file (RFC 4180).
func saveList[T any](v *visit, name string, heads []string, list []T, row func(T) []string) error {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	w := csv.NewWriter(v.w)
	w.UseCRLF = true
	w.Write(heads)
	for _, l := range list {
		cells := row(l)
		for i, c := range cells {
			cells[i] = harmless(c)
		}
		w.Write(cells)
	}
	w.Flush()
	return nil // whoever asked may have gone
}

// harmless is a cell that no spreadsheet takes for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "'" + s
		}
	}
	return s
}
