// Package accounts says who may sign in to the pages, and what each role may
// do there.
//
// Its invariant: what no role allows is denied; nobody holds two roles that are
// kept apart; and nobody learns from an answer, or from how long it took,
// whether a name exists. Sessions and what fails are kept in memory only: they
// end with the process.
//
// Stored form: a user is an entry of the register (kind "user") and so of the
// audit log, sealed like all of those, as the JSON of User. The password is an argon2id hash in its usual
// text form (RFC 9106); nothing of a session is ever stored.
package accounts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// Role is what somebody does in the department.
type Role string

// Roles.
const (
	Scan     Role = "scan"     // scans, and looks after batches
	Records  Role = "records"  // settles what the machine doubts, corrects, looks charts up
	Release  Role = "release"  // answers requests
	Director Role = "director" // decides: holds, retention, ends
	Auditor  Role = "auditor"  // sees who saw what, and no chart
	Admin    Role = "admin"    // keeps it running, and sees no chart

	Clinician Role = "clinician" // cares for patients, and opens charts in an emergency only
)

// Roles lists them, in the order pages show them.
func Roles() []Role { return []Role{Scan, Records, Release, Director, Auditor, Clinician, Admin} }

// Right is one thing that can be allowed.
type Right string

// Rights.
const (
	SeeBatches   Right = "see batches"
	Settle       Right = "settle quality questions" // which shows the pages in doubt
	Correct      Right = "correct filed documents"
	OpenChart    Right = "open charts"
	SearchAll    Right = "search all charts"
	AnswerAsks   Right = "answer requests"             // and have their answers checked
	BreakGlass   Right = "open charts in an emergency" // for an hour, with a reason, reviewed after
	ReviewGlass  Right = "review emergencies"
	Import       Right = "import what other systems exported"
	Restrict     Right = "restrict charts" // to those who are named for them
	SeeHolds     Right = "see holds"
	PlaceHold    Right = "place holds"
	SeeRetention Right = "see what is due"
	ProposeEnds  Right = "propose what ends" // and take it back
	SetSchedule  Right = "draft and adopt schedules"
	ReleaseHold  Right = "ask for a hold's release"
	Approve      Right = "approve" // what another proposed
	SeeAudit     Right = "see the audit log"
	SeeAccess    Right = "see who saw a chart"
	SeeReports   Right = "see reports"
	SeeHealth    Right = "see health"
	KeepStations Right = "keep stations" // trust what scans, and trust it no more
	KeepUsers    Right = "keep users"
)

// rights is the table of threats and roles: deny is the default.
func rights() map[Right][]Role {
	return map[Right][]Role{
		SeeBatches:   {Scan, Records, Director},
		Settle:       {Records, Director},
		Correct:      {Records, Director},
		OpenChart:    {Records, Release, Director},
		SearchAll:    {Records, Director},
		AnswerAsks:   {Release, Director},
		BreakGlass:   {Records, Release, Director, Clinician}, // to the others only restricted charts are shut
		ReviewGlass:  {Director, Auditor},
		Restrict:     {Director},
		Import:       {Records, Director},
		SeeHolds:     {Records, Release, Director, Auditor},
		PlaceHold:    {Records, Release, Director, Auditor},
		SeeRetention: {Records, Director, Auditor},
		ProposeEnds:  {Records, Director},
		SetSchedule:  {Director},
		ReleaseHold:  {Director},
		Approve:      {Director, Auditor},
		SeeAudit:     {Auditor},
		SeeAccess:    {Director, Auditor},
		SeeReports:   {Director, Auditor},
		SeeHealth:    {Director, Auditor, Admin},
		KeepStations: {Admin},
		KeepUsers:    {Admin},
	}
}

// Rights lists every right, in a fixed order.
func Rights() []Right {
	return []Right{SeeBatches, Settle, Correct, OpenChart, SearchAll, Import, AnswerAsks, BreakGlass, ReviewGlass, Restrict, SeeHolds, PlaceHold, SeeRetention, ProposeEnds, SetSchedule, ReleaseHold, Approve, SeeAudit, SeeAccess, SeeReports, SeeHealth, KeepStations, KeepUsers}
}

// User is somebody who may sign in.
type User struct {
	Name     string       `json:"name"`
	Roles    []Role       `json:"roles"`
	Password string       `json:"password"`         // argon2id, as text; "" for whoever comes by way of the site's own sign-in alone
	Factor   string       `json:"factor,omitempty"` // the second factor's secret, base32; "" for none
	Disabled bool         `json:"disabled,omitempty"`
	By       record.Actor `json:"by"`
	Since    time.Time    `json:"since"`
	Tokens   []Token      `json:"tokens,omitempty"`
	Outside  *Subject     `json:"outside,omitempty"` // who they are to the site's own sign-in; nil for nobody

	Keys   []SecurityKey `json:"keys,omitempty"`
	Handle []byte        `json:"handle,omitempty"` // how keys name the user; of chance

	Shortcuts map[string]string `json:"shortcuts,omitempty"` // keys of the keyboard the user chose, by those they stand for
}

// Actor is how the log names the user.
func (u User) Actor() record.Actor { return record.Actor("user:" + u.Name) }

// May reports whether the user may do something.
func (u User) May(r Right) bool {
	if u.Disabled {
		return false
	}
	for _, role := range rights()[r] {
		if slices.Contains(u.Roles, role) {
			return true
		}
	}
	return false
}

// apart lists roles nobody may hold together: who keeps the system sees no
// chart, and who audits does not do what is audited.
func apart() [][2]Role {
	out := [][2]Role{}
	for _, r := range Roles() {
		if r != Admin {
			out = append(out, [2]Role{Admin, r})
		}
		if r != Auditor && r != Admin {
			out = append(out, [2]Role{Auditor, r})
		}
	}
	return out
}

// Check refuses a user that cannot be: record.ErrInvalid, in words.
func (u User) Check() error {
	if ok, err := regexp.MatchString(`^[a-z][a-z0-9._-]{1,31}$`, u.Name); err != nil || !ok {
		return fmt.Errorf("user: %w: a name has 2 to 32 small letters, digits, '.', '_' and '-'", record.ErrInvalid)
	}
	if len(u.Roles) == 0 {
		return fmt.Errorf("user %s: %w: give at least one role", u.Name, record.ErrInvalid)
	}
	for _, r := range u.Roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("user %s: %w: there is no role %q", u.Name, record.ErrInvalid, r)
		}
	}
	for _, p := range apart() {
		if slices.Contains(u.Roles, p[0]) && slices.Contains(u.Roles, p[1]) {
			return fmt.Errorf("user %s: %w: nobody is both %s and %s", u.Name, record.ErrInvalid, p[0], p[1])
		}
	}
	return nil
}

// minPassword is how long a password is that stands alone (NIST SP 800-63B-4,
// 3.1.1.2), in characters; maxPassword bounds what is hashed.
const (
	minPassword = 15
	maxPassword = 128
)

// CheckPassword refuses passwords that are guessed first: record.ErrInvalid.
// There are no rules of composition, and none expires.
func CheckPassword(name, password string) error {
	n := len([]rune(password))
	low := strings.ToLower(password)
	switch {
	case n < minPassword || n > maxPassword:
		return fmt.Errorf("password: %w: use %d to %d characters; a few words are easy to keep in mind", record.ErrInvalid, minPassword, maxPassword)
	case strings.Contains(low, name), strings.Count(low, low[:1]) == len(low):
		return fmt.Errorf("password: %w: it is too easy to guess", record.ErrInvalid)
	}
	for _, w := range []string{"chartvault", "password", "hospital", "123456789", "qwertyuiop", "medicalrecords"} {
		if rest := strings.ReplaceAll(low, w, ""); len(rest) < 6 {
			return fmt.Errorf("password: %w: it is too easy to guess", record.ErrInvalid)
		}
	}
	return nil
}
