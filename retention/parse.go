package retention

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"chartvault/record"
)

// formatVersion is the version of the file format this program reads.
const formatVersion = 2

// defaultMajority is the age of majority but in Alabama and Nebraska (19) and
// Mississippi (21).
const defaultMajority = 18

// Jurisdiction is the rules of one law-giver or adviser, as they are shipped.
type Jurisdiction struct {
	Code     string // "US-TX"
	Name     string
	Majority int // 0 where the law of another place says it
	Rules    []Rule
	Notes    []string // what its law says that is no period
}

// Library gives the rules shipped with the program.
type Library interface {
	// Jurisdiction returns the rules of a code; false when there are none.
	Jurisdiction(code string) (Jurisdiction, bool)
	// Classes maps the record classes of shipped rules to document types.
	Classes() map[string][]string
}

// None is a Library without rules.
type None struct{}

// Jurisdiction implements Library.
func (None) Jurisdiction(string) (Jurisdiction, bool) { return Jurisdiction{}, false }

// Classes implements Library.
func (None) Classes() map[string][]string { return nil }

// scheduleFile is a schedule as a person writes it (docs/retention.md).
type scheduleFile struct {
	Format        int                 `toml:"format"`
	Version       string              `toml:"version"`
	Zone          string              `toml:"zone"`
	AlsoZones     []string            `toml:"also_zones"`
	Majority      int                 `toml:"majority"`
	FiscalYearEnd int                 `toml:"fiscal_year_end"`
	Unit          Unit                `toml:"unit"`
	Use           []string            `toml:"use"`
	Types         map[string][]string `toml:"types"`
	Rules         []ruleFile          `toml:"rule"`
	Confirms      []Confirm           `toml:"confirm"`
	Drops         []Drop              `toml:"drop"`
	Automations   []Automation        `toml:"automation"`
	TwoPeople     []string            `toml:"two_people"`
}

// ParseSchedule reads a schedule file and takes the rules it uses from lib.
// The error (record.ErrInvalid) has one line for every problem and says what to
// write instead. A schedule without rules is valid and makes nothing due.
func ParseSchedule(text string, lib Library) (*Schedule, error) {
	var f scheduleFile
	md, err := toml.Decode(text, &f)
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("retention schedule: %w: line %d: %s", record.ErrInvalid, pe.Position.Line, pe.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("retention schedule: %w: %w", record.ErrInvalid, err)
	}
	p := &parser{file: f, lib: lib}
	for _, k := range md.Undecoded() {
		p.wrong("unknown key %s", k)
	}
	p.head()
	p.take()
	p.own()
	p.decisions()
	p.classes()
	p.automations()
	if err := p.out.compile(); err != nil {
		p.wrong("%v", err)
	}
	if len(p.problems) > 0 {
		return nil, fmt.Errorf("retention schedule: %w:\n  %s", record.ErrInvalid, strings.Join(p.problems, "\n  "))
	}
	return &p.out, nil
}

// parser turns a file into a schedule, and collects what is wrong with it.
type parser struct {
	file     scheduleFile
	lib      Library
	out      Schedule
	problems []string
}

func (p *parser) wrong(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

func (p *parser) head() {
	f := &p.file
	if any := len(f.Rules) + len(f.Use); any > 0 && f.Version == "" {
		p.wrong(`it has rules and no version: write version = "2026-1", which plans and certificates will name`)
	}
	if f.Format != formatVersion {
		p.wrong("format = %d; this program reads format = %d", f.Format, formatVersion)
	}
	if !slices.Contains([]Unit{"", UnitChart, UnitEncounter}, f.Unit) {
		p.wrong("no unit %q; there are chart and encounter", f.Unit)
	}
	if f.FiscalYearEnd < 0 || f.FiscalYearEnd > 12 {
		p.wrong("fiscal_year_end is a month, 1 to 12")
	}
	if f.Majority < 0 || f.Majority > 25 {
		p.wrong("majority is an age, such as 18")
	}
	p.out = Schedule{Format: formatVersion, Version: f.Version, Zones: append([]string{cmp.Or(f.Zone, "UTC")}, f.AlsoZones...),
		FiscalEnd: cmp.Or(f.FiscalYearEnd, 12), Unit: cmp.Or(f.Unit, UnitChart), Use: f.Use, Types: map[string][]string{},
		Confirms: f.Confirms, Dropped: f.Drops, Automations: f.Automations, TwoPeople: f.TwoPeople}
	for _, act := range f.TwoPeople {
		if !slices.Contains([]string{"move", "split", "merge", "rotate", "date"}, act) {
			p.wrong("two_people has %q; there are move, split, merge, rotate and date", act)
		}
	}
}

// take copies the rules of the jurisdictions in use.
func (p *parser) take() {
	most := 0
	for _, code := range p.file.Use {
		j, ok := p.lib.Jurisdiction(code)
		if !ok {
			p.wrong(`use: no rules of %q are shipped; "chartvault retention rules" lists those that are`, code)
			continue
		}
		most = max(most, j.Majority)
		p.out.Rules = append(p.out.Rules, j.Rules...)
		if p.file.Majority != 0 && p.file.Majority < j.Majority {
			p.wrong("majority = %d, but it is %d in %s", p.file.Majority, j.Majority, j.Name)
		}
	}
	p.out.Majority = cmp.Or(p.file.Majority, most, defaultMajority)
}

// own adds the site's rules.
func (p *parser) own() {
	for i, f := range p.file.Rules {
		r, problems := f.rule()
		for _, s := range problems {
			p.wrong("rule %d %q: %s", i+1, f.ID, s)
		}
		p.out.Rules = append(p.out.Rules, r)
	}
	seen := map[string]bool{}
	for _, r := range p.out.Rules {
		if seen[r.ID] {
			p.wrong("two rules have the id %q", r.ID)
		}
		seen[r.ID] = true
	}
}

// decisions applies what people confirmed and left out.
func (p *parser) decisions() {
	for _, d := range p.file.Drops {
		i := slices.IndexFunc(p.out.Rules, func(r Rule) bool { return r.ID == d.Rule })
		if i < 0 {
			p.wrong("drop: no rule %q", d.Rule)
			continue
		}
		if d.By == "" || d.On == "" || d.Reason == "" {
			p.wrong("drop %q: say by whom, on which day and for what reason", d.Rule)
		}
		p.out.Rules = slices.Delete(slices.Clone(p.out.Rules), i, i+1)
	}
	for _, c := range p.file.Confirms {
		i := slices.IndexFunc(p.out.Rules, func(r Rule) bool { return r.ID == c.Rule })
		if i < 0 {
			p.wrong("confirm: no rule %q", c.Rule)
			continue
		}
		if c.By == "" || c.On == "" || c.Reason == "" {
			p.wrong("confirm %q: say by whom, on which day and for what reason", c.Rule)
		}
		r := &p.out.Rules[i]
		switch {
		case r.Open && (c.Years < 1 || c.Years > 200):
			p.wrong("confirm %q: its law leaves the period to the site: give years", c.Rule)
			continue
		case !r.Open && c.Years != 0:
			p.wrong("confirm %q: its period is given by its law; years is for rules that leave it open", c.Rule)
		}
		if r.Open {
			r.Open, r.Clocks = false, []Clock{{r.Clocks[0].Trigger, c.Years}}
		}
		r.Confirmed = true
	}
}

// classes maps record classes to document types.
func (p *parser) classes() {
	maps.Copy(p.out.Types, p.lib.Classes())
	for class, types := range p.file.Types {
		if !plainWord(class) {
			p.wrong("types: the class %q: use a-z, 0-9, '-', '_' and '.'", class)
		}
		types = slices.Clone(types)
		for i := range types {
			if s := typeProblem(&types[i]); s != "" {
				p.wrong("types: %s: %s", class, s)
			}
		}
		p.out.Types[class] = types
	}
	used := map[string]bool{}
	for i := range p.out.Rules {
		r := &p.out.Rules[i]
		if len(r.Types) == 0 {
			r.Types = slices.Clone(p.out.Types[r.Class])
		}
		used[r.Class], used[r.ReduceTo] = true, true
		if r.Notice != nil {
			used[r.Notice.Class] = true
		}
		if _, ok := p.out.Types[r.ReduceTo]; r.ReduceTo != "" && !ok {
			p.wrong("rule %q: reduce_to = %q: [types] does not say which documents that is", r.ID, r.ReduceTo)
		}
	}
	for _, a := range p.file.Automations {
		used[a.Class] = true
	}
	for class := range p.out.Types {
		if _, own := p.file.Types[class]; !used[class] && own {
			p.wrong("types: no rule is for the class %q", class)
		}
		if !used[class] {
			delete(p.out.Types, class)
		}
	}
}

func (p *parser) automations() {
	seen := map[string]bool{}
	for _, a := range p.file.Automations {
		switch {
		case !plainWord(a.Name):
			p.wrong("automation: give it a name of a-z, 0-9, '-', '_' and '.'")
		case seen[a.Name]:
			p.wrong("two automations have the name %q", a.Name)
		case !slices.ContainsFunc(p.out.Rules, func(r Rule) bool { return r.Class == a.Class }):
			p.wrong("automation %q: no rule is for the class %q", a.Name, a.Class)
		case !a.Propose:
			p.wrong("automation %q: what executes must propose: write propose = true", a.Name)
		}
		seen[a.Name] = true
	}
}

// Idle returns the ids of rules that cover no document type, because the
// schedule does not say which types their class is.
func (s *Schedule) Idle() []string {
	var out []string
	for _, r := range s.Rules {
		if len(r.Types) == 0 {
			out = append(out, r.ID)
		}
	}
	return out
}

// RuleSet is a file of shipped rules: jurisdictions, each with its rules.
type RuleSet struct {
	Jurisdictions []Jurisdiction
	Classes       map[string][]string
}

// ParseRules reads a file of shipped rules. Errors as ParseSchedule's.
func ParseRules(text string) (RuleSet, error) {
	var f struct {
		Format        int                 `toml:"format"`
		Types         map[string][]string `toml:"types"`
		Jurisdictions []struct {
			Code     string     `toml:"code"`
			Name     string     `toml:"name"`
			Majority int        `toml:"majority"`
			Notes    []string   `toml:"notes"`
			Rules    []ruleFile `toml:"rule"`
		} `toml:"jurisdiction"`
	}
	md, err := toml.Decode(text, &f)
	if err != nil {
		return RuleSet{}, fmt.Errorf("shipped rules: %w: %w", record.ErrInvalid, err)
	}
	var problems []string
	for _, k := range md.Undecoded() {
		problems = append(problems, "unknown key "+k.String())
	}
	if f.Format != formatVersion {
		problems = append(problems, fmt.Sprintf("format = %d, want %d", f.Format, formatVersion))
	}
	out := RuleSet{Classes: f.Types}
	for _, fj := range f.Jurisdictions {
		j := Jurisdiction{Code: fj.Code, Name: fj.Name, Majority: fj.Majority, Notes: fj.Notes}
		for _, fr := range fj.Rules {
			r, ps := fr.rule()
			for _, s := range ps {
				problems = append(problems, fmt.Sprintf("%s: rule %q: %s", fj.Code, fr.ID, s))
			}
			r.Jurisdiction = fj.Code
			j.Rules = append(j.Rules, r)
		}
		out.Jurisdictions = append(out.Jurisdictions, j)
	}
	if len(problems) > 0 {
		return out, fmt.Errorf("shipped rules: %w:\n  %s", record.ErrInvalid, strings.Join(problems, "\n  "))
	}
	return out, nil
}
