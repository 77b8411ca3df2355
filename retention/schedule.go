package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"chartvault/record"
)

// Trigger is the event a period runs from.
type Trigger string

// Triggers.
const (
	OnLastEncounter Trigger = "last_encounter" // the chart's most recent encounter: a new one restarts the whole chart
	OnServiceDate   Trigger = "service_date"   // the document's own
	OnMajority      Trigger = "majority"       // the patient comes of age
	OnBirthday      Trigger = "birthday"       // the patient's Nth birthday; years is N
	OnDeath         Trigger = "death"
	Permanent       Trigger = "permanent" // never
)

// Population says whose documents a rule is for.
type Population string

// Populations. A minor's document is one made while the patient was a minor.
const (
	Anyone   Population = "any"
	Adults   Population = "adult"
	Minors   Population = "minor"
	Deceased Population = "deceased"
)

// Rule is one clock.
type Rule struct {
	ID         string     `toml:"id" json:"id"`
	Types      []string   `toml:"types" json:"types"` // document types; "*" for all
	Population Population `toml:"population" json:"population"`
	Trigger    Trigger    `toml:"trigger" json:"trigger"`
	Years      int        `toml:"years" json:"years"`
	Citation   string     `toml:"citation" json:"citation"`
	VerifiedOn string     `toml:"verified_on" json:"verified_on"` // when somebody last read the source
	Confidence string     `toml:"confidence" json:"confidence"`   // "high", "medium" or "low"
	Confirmed  bool       `toml:"confirmed" json:"confirmed"`     // a person answers for a rule of low confidence
}

// Schedule is a site's rules.
type Schedule struct {
	Version  string `toml:"version" json:"version"`
	Zone     string `toml:"zone" json:"zone"`         // IANA name; civil dates are of this zone
	Majority int    `toml:"majority" json:"majority"` // age; 0 means 18
	Rules    []Rule `toml:"rule" json:"rules"`

	location *time.Location
}

// ParseSchedule reads a schedule file. Unknown keys and values are errors that
// name the rule; a schedule without rules is valid and makes nothing due.
func ParseSchedule(text string) (*Schedule, error) {
	s := &Schedule{}
	md, err := toml.Decode(text, s)
	if err != nil {
		return nil, fmt.Errorf("retention schedule: %w: %w", record.ErrInvalid, err)
	}
	if un := md.Undecoded(); len(un) > 0 {
		return nil, fmt.Errorf("retention schedule: %w: unknown key %s", record.ErrInvalid, un[0])
	}
	if len(s.Rules) > 0 && s.Version == "" {
		return nil, fmt.Errorf("retention schedule: %w: it has no version", record.ErrInvalid)
	}
	if s.location, err = time.LoadLocation(cmp.Or(s.Zone, "UTC")); err != nil {
		return nil, fmt.Errorf("retention schedule: %w: zone %q", record.ErrInvalid, s.Zone)
	}
	s.Majority = cmp.Or(s.Majority, 18)
	seen := map[string]bool{}
	for i := range s.Rules {
		if err := s.Rules[i].check(); err != nil {
			return nil, fmt.Errorf("retention schedule: rule %d %q: %w: %w", i+1, s.Rules[i].ID, record.ErrInvalid, err)
		}
		if seen[s.Rules[i].ID] {
			return nil, fmt.Errorf("retention schedule: %w: two rules have the id %q", record.ErrInvalid, s.Rules[i].ID)
		}
		seen[s.Rules[i].ID] = true
	}
	return s, nil
}

func (r *Rule) check() error {
	r.Population = cmp.Or(r.Population, Anyone)
	r.Confidence = cmp.Or(r.Confidence, "low")
	if len(r.Types) == 0 {
		r.Types = []string{"*"}
	}
	switch {
	case r.ID == "":
		return fmt.Errorf("it has no id")
	case r.Citation == "":
		return fmt.Errorf("it has no citation: say what law or policy it comes from")
	case !slices.Contains([]Population{Anyone, Adults, Minors, Deceased}, r.Population):
		return fmt.Errorf("no population %q; there are any, adult, minor and deceased", r.Population)
	case !slices.Contains([]Trigger{OnLastEncounter, OnServiceDate, OnMajority, OnBirthday, OnDeath, Permanent}, r.Trigger):
		return fmt.Errorf("no trigger %q; there are last_encounter, service_date, majority, birthday, death and permanent", r.Trigger)
	case r.Trigger != Permanent && (r.Years < 0 || r.Years > 200 || r.Years == 0 && r.Trigger != OnMajority):
		return fmt.Errorf("years must be 1 to 200")
	case !slices.Contains([]string{"high", "medium", "low"}, r.Confidence):
		return fmt.Errorf("no confidence %q; there are high, medium and low", r.Confidence)
	}
	for i, t := range r.Types {
		if t == "*" {
			continue
		}
		code, err := record.TypeCode(t)
		if err != nil {
			return err
		}
		r.Types[i] = code
	}
	return nil
}

// Today is the civil date at t in the schedule's zone.
func (s *Schedule) Today(t time.Time) record.Date {
	if s.location == nil {
		return record.DateOf(t.UTC())
	}
	return record.DateOf(t.In(s.location))
}

func (r Rule) covers(typ string) bool {
	return slices.ContainsFunc(r.Types, func(t string) bool { return t == "*" || strings.EqualFold(t, typ) })
}
