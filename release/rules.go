package release

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"

	"chartvault/record"
)

//go:embed rules.toml
var defaultRules string

// Authority is what somebody must have to be given a record.
type Authority string

// Authorities, as rules.toml describes them.
const (
	ByIdentity       Authority = "identity"
	ByRepresentation Authority = "representative"
	ByRelationship   Authority = "relationship"
	ByAuthorisation  Authority = "authorisation"
	ByOrder          Authority = "order"
	BySubpoena       Authority = "subpoena"
	ByOfficial       Authority = "official"
)

// authorities lists them.
func authorities() []Authority {
	return []Authority{ByIdentity, ByRepresentation, ByRelationship, ByAuthorisation, ByOrder, BySubpoena, ByOfficial}
}

// Class is a class of requesters.
type Class struct {
	ID          string    `toml:"id" json:"id"`
	Name        string    `toml:"name" json:"name"`
	Authority   Authority `toml:"authority" json:"authority"`
	Accounted   bool      `toml:"accounted" json:"accounted"`     // in the accounting of disclosures
	Minimum     bool      `toml:"minimum" json:"minimum"`         // no more than necessary
	Partial     bool      `toml:"partial" json:"partial"`         // what is left out must be explained
	Suspendable bool      `toml:"suspendable" json:"suspendable"` // may have the accounting suspended (164.528(a)(2))
	Types       []string  `toml:"types" json:"types"`             // offered first
	Fee         string    `toml:"fee" json:"fee"`                 // "" for none
	Cite        string    `toml:"cite" json:"cite"`
}

// Deadline is until when requests of some classes are answered.
type Deadline struct {
	State     string   `toml:"state" json:"state"` // postal code; "" for everywhere
	Classes   []string `toml:"classes" json:"classes"`
	Days      int      `toml:"days" json:"days"`
	Working   bool     `toml:"working" json:"working"`
	Extension int      `toml:"extension" json:"extension"` // days, once; 0 for none
	Cite      string   `toml:"cite" json:"cite"`
	Verified  string   `toml:"verified" json:"verified"`
}

// Sensitive is a class of pages that an authority must name.
type Sensitive struct {
	ID    string   `toml:"id" json:"id"`
	Name  string   `toml:"name" json:"name"`
	Types []string `toml:"types" json:"types"`
	Cues  []string `toml:"cues" json:"cues"`
	Own   bool     `toml:"own" json:"own"` // the patient, or who stands for them, needs no more for it
	Cite  string   `toml:"cite" json:"cite"`
}

// Fee is what a copy costs, in cents.
type Fee struct {
	ID   string `toml:"id" json:"id"`
	Base int    `toml:"base" json:"base"`
	Page int    `toml:"page" json:"page"` // each page
	Most int    `toml:"most" json:"most"` // at most; 0 for no bound
	Cite string `toml:"cite" json:"cite"`
}

// Rules are the law of a release, as data.
type Rules struct {
	Name      string      `toml:"name" json:"name"`
	Classes   []Class     `toml:"class" json:"classes"`
	Deadlines []Deadline  `toml:"deadline" json:"deadlines"`
	Sensitive []Sensitive `toml:"sensitive" json:"sensitive"`
	Fees      []Fee       `toml:"fee" json:"fees"`

	cues [][]string // of Sensitive, as words
}

// DefaultRules returns the rules that come with the program.
func DefaultRules() (*Rules, error) { return ParseRules(defaultRules) }

// ParseRules reads rules.toml. What it does not know, and what refers to
// nothing, is record.ErrInvalid.
func ParseRules(text string) (*Rules, error) {
	r := &Rules{}
	md, err := toml.Decode(text, r)
	if err != nil {
		return nil, fmt.Errorf("release rules: %w: %w", record.ErrInvalid, err)
	}
	if un := md.Undecoded(); len(un) > 0 {
		return nil, fmt.Errorf("release rules: %w: unknown key %s", record.ErrInvalid, un[0])
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	for _, s := range r.Sensitive {
		var cues []string
		for _, c := range s.Cues {
			cues = append(cues, words(c))
		}
		r.cues = append(r.cues, cues)
	}
	return r, nil
}

func (r *Rules) check() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("release rules: %w: "+format, append([]any{record.ErrInvalid}, args...)...)
	}
	seen := map[string]bool{}
	for _, c := range r.Classes {
		if c.ID == "" || c.Name == "" || c.Cite == "" || seen[c.ID] || c.ID == accountingClass {
			return invalid("class %q needs an id of its own, a name and a source", c.ID)
		}
		seen[c.ID] = true
		if !slices.Contains(authorities(), c.Authority) {
			return invalid("class %q has the unknown authority %q", c.ID, c.Authority)
		}
		if _, ok := r.fee(c.Fee); c.Fee != "" && !ok {
			return invalid("class %q names the fee %q, which there is not", c.ID, c.Fee)
		}
	}
	promise := false
	for _, d := range r.Deadlines {
		promise = promise || d.State == "" && len(d.Classes) == 0
		if d.Days < 1 || d.Days > 366 || d.Extension < 0 || d.Extension > 366 || d.Cite == "" {
			return invalid("a deadline has 1 to 366 days and a source")
		}
		for _, c := range d.Classes {
			if !seen[c] && c != accountingClass {
				return invalid("a deadline names the class %q, which there is not", c)
			}
		}
	}
	if !promise {
		return invalid("one deadline has neither state nor classes: it is for whoever no other one names")
	}
	for _, s := range r.Sensitive {
		if s.ID == "" || s.Name == "" || len(s.Types)+len(s.Cues) == 0 {
			return invalid("sensitive class %q needs a name, and types or cues", s.ID)
		}
	}
	for _, f := range r.Fees {
		if f.Base < 0 || f.Page < 0 || f.Most < 0 {
			return invalid("fee %q is negative", f.ID)
		}
	}
	return nil
}

// Class returns a class of requesters; record.ErrInvalid for one there is not.
func (r *Rules) Class(id string) (Class, error) {
	for _, c := range r.Classes {
		if c.ID == id {
			return c, nil
		}
	}
	return Class{}, fmt.Errorf("requester class: %w: there is none %q", record.ErrInvalid, id)
}

func (r *Rules) sensitive(id string) (Sensitive, bool) {
	for _, s := range r.Sensitive {
		if s.ID == id {
			return s, true
		}
	}
	return Sensitive{}, false
}

func (r *Rules) fee(id string) (Fee, bool) {
	for _, f := range r.Fees {
		if f.ID == id {
			return f, true
		}
	}
	return Fee{}, false
}

// Cost is what a copy of so many pages costs, in cents.
func (f Fee) Cost(pages int) int {
	c := f.Base + pages*f.Page
	if f.Most > 0 {
		c = min(c, f.Most)
	}
	return c
}

// Labels says of which sensitive classes a page is, by the type of its document
// and by its words. Handwriting has no words: a person looks as well.
func (r *Rules) Labels(typ, text string) []string {
	var out []string
	said := words(text)
	for i, s := range r.Sensitive {
		if slices.Contains(s.Types, typ) || slices.ContainsFunc(r.cues[i], func(c string) bool { return strings.Contains(said, c) }) {
			out = append(out, s.ID)
		}
	}
	return out
}

// words is a text in small letters with one blank before and after each word,
// so that one phrase contains another exactly when its words do. What joins
// letters and digits ("HIV-1") parts words too.
func words(s string) string {
	return " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), " ") + " "
}
