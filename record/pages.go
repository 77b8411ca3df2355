package record

import (
	"fmt"
	"strconv"
	"strings"
)

// MostPages bounds the number of a page, and how many are named at once.
const MostPages = 100_000

// ParsePages reads pages as people name them, such as "2-4,7": 2, 3, 4 and 7,
// in the order given. ErrInvalid for anything else.
func ParsePages(s string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(s, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(from)
		z := a
		if ranged && err == nil {
			z, err = strconv.Atoi(to)
		}
		if err != nil || a < 1 || z < a || z > MostPages {
			return nil, fmt.Errorf("pages: %w: want numbers and ranges, such as 2-4,7", ErrInvalid)
		}
		for ; a <= z; a++ {
			if out = append(out, a); len(out) > MostPages {
				return nil, fmt.Errorf("pages: %w: at most %d", ErrInvalid, MostPages)
			}
		}
	}
	return out, nil
}

// FormatPages writes pages in order as ParsePages reads them: "2-4,7".
func FormatPages(pages []int) string {
	var parts []string
	for i := 0; i < len(pages); {
		j := i
		for j+1 < len(pages) && pages[j+1] == pages[j]+1 {
			j++
		}
		part := strconv.Itoa(pages[i])
		if j > i {
			part += "-" + strconv.Itoa(pages[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
