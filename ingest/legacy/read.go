package legacy

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"chartvault/record"
)

// maxLine bounds a line of an index, in bytes.
const maxLine = 1 << 20

// ReadCSV reads an index with a head line. Its separator is a comma, a
// semicolon, a tab or a bar, whichever the head has. Each line is read by
// itself, so that one with a stray quote costs itself and no other.
func ReadCSV(r io.Reader, f Fields) ([]Item, []Problem, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var at map[string]int
	var sep rune
	var items []Item
	var bad []Problem
	for line := 1; sc.Scan(); line++ {
		text := sc.Text()
		if line == 1 {
			text = strings.TrimPrefix(text, "\uFEFF")
			sep = separator(text)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		c := csv.NewReader(strings.NewReader(text))
		c.FieldsPerRecord, c.Comma = -1, sep
		row, err := c.Read()
		switch {
		case at == nil && err != nil:
			return nil, nil, fmt.Errorf("read index: %w: its head is not a line of CSV", record.ErrInvalid)
		case at == nil:
			if at, err = f.columns(row); err != nil {
				return nil, nil, err
			}
			continue
		case err != nil:
			bad = append(bad, Problem{Line: line, Why: "not a line of CSV: a quote is not closed, or stands inside a value"})
			continue
		}
		v := map[string]string{}
		for n, i := range at {
			if i < len(row) {
				v[n] = row[i]
			}
		}
		if it, p := item(line, v); p != nil {
			bad = append(bad, *p)
		} else {
			items = append(items, it)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, nil, fmt.Errorf("read index: %w", err)
	}
	if at == nil {
		return nil, nil, fmt.Errorf("read index: %w: it has no head line", record.ErrInvalid)
	}
	return items, bad, nil
}

// separator is what parts the names of a head.
func separator(head string) rune {
	best := ','
	for _, sep := range ";\t|" {
		if strings.Count(head, string(sep)) > strings.Count(head, string(best)) {
			best = sep
		}
	}
	return best
}

// columns finds our fields in a head.
func (f Fields) columns(head []string) (map[string]int, error) {
	at := map[string]int{}
	for i, n := range head {
		for _, ours := range Names() {
			if strings.EqualFold(strings.TrimSpace(n), f.of(ours)) {
				at[ours] = i
			}
		}
	}
	for _, n := range Names()[:required] {
		if _, ok := at[n]; !ok {
			return nil, fmt.Errorf("read index: %w: no column %q in the head; give another name with --map %s=NAME", record.ErrInvalid, f.of(n), n)
		}
	}
	return at, nil
}

// ReadDIP reads a tagged index as OnBase's document import processor takes it:
// documents between BEGIN: and END:, a line a value, "TAG: value", tags of the
// processor's own with ">>" before them. A document may have several files;
// each is an item.
func ReadDIP(r io.Reader, f Fields) ([]Item, []Problem, error) {
	names := Fields{"file": "FullPath", "type": "DocTypeName", "service_date": "DocDate", "chart_number": "MRN"}
	for ours, theirs := range f {
		names[ours] = theirs
	}
	var items []Item
	var bad []Problem
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var v map[string]string
	var files []string
	begun, line := 0, 0
	end := func() {
		if v == nil {
			return
		}
		if len(files) == 0 {
			bad = append(bad, problem(begun, v, "a document without a file"))
		}
		for _, name := range files {
			v["file"] = name
			if it, p := item(begun, v); p != nil {
				bad = append(bad, *p)
			} else {
				items = append(items, it)
			}
		}
		v, files = nil, nil
	}
	for sc.Scan() {
		line++
		tag, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(sc.Text()), "\uFEFF"), ":")
		tag, value = strings.TrimSpace(strings.TrimLeft(tag, ">")), strings.TrimSpace(value)
		switch {
		case !ok && tag == "":
		case !ok:
			bad = append(bad, Problem{Line: line, Why: `not a line "TAG: value"`})
		case strings.EqualFold(tag, "BEGIN"):
			if v != nil {
				bad = append(bad, problem(begun, v, "a document without END:"))
				v, files = nil, nil
			}
			v, begun = map[string]string{}, line
		case strings.EqualFold(tag, "END"):
			end()
		case v == nil:
			bad = append(bad, Problem{Line: line, Why: "a value outside BEGIN: and END:"})
		case strings.EqualFold(tag, names.of("file")) || strings.EqualFold(tag, "FileName"):
			files = append(files, value)
		default:
			for _, n := range Names() {
				if strings.EqualFold(tag, names.of(n)) {
					v[n] = value
				}
			}
		}
	}
	if err := sc.Err(); err != nil {
		return nil, nil, fmt.Errorf("read index: line %d: %w", line+1, err)
	}
	if v != nil {
		bad = append(bad, problem(begun, v, "a document without END:"))
	}
	return items, bad, nil
}

// Walk makes items of a tree's files by a pattern of their names below the
// root, such as "{chart}/{type}/{date}*.pdf": {chart}, {type} and {date} are
// values, '*' is anything but '/'. Files that do not fit are problems.
func Walk(root fs.FS, pattern string) ([]Item, []Problem, error) {
	re, err := compile(pattern)
	if err != nil {
		return nil, nil, err
	}
	var items []Item
	var bad []Problem
	n := 0
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil && name != "." {
			n++
			bad = append(bad, Problem{Line: n, File: name, Why: "it cannot be read"}) // its name may name a patient: it is said here, and in no error
			return nil
		}
		if err != nil {
			return errTree
		}
		if d.IsDir() {
			return nil
		}
		n++
		if !d.Type().IsRegular() {
			bad = append(bad, Problem{Line: n, File: name, Why: "neither a file nor a folder"})
			return nil
		}
		m := re.FindStringSubmatch(name)
		if m == nil {
			bad = append(bad, Problem{Line: n, File: name, Why: "its name does not fit the pattern"})
			return nil
		}
		v := map[string]string{"file": name}
		for i, g := range re.SubexpNames() {
			if ours := map[string]string{"chart": "chart_number", "type": "type", "date": "service_date"}[g]; ours != "" {
				v[ours] = m[i]
			}
		}
		if it, p := item(n, v); p != nil {
			bad = append(bad, *p)
		} else {
			items = append(items, it)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the tree: %w", err)
	}
	return items, bad, nil
}

// errTree is a tree that cannot be read at all.
var errTree = fmt.Errorf("%w: the folder cannot be read", record.ErrNotFound)

// compile makes an expression of a pattern.
func compile(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	var had []string
	rest := pattern
	b.WriteString("^")
	for rest != "" {
		i := strings.IndexAny(rest, "{*")
		if i < 0 {
			i = len(rest)
		}
		b.WriteString(regexp.QuoteMeta(rest[:i]))
		if rest = rest[i:]; rest == "" {
			break
		}
		if rest[0] == '*' {
			b.WriteString("[^/]*")
			rest = rest[1:]
			continue
		}
		name, after, ok := strings.Cut(rest[1:], "}")
		if !ok || !slices.Contains([]string{"chart", "type", "date"}, name) || slices.Contains(had, name) {
			return nil, fmt.Errorf("pattern: %w: there are {chart}, {type} and {date}, each once", record.ErrInvalid)
		}
		had = append(had, name)
		what := map[string]string{"chart": `[^/]+?`, "type": `[^/]+?`, "date": `[0-9-]{4,10}`}[name]
		fmt.Fprintf(&b, "(?P<%s>%s)", name, what)
		rest = after
	}
	b.WriteString("$")
	if !slices.Contains(had, "chart") {
		return nil, fmt.Errorf("pattern: %w: it has no {chart}", record.ErrInvalid)
	}
	return regexp.Compile(b.String())
}
