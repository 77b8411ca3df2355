// Package pack holds the retention rules that are shipped with the program:
// United States federal law, the states and the District of Columbia, other
// countries, and AHIMA's recommendations, each rule with its citation, how
// surely it is known and when its source was last read. They are data a site
// chooses from, not legal advice.
//
// Its invariant: every file parses, and no two rules share an id.
//
// Stored form: TOML files in the format of retention.ParseRules. A schedule
// copies the rules it uses, so that a new version of this package changes no
// schedule in force.
package pack

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"chartvault/record"
	"chartvault/retention"
)

//go:embed *.toml
var files embed.FS

// Library is the shipped rules. It implements retention.Library.
type Library struct {
	codes   []string
	byCode  map[string]retention.Jurisdiction
	classes map[string][]string
}

// Open reads the shipped rules.
func Open() (*Library, error) { return read(files) }

func read(fsys fs.FS) (*Library, error) {
	l := &Library{byCode: map[string]retention.Jurisdiction{}, classes: map[string][]string{}}
	names, err := fs.Glob(fsys, "*.toml")
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		set, err := retention.ParseRules(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		maps.Copy(l.classes, set.Classes)
		for _, j := range set.Jurisdictions {
			if _, twice := l.byCode[j.Code]; twice || j.Code == "" {
				return nil, fmt.Errorf("%s: jurisdiction %q: %w: it has no code, or another has it", name, j.Code, record.ErrInvalid)
			}
			for _, r := range j.Rules {
				if ids[r.ID] {
					return nil, fmt.Errorf("%s: rule %q: %w: another has the id", name, r.ID, record.ErrInvalid)
				}
				ids[r.ID] = true
			}
			l.byCode[j.Code] = j
			l.codes = append(l.codes, j.Code)
		}
	}
	slices.SortFunc(l.codes, strings.Compare)
	return l, nil
}

// Jurisdiction implements retention.Library. The rules may be changed by the
// caller.
func (l *Library) Jurisdiction(code string) (retention.Jurisdiction, bool) {
	j, ok := l.byCode[code]
	j.Rules = slices.Clone(j.Rules)
	return j, ok
}

// Classes implements retention.Library.
func (l *Library) Classes() map[string][]string { return l.classes }

// Codes returns the codes of all jurisdictions, sorted.
func (l *Library) Codes() []string { return slices.Clone(l.codes) }
