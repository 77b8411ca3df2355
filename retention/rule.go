package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"chartvault/record"
)

// Trigger is the event a period runs from.
type Trigger string

// Triggers. A trigger that begins with "event:" names a fact of its own.
const (
	OnDischarge             Trigger = "discharge"               // the most recent one: a new stay restarts the whole chart
	OnLastEncounter         Trigger = "last_encounter"          // the most recent contact of any kind
	OnLastEntry             Trigger = "last_entry"              // the last entry in the record
	OnLastUse               Trigger = "last_use"                // the last use of the record for the patient's care
	OnServiceDate           Trigger = "service_date"            // the document's own
	OnRecordCreated         Trigger = "record_created"          // of a record without a date of service
	OnCalendarYearEnd       Trigger = "calendar_year_end"       // the end of the year of the date of service
	OnMajority              Trigger = "majority"                // the patient comes of age
	OnBirthday              Trigger = "birthday"                // the patient's Nth birthday; years is N
	OnDeath                 Trigger = "death"                   //
	OnEmploymentEnd         Trigger = "employment_end"          //
	OnCaseClosed            Trigger = "case_closed"             //
	OnDocumentLastEffective Trigger = "document_last_effective" //
	onEvent                         = "event:"
)

func triggers() []Trigger {
	return []Trigger{OnDischarge, OnLastEncounter, OnLastEntry, OnLastUse, OnServiceDate, OnRecordCreated, OnCalendarYearEnd,
		OnMajority, OnBirthday, OnDeath, OnEmploymentEnd, OnCaseClosed, OnDocumentLastEffective}
}

// Population says whose documents a rule is for. A name that is none of these
// constants is answered by a fact: the rule applies unless the fact says no.
type Population string

// Populations. A minor's document is one made while the patient was a minor;
// the clock of adults runs for minors too.
const (
	Anyone         Population = "any"
	Adults         Population = "adult"
	Minors         Population = "minor"
	Deceased       Population = "deceased"
	SeventeenAtEnd Population = "minor_17_at_end" // the patient was 17 when the treatment ended
)

// CutOff moves a trigger's date to the end of a period before years are added.
type CutOff string

// Cut-offs.
const (
	NoCutOff          CutOff = "none"
	EndOfMonth        CutOff = "end_of_month"
	EndOfCalendarYear CutOff = "end_of_calendar_year"
	EndOfFiscalYear   CutOff = "end_of_fiscal_year"
)

// Combine says which of a rule's clocks counts.
type Combine string

// Combinations.
const (
	AllOf Combine = "all_of" // the latest: every clock must have run out
	AnyOf Combine = "any_of" // the earliest: one is enough, because the law says so
)

// Clock is one period: whole years after an event.
type Clock struct {
	Trigger Trigger `toml:"trigger" json:"trigger"`
	Years   int     `toml:"years" json:"years"`
}

// Notice must be given, and its evidence put on file, before what a rule
// covers is destroyed.
type Notice struct {
	Audience string `toml:"audience" json:"audience"`     // who is told: "patient", "public", an authority
	Method   string `toml:"method" json:"method"`         // how
	LeadDays int    `toml:"lead_days" json:"lead_days"`   // between the notice and the destruction
	Class    string `toml:"class" json:"class,omitempty"` // only for this record class; "" for all the rule covers
	Citation string `toml:"citation" json:"citation"`     // the law that asks for it
}

// Rule is one requirement of a law or a policy. Its periods are facts with a
// citation, never code.
type Rule struct {
	ID           string      `json:"id"`
	Jurisdiction string      `json:"jurisdiction,omitempty"` // "US-TX"; "" for a rule of the site
	Class        string      `json:"class"`                  // the record class, which the schedule maps to document types
	Types        []string    `json:"types"`                  // what the class came to; "*" for all, "-TYPE" takes one out
	Population   Population  `json:"population"`
	Combine      Combine     `json:"combine,omitempty"`
	Clocks       []Clock     `json:"clocks,omitempty"` // none when permanent
	Floor        []Clock     `json:"floor,omitempty"`  // never before these, whatever the clocks say
	Permanent    bool        `json:"permanent,omitempty"`
	Open         bool        `json:"open,omitempty"` // the law leaves the period to the site; never due until it is set
	CutOff       CutOff      `json:"cut_off,omitempty"`
	From         record.Date `json:"from,omitzero"`       // covers records made on or after
	Until        record.Date `json:"until,omitzero"`      // covers records made on or before
	ReduceTo     string      `json:"reduce_to,omitempty"` // the record class that must remain when the rest goes
	Notice       *Notice     `json:"notice,omitempty"`
	Citation     string      `json:"citation"`
	VerifiedOn   string      `json:"verified_on"`         // when somebody last read the source; "" for never
	Confidence   string      `json:"confidence"`          // "high", "medium" or "low"
	Confirmed    bool        `json:"confirmed,omitempty"` // a person answers for a rule of low confidence
	Note         string      `json:"note,omitempty"`
}

// ruleFile is a rule as a file writes it.
type ruleFile struct {
	ID         string   `toml:"id"`
	Class      string   `toml:"class"`
	Types      []string `toml:"types"`
	Population string   `toml:"population"`
	Trigger    Trigger  `toml:"trigger"`
	Years      int      `toml:"years"`
	AllOf      []Clock  `toml:"all_of"`
	AnyOf      []Clock  `toml:"any_of"`
	Floor      []Clock  `toml:"floor"`
	Permanent  bool     `toml:"permanent"`
	Open       bool     `toml:"open"`
	CutOff     string   `toml:"cut_off"`
	From       string   `toml:"from"`
	Until      string   `toml:"until"`
	ReduceTo   string   `toml:"reduce_to"`
	Notice     *Notice  `toml:"notice"`
	Citation   string   `toml:"citation"`
	VerifiedOn string   `toml:"verified_on"`
	Confidence string   `toml:"confidence"`
	Confirmed  bool     `toml:"confirmed"`
	Note       string   `toml:"note"`
}

// rule checks what was written and returns it in the form decisions use. Every
// problem is a sentence that says what to write instead.
func (f ruleFile) rule() (r Rule, problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	r = Rule{ID: f.ID, Class: f.Class, Types: slices.Clone(f.Types), Population: Population(cmp.Or(f.Population, string(Anyone))),
		Floor: f.Floor, Permanent: f.Permanent, Open: f.Open, CutOff: CutOff(cmp.Or(f.CutOff, string(NoCutOff))), ReduceTo: f.ReduceTo, Notice: f.Notice,
		Citation: strings.TrimSpace(f.Citation), VerifiedOn: f.VerifiedOn, Confidence: cmp.Or(f.Confidence, "low"), Confirmed: f.Confirmed, Note: f.Note}
	forms := 0
	if f.Trigger != "" {
		forms++
		r.Combine, r.Clocks = AllOf, []Clock{{f.Trigger, f.Years}}
	} else if f.Years != 0 {
		wrong("years says how long, and no trigger says from when")
	}
	if len(f.AllOf) > 0 {
		forms++
		r.Combine, r.Clocks = AllOf, f.AllOf
	}
	if len(f.AnyOf) > 0 {
		forms++
		r.Combine, r.Clocks = AnyOf, f.AnyOf
	}
	if f.Permanent {
		forms++
		if len(f.Floor) > 0 {
			wrong("a permanent rule needs no floor")
		}
	}
	if forms != 1 {
		wrong("it needs exactly one of trigger, all_of, any_of and permanent")
	}
	if f.Open && (f.Permanent || len(r.Clocks) != 1) {
		wrong("open leaves the years of one trigger to the site: give that trigger")
	}
	for _, c := range slices.Concat(r.Clocks, r.Floor) {
		if p := c.problem(f.Open); p != "" {
			wrong("%s", p)
		}
	}
	r.checkWords(wrong)
	var err error
	if r.From, err = record.ParseDate(f.From); err != nil {
		wrong("from: write a date as 2019-09-01")
	}
	if r.Until, err = record.ParseDate(f.Until); err != nil {
		wrong("until: write a date as 2019-09-01")
	}
	return r, problems
}

func (c Clock) problem(open bool) string {
	switch {
	case !slices.Contains(triggers(), c.Trigger) && (!strings.HasPrefix(string(c.Trigger), onEvent) || !plainWord(strings.TrimPrefix(string(c.Trigger), onEvent))):
		return fmt.Sprintf("no trigger %q; there are %s, and event:NAME", c.Trigger, list(triggers()))
	case open && c.Years != 0:
		return "open leaves the years to the site: write none"
	case open:
		return ""
	case c.Years < 0 || c.Years > 200:
		return fmt.Sprintf("years must be 0 to 200, not %d", c.Years)
	case c.Years == 0 && c.Trigger != OnMajority:
		return fmt.Sprintf("%s and 0 years keep nothing; only majority may stand with 0", c.Trigger)
	}
	return ""
}

func (r *Rule) checkWords(wrong func(string, ...any)) {
	if !plainWord(r.ID) {
		wrong("its id must be 1 to 80 of a-z, 0-9, '-', '_' and '.'")
	}
	if r.Class == "" && len(r.Types) == 0 {
		wrong("it names neither a class nor types, so it covers nothing")
	}
	if r.Class != "" && !plainWord(r.Class) {
		wrong("class: use a-z, 0-9, '-', '_' and '.'")
	}
	if r.Citation == "" {
		wrong("it has no citation: say what law or policy it comes from")
	}
	if !plainWord(string(r.Population)) {
		wrong("no population %q; there are any, adult, minor, deceased, minor_17_at_end, and names that a fact answers", r.Population)
	}
	if !slices.Contains([]CutOff{NoCutOff, EndOfMonth, EndOfCalendarYear, EndOfFiscalYear}, r.CutOff) {
		wrong("no cut_off %q; there are none, end_of_month, end_of_calendar_year and end_of_fiscal_year", r.CutOff)
	}
	if !slices.Contains([]string{"high", "medium", "low"}, r.Confidence) {
		wrong("no confidence %q; there are high, medium and low", r.Confidence)
	}
	if _, err := record.ParseDate(r.VerifiedOn); err != nil {
		wrong("verified_on: write when somebody read the source, as 2026-11-01 or 2026-11, or nothing")
	}
	if n := r.Notice; n != nil && (n.Audience == "" || n.Method == "" || n.Citation == "" || n.LeadDays < 0 || n.LeadDays > 3660) {
		wrong("notice: it needs audience, method, citation, and lead_days from 0 to 3660")
	}
	for i, t := range r.Types {
		if p := typeProblem(&r.Types[i]); p != "" {
			wrong("types: %s in %q", p, t)
		}
	}
}

// typeProblem checks a member of a list of types and writes it as it is stored.
func typeProblem(t *string) string {
	if *t == "*" {
		return ""
	}
	minus := strings.HasPrefix(*t, "-")
	code, err := record.TypeCode(strings.TrimPrefix(*t, "-"))
	if err != nil {
		return "want letters, digits and underscores"
	}
	if *t = code; minus {
		*t = "-" + code
	}
	return ""
}

// plainWord reports whether s may name a rule, a class, a population or an event.
func plainWord(s string) bool {
	return s != "" && len(s) <= 80 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

func list[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
