package record

import "time"

// HoldKind says why something may not be destroyed. Kinds are stored.
type HoldKind string

// Kinds of holds. Legal and audit holds bind until two people release them;
// the others are open matters that end when the matter does.
const (
	HoldLegal     HoldKind = "legal"     // litigation or an order
	HoldAudit     HoldKind = "audit"     // an audit or investigation
	HoldRequest   HoldKind = "request"   // an open request for release of information
	HoldAmendment HoldKind = "amendment" // an open request to amend the record (45 CFR 164.526)
	HoldMerge     HoldKind = "merge"     // a merge of charts that is not resolved
	HoldMisfile   HoldKind = "misfile"   // a suspected misfile that is not resolved
	HoldQA        HoldKind = "qa"        // a document of the chart waits in QA; never stored
)

// TwoToRelease reports whether it takes two people to end a hold of the kind.
func (k HoldKind) TwoToRelease() bool { return k == HoldLegal || k == HoldAudit }

// HoldScope says what a hold binds: whatever meets every condition that is
// given, also when it is filed after the hold was placed. A document whose date
// of service is unknown meets every range of dates.
type HoldScope struct {
	Charts [][]byte `json:"charts,omitempty"` // opaque tokens
	Types  []string `json:"types,omitempty"`
	From   Date     `json:"from,omitzero"` // dates of service
	To     Date     `json:"to,omitzero"`
	Query  string   `json:"query,omitempty"` // a saved search: it may name a patient
}

// Empty reports whether no condition is given: such a hold would bind all.
func (s HoldScope) Empty() bool {
	return len(s.Charts) == 0 && len(s.Types) == 0 && s.From.IsZero() && s.To.IsZero() && s.Query == ""
}

// Hold forbids the destruction of what its scope describes, until it is
// released. Holds overlap; what one still binds stays.
type Hold struct {
	ID         ID        `json:"id"`
	Kind       HoldKind  `json:"kind"`
	Matter     string    `json:"matter"` // the matter's reference, such as a docket number; no patient's name
	Reason     string    `json:"reason"`
	Scope      HoldScope `json:"scope"`
	PlacedBy   Actor     `json:"placed_by"`
	PlacedAt   time.Time `json:"placed_at"`
	ReleasedBy []Actor   `json:"released_by,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"` // zero while it binds
	Why        string    `json:"release_reason,omitempty"`

	// Found is what a saved search finds now; nil where the scope has none.
	Found map[ID]bool `json:"-"`
}

// Active reports whether the hold still binds.
func (h Hold) Active() bool { return h.ReleasedAt.IsZero() }

// Actor is who did something: "os:root", "approver:director", "daemon".
type Actor string

// Daemon is the actor of what the program does by itself.
const Daemon Actor = "daemon"
