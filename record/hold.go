package record

import "time"

// Hold forbids the destruction of every document of a chart, also of those
// filed after it was placed, until it is released.
type Hold struct {
	ID         ID
	Chart      ChartNumber
	Matter     string // the matter's reference, such as a docket number; no patient's name
	Reason     string
	PlacedBy   Actor
	PlacedAt   time.Time
	ReleasedBy Actor
	ReleasedAt time.Time // zero while the hold is active
}

// Active reports whether the hold still binds.
func (h Hold) Active() bool { return h.ReleasedAt.IsZero() }

// Actor is who did something: "os:root", "approver:director", "daemon".
type Actor string

// Daemon is the actor of what the program does by itself.
const Daemon Actor = "daemon"
