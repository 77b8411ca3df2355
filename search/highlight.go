package search

import (
	"regexp"
	"strings"
	"unicode"

	"chartvault/ocr"
)

// Highlight returns the boxes of the words of a page that q asks for, x0, y0,
// x1, y1 in pixels of the page as displayed, in the order of the page. near
// includes words that read nearly the same.
func Highlight(p ocr.PageText, q Query, near bool) [][4]int {
	hit := q.mark(fold(Words(p)), near)
	out := [][4]int{}
	for i, w := range p.Words {
		if hit[i] {
			out = append(out, [4]int{w.Box.Min.X, w.Box.Min.Y, w.Box.Max.X, w.Box.Max.Y})
		}
	}
	return out
}

// snippetWords is about how many words an excerpt has.
const snippetWords = 24

// snippet returns the excerpt of a text with the most matches, which it puts in
// square brackets.
func (q Query) snippet(text []string, near bool) string {
	hit := q.mark(fold(text), near)
	best, most := 0, -1
	inside := 0
	for end := range text {
		if hit[end] {
			inside++
		}
		if begin := end - snippetWords; begin >= 0 && hit[begin] {
			inside--
		}
		if inside > most {
			best, most = max(0, end-snippetWords+1), inside
		}
	}
	// The matches in the middle rather than at the end.
	first := best
	for first < len(text) && !hit[first] && most > 0 {
		first++
	}
	if most > 0 {
		best = max(0, first-snippetWords/3)
	}
	end := min(len(text), best+snippetWords)
	var b strings.Builder
	if best > 0 {
		b.WriteString("… ")
	}
	for i := best; i < end; i++ {
		if i > best {
			b.WriteByte(' ')
		}
		head, core, tail := punctuated(text[i])
		b.WriteString(head)
		if hit[i] && (i == best || !hit[i-1]) {
			b.WriteByte('[')
		}
		b.WriteString(core)
		if hit[i] && (i == end-1 || !hit[i+1]) {
			b.WriteByte(']')
		}
		b.WriteString(tail)
	}
	if end < len(text) {
		b.WriteString(" …")
	}
	return b.String()
}

// punctuated parts a word from the marks around it.
func punctuated(w string) (head, core, tail string) {
	mark := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Mn, r) }
	rest := strings.TrimLeftFunc(w, mark)
	core = strings.TrimRightFunc(rest, mark)
	return w[:len(w)-len(rest)], core, rest[len(core):]
}

// mark notes the words of a page that any term of q matches.
func (q Query) mark(page words, near bool) map[int]bool {
	hit := map[int]bool{}
	for _, all := range q.any {
		for _, t := range all {
			t.mark(page, t.matcher(near), hit)
		}
	}
	return hit
}

// mark notes the words where t's tokens follow each other.
func (t term) mark(page words, match func(i int, got string) bool, hit map[int]bool) {
	n := max(1, len(t.tokens))
	for i := 0; i+n <= len(page); i++ {
		same := true
		for j := 0; j < n && same; j++ {
			same = match(j, page[i+j].text)
		}
		if same {
			for j := range n {
				hit[page[i+j].word] = true
			}
		}
	}
}

// matcher returns whether a token of a page is t's token i.
func (t term) matcher(near bool) func(i int, got string) bool {
	if t.pattern != "" {
		quoted := regexp.QuoteMeta(t.pattern)
		re := regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted) + "$")
		return func(_ int, got string) bool { return re.MatchString(got) }
	}
	near = near && t.spelled()
	spelled := map[string]bool{}
	if near {
		for _, w := range t.tokens {
			for _, v := range variants(w) {
				spelled[v] = true
			}
		}
	}
	return func(i int, got string) bool {
		want := t.tokens[i]
		switch {
		case got == want, t.prefix && i == len(t.tokens)-1 && strings.HasPrefix(got, want):
			return true
		case !near:
			return false
		}
		return spelled[got] || within(want, got, reach(want, t.far))
	}
}

// within reports whether a and b are at most n edits apart: insert, delete,
// replace, swap neighbours.
func within(a, b string, n int) bool {
	if d := len(a) - len(b); n == 0 || d > 4*n || d < -4*n {
		return false
	}
	return distance([]rune(a), []rune(b)) <= n
}

// distance is the optimal string alignment distance.
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
