package retention

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// Unit says what a new stay restarts.
type Unit string

// Units.
const (
	UnitChart     Unit = "chart"     // the whole chart: the safe reading, and Washington's and New Jersey's
	UnitEncounter Unit = "encounter" // only the stay a document belongs to
)

// Schedule is a site's rules, complete in itself: what it took from the rules
// shipped with the program is written out, so that another version of the
// program does not change it. It is immutable once made by ParseSchedule or
// Restore, and safe for concurrent use.
type Schedule struct {
	Format      int                 `json:"format"`  // 2
	Version     string              `json:"version"` // names it in plans and certificates
	Zones       []string            `json:"zones"`   // IANA names; a day has begun when it has in all of them
	Majority    int                 `json:"majority"`
	FiscalEnd   int                 `json:"fiscal_year_end"` // the month a fiscal year ends with, 1 to 12
	Unit        Unit                `json:"unit"`
	Use         []string            `json:"use,omitempty"`   // jurisdictions whose shipped rules are in it
	Types       map[string][]string `json:"types,omitempty"` // the document types of record classes
	Rules       []Rule              `json:"rules"`
	Confirms    []Confirm           `json:"confirms,omitempty"`
	Dropped     []Drop              `json:"dropped,omitempty"`
	Automations []Automation        `json:"automations,omitempty"`
	TwoPeople   []string            `json:"two_people,omitempty"` // acts of correction ("move", "split", "merge", "rotate", "date") a second person agrees to

	places []*time.Location
	byType map[string][]int // rules that cover a type, in order
	others []int            // rules that cover a type none of them names
}

// Confirm is a person's word for a rule of low confidence, or the period of
// one that leaves it to the site.
type Confirm struct {
	Rule   string `toml:"rule" json:"rule"`
	Years  int    `toml:"years" json:"years,omitempty"` // only for a rule that is open
	By     string `toml:"by" json:"by"`
	On     string `toml:"on" json:"on"`
	Reason string `toml:"reason" json:"reason"`
}

// Drop leaves one shipped rule out, with the reason a person gives.
type Drop struct {
	Rule   string `toml:"rule" json:"rule"`
	By     string `toml:"by" json:"by"`
	On     string `toml:"on" json:"on"`
	Reason string `toml:"reason" json:"reason"`
}

// Automation lets the daemon propose, or also execute, the end of one record
// class. It skips no check, and begins only with a standing approval.
type Automation struct {
	Name    string `toml:"name" json:"name"`
	Class   string `toml:"class" json:"class"`
	Propose bool   `toml:"propose" json:"propose"`
	Execute bool   `toml:"execute" json:"execute"`
}

// compile makes the look-ups decisions use. It is called once, by whoever made
// the schedule.
func (s *Schedule) compile() error {
	s.places = nil
	for _, z := range s.Zones {
		l, err := time.LoadLocation(z)
		if err != nil || z == "" || z == "Local" {
			return fmt.Errorf("zone %q is none of the IANA names, such as America/Chicago", z)
		}
		s.places = append(s.places, l)
	}
	s.byType, s.others = map[string][]int{}, nil
	for _, r := range s.Rules {
		for _, t := range r.Types {
			if t = strings.TrimPrefix(t, "-"); t != "*" {
				s.byType[t] = nil
			}
		}
	}
	for i, r := range s.Rules {
		for t := range s.byType {
			if r.Covers(t) {
				s.byType[t] = append(s.byType[t], i)
			}
		}
		if slices.Contains(r.Types, "*") {
			s.others = append(s.others, i)
		}
	}
	return nil
}

// Covers reports whether a rule is for documents of a type.
func (r *Rule) Covers(typ string) bool {
	if slices.Contains(r.Types, "-"+typ) {
		return false
	}
	return slices.Contains(r.Types, "*") || slices.Contains(r.Types, typ)
}

// covering returns the indices of the rules for a type.
func (s *Schedule) covering(typ string) []int {
	if is, ok := s.byType[typ]; ok {
		return is
	}
	return s.others
}

// InClass reports whether documents of a type belong to a record class.
func (s *Schedule) InClass(class, typ string) bool {
	r := Rule{Types: s.Types[class]}
	return r.Covers(typ)
}

// Rule returns the rule of an id, or nil.
func (s *Schedule) Rule(id string) *Rule {
	if i := slices.IndexFunc(s.Rules, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return &s.Rules[i]
	}
	return nil
}

// Today is the civil date at t: of the zone where the day is youngest, so that
// nothing ends while it is still protected somewhere on the site.
func (s *Schedule) Today(t time.Time) record.Date {
	if len(s.places) == 0 {
		return record.DateOf(t.UTC())
	}
	day := record.DateOf(t.In(s.places[0]))
	for _, l := range s.places[1:] {
		if d := record.DateOf(t.In(l)); day.After(d) {
			day = d
		}
	}
	return day
}

// Digest is the SHA-256 of the schedule's JSON, in hex: what people approve.
func (s *Schedule) Digest() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain data marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Restore reads a schedule's JSON, as the journal keeps it.
func Restore(b []byte) (*Schedule, error) {
	s := &Schedule{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("stored schedule: %w: %w", record.ErrCorrupt, err)
	}
	if s.Format != formatVersion {
		return nil, fmt.Errorf("stored schedule: %w: format %d, this program knows %d", record.ErrInvalid, s.Format, formatVersion)
	}
	if err := s.compile(); err != nil {
		return nil, fmt.Errorf("stored schedule: %w: %w", record.ErrCorrupt, err)
	}
	return s, nil
}

// Empty is the schedule of a site that has none: nothing is ever due.
func Empty() *Schedule {
	return &Schedule{Format: formatVersion, Zones: []string{"UTC"}, Majority: defaultMajority, FiscalEnd: 12, Unit: UnitChart, places: []*time.Location{time.UTC}}
}

// Named returns the document types the rules name, sorted.
func (s *Schedule) Named() []string { return slices.Sorted(maps.Keys(s.byType)) }
