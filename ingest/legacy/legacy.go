// Package legacy reads what other systems export: a tree of files whose names
// say what they are, a list in CSV, or an index in the tagged form of OnBase's
// document import processor (DIP).
//
// Its invariant: every line of an index, and every file of a tree, comes out as
// an item or as a problem with the line and the reason; nothing is guessed and
// nothing is skipped. It reads indexes only, and stores nothing.
package legacy

import (
	"fmt"
	"path"
	"strings"
	"time"

	"chartvault/record"
)

// Item is a document of the export: one file, and what the index says of it.
type Item struct {
	Line    int    // of the index; of a tree, its number in the order of names
	File    string // below the export's root, with '/'
	Chart   record.ChartNumber
	Type    string      // of record.TypeCode
	Service record.Date // zero when not said
	Hold    string      // the matter of a hold it is under; "" for none
	Place   string      // code of the facility, of record.FacilityCode; "" when not said
	Keep    record.Date // the last day the other system kept it for; zero when not said
}

// Problem is a line that makes no item.
type Problem struct {
	Line int    `json:"line"`
	File string `json:"file,omitempty"` // as it stands in the index
	Why  string `json:"why"`

	Chart record.ChartNumber `json:"-"` // where the line has one all the same
	Hold  string             `json:"-"`
}

// Fields are the names under which an index has its values, by ours: "file",
// "chart_number", "type", "service_date", "hold", "keep_until", "facility". What is
// not named has its own name.
type Fields map[string]string

// Names lists our names, those that must be there first.
func Names() []string {
	return []string{"file", "chart_number", "type", "service_date", "hold", "keep_until", "facility"}
}

// required is how many of Names must be there; the type may be missing, and is
// then found from the text.
const required = 2

func (f Fields) of(name string) string {
	if s := f[name]; s != "" {
		return s
	}
	return name
}

// Check refuses names that are not ours.
func (f Fields) Check() error {
	for n := range f {
		known := false
		for _, k := range Names() {
			known = known || k == n
		}
		if !known {
			return fmt.Errorf("mapping: %w: there is no field %q; there are %s", record.ErrInvalid, n, strings.Join(Names(), ", "))
		}
	}
	return nil
}

// problem is a line that is not taken, of values by our names: its hold binds the
// chart all the same.
func problem(line int, v map[string]string, why string) Problem {
	chart, err := record.ParseChartNumber(v["chart_number"])
	if err != nil {
		chart = record.ChartNumber{}
	}
	return Problem{line, v["file"], why, chart, strings.TrimSpace(v["hold"])}
}

// item makes an item of values by our names.
func item(line int, v map[string]string) (Item, *Problem) {
	it := Item{Line: line, Hold: strings.TrimSpace(v["hold"])}
	var err error
	chart, cerr := record.ParseChartNumber(v["chart_number"])
	wrong := func(format string, args ...any) (Item, *Problem) {
		p := problem(line, v, fmt.Sprintf(format, args...))
		return Item{}, &p
	}
	if it.File, err = inside(v["file"]); err != nil {
		return wrong("%v", err)
	}
	if it.Chart = chart; cerr != nil {
		return wrong("the chart number is missing or cannot be one")
	}
	if t := strings.TrimSpace(v["type"]); t != "" {
		if it.Type, err = record.TypeCode(code(t)); err != nil {
			return wrong("the document type has letters that no code can have")
		}
	}
	if p := strings.TrimSpace(v["facility"]); p != "" {
		if it.Place, err = record.FacilityCode(code(p)); err != nil {
			return wrong("the facility has letters that no code can have")
		}
	}
	if it.Service, err = day(v["service_date"]); err != nil {
		return wrong("service date: %v", err)
	}
	if it.Keep, err = day(v["keep_until"]); err != nil {
		return wrong("retention date: %v", err)
	}
	return it, nil
}

// code makes a type code of a type's name.
func code(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		if r < 128 {
			return '_'
		}
		return r
	}, name), "_")
}

// inside checks that a file's name stays below the root. Names of other systems
// come with backslashes and drives; a drive is dropped.
func inside(name string) (string, error) {
	name = strings.ReplaceAll(strings.TrimSpace(name), `\`, "/")
	if len(name) > 1 && name[1] == ':' {
		name = name[2:]
	}
	name = strings.TrimLeft(name, "/")
	if name == "" {
		return "", fmt.Errorf("no file is named")
	}
	clean := path.Clean(name)
	if clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(clean, 0) {
		return "", fmt.Errorf("the file lies outside the export")
	}
	return clean, nil
}

// day reads a date as exports write it: ours, MM/DD/YYYY or YYYYMMDD.
func day(s string) (record.Date, error) {
	s = strings.TrimSpace(s)
	if d, err := record.ParseDate(s); err == nil {
		return d, nil
	}
	for _, layout := range []string{"1/2/2006", "20060102", "2006-01-02 15:04:05", "1/2/2006 15:04:05", "1/2/2006 3:04:05 PM", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return record.DateOf(t), nil
		}
	}
	return record.Date{}, fmt.Errorf("want YYYY-MM-DD, MM/DD/YYYY or YYYYMMDD")
}
