package fields

import (
	"regexp"
	"slices"
	"strings"
)

// TypeHit is a document type a page speaks for.
type TypeHit struct {
	Code       string `json:"code"`
	Score      int    `json:"score"`           // a title counts 10, a form number 20, a cue 1
	Title      bool   `json:"title,omitempty"` // it is printed on the page as a title
	Confidence int    `json:"confidence"`      // of the title's least sure word
}

// Weights of what speaks for a type, and how far down the page a title stands.
const (
	titleWeight = 10
	formWeight  = 20
	titleDepth  = 0.30
	enoughCues  = 3
)

type classifier struct {
	types []compiled
	forms map[string]string // form number in upper case -> type
	form  *regexp.Regexp
}

type compiled struct {
	code        string
	title, cues *regexp.Regexp
}

func newClassifier(forms map[string]string) *classifier {
	c := &classifier{forms: map[string]string{}, form: regexp.MustCompile(`(?i)\bform(?:\s*(?:no|#))?[\s.:]*([a-z0-9][a-z0-9-]{2,15})\b`)}
	for k, v := range forms {
		c.forms[strings.ToUpper(k)] = v
	}
	for _, t := range Types() {
		c.types = append(c.types, compiled{t.Code,
			// A title has its line to itself, give or take a chart's other marks.
			regexp.MustCompile(`(?i)^\W*(?:` + t.Title + `)\W*$`),
			regexp.MustCompile(`(?i)\b(?:` + t.Cues + `)`)})
	}
	return c
}

// page ranks the types a page speaks for.
func (c *classifier) page(ls []line) []TypeHit {
	hits := map[string]TypeHit{}
	add := func(code string, score int, title bool, conf int) {
		h := hits[code]
		h.Code, h.Score = code, h.Score+score
		if title && !h.Title {
			h.Title, h.Confidence = true, conf
		}
		hits[code] = h
	}
	var body strings.Builder
	for _, l := range ls {
		body.WriteString(l.text + "\n")
		for _, m := range c.form.FindAllStringSubmatch(l.text, -1) {
			if t, ok := c.forms[strings.ToUpper(m[1])]; ok {
				add(t, formWeight, true, 100)
			}
		}
		if l.top > titleDepth || !heading(l.text) {
			continue
		}
		for _, t := range c.types {
			if t.title.MatchString(l.text) {
				add(t.code, titleWeight, true, l.value(l.text, "", 0, len(l.text)).Confidence)
			}
		}
	}
	text := body.String()
	for _, t := range c.types {
		seen := map[string]bool{}
		for _, m := range t.cues.FindAllString(text, 20) {
			seen[strings.ToLower(m)] = true
		}
		if len(seen) > 0 {
			add(t.code, len(seen), false, 0)
		}
	}
	var out []TypeHit
	for _, h := range hits {
		if h.Title || h.Score >= enoughCues {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b TypeHit) int {
		if a.Score != b.Score {
			return b.Score - a.Score
		}
		return strings.Compare(a.Code, b.Code)
	})
	return out[:min(len(out), 4)]
}

// heading reports whether a line could be a title: short, and in capitals or
// each word begun with one.
func heading(s string) bool {
	if len(s) > 70 {
		return false
	}
	for _, w := range strings.Fields(s) {
		if len(w) > 3 && w[0] >= 'a' && w[0] <= 'z' {
			return false
		}
	}
	return true
}

// decided returns the type a page's hits leave no doubt about: one title, or
// form, that is surely read, and no other of its weight.
func decided(hits []TypeHit) (TypeHit, bool) {
	if len(hits) == 0 || !hits[0].Title || hits[0].Confidence < SureWord {
		return TypeHit{}, false
	}
	for _, h := range hits[1:] {
		if h.Title {
			return TypeHit{}, false
		}
	}
	return hits[0], true
}
