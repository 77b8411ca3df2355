package ingest

import (
	"regexp"
	"strings"

	"chartvault/ingest/sheet"
	"chartvault/ocr"
)

// namedExpr finds what a page itself calls its chart number. The words before
// the number are those hospitals print.
const namedExpr = `(?i)(?:chart\s*(?:no|number|nr|#)|mrn|medical\s+record\s*(?:no|number|#))[\s.:#]*([A-Z]{0,4}[ -]?[0-9][0-9-]{3,14})`

// named returns the canonical chart number a page's text names, or "".
func named(t ocr.PageText, set *sheet.Set) string {
	g := regexp.MustCompile(namedExpr).FindStringSubmatch(t.String())
	if g == nil {
		return ""
	}
	n, err := set.Number(strings.TrimRight(g[1], "-"))
	if err != nil {
		return ""
	}
	return n.Canonical()
}

// contradicts reports whether a number read in the text is another one than
// the sheet's, and not the same with a character or two misread. A sheet that
// was not recognised as one shows itself so.
func contradicts(text, filed string) bool {
	if text == "" || filed == "" || text == filed {
		return false
	}
	if len(text) != len(filed) {
		return !strings.HasPrefix(text, filed) && !strings.HasPrefix(filed, text)
	}
	differ := 0
	for i := range text {
		if text[i] != filed[i] {
			differ++
		}
	}
	return differ > 2
}
