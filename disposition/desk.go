package disposition

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"chartvault/record"
)

// Terms are the site's conditions for a destruction.
type Terms struct {
	CoolingOff  time.Duration // between the last approval and the execution
	DailyCap    int           // documents destroyed in any 24 hours
	MaxSkew     time.Duration // between clocks
	MaxGap      time.Duration // since the archive last did anything: longer, and its clock is doubted; with one clock also what deadlines wait for
	Fresh       time.Duration // how old a signature may be when it comes in
	ApproverAge time.Duration // how long somebody must have been an approver
	MaxShare    float64       // of the documents of a type, in one plan, before people must accept it
	ShareFloor  int           // types with fewer documents are not looked at
}

// DefaultTerms are seven days, fifty documents a day, clocks within five
// minutes and idle for at most a week, signatures of the last five minutes by
// approvers of seven days, and a quarter of the documents of a type.
func DefaultTerms() Terms {
	return Terms{CoolingOff: 7 * 24 * time.Hour, DailyCap: 50, MaxSkew: 5 * time.Minute, MaxGap: 7 * 24 * time.Hour,
		Fresh: 5 * time.Minute, ApproverAge: 7 * 24 * time.Hour, MaxShare: 0.25, ShareFloor: 20}
}

// Signer signs certificates.
type Signer interface {
	ID() string
	Sign(message []byte) []byte
}

// Desk is where people and the daemon act on the end of records. Its methods
// take one another's turn, so that no two acts interleave; only a run lets
// others act between two documents, and looks at what they changed.
type Desk struct {
	Register Register
	Holdings Holdings
	Clock    Clock
	Terms    Terms
	Signer   Signer
	Rand     io.Reader

	Facility   string        // printed on certificates
	Program    string        // "Chartvault v1.2": what destroys
	KeyHorizon time.Duration // how long backups of the keys place live
	KeyPlaces  int           // in how many places a key is destroyed

	// Progress, when set, is told of every item of a run.
	Progress func(Progress)

	// Where desks of several servers act on one archive: their common turns, for an
	// act and for an execution, and what has a run know what the others did.
	Acts, Runs sync.Locker
	Hear       func(context.Context) error

	runs    sync.Mutex    // one execution at a time, where Runs is not set
	mu      sync.Mutex    // one act at a time, where Acts is not set
	changes atomic.Uint64 // of what a run must look at again
}

// turn is what an act is done in.
func (d *Desk) turn() sync.Locker {
	if d.Acts != nil {
		return d.Acts
	}
	return &d.mu
}

// running is what an execution is done in.
func (d *Desk) running() sync.Locker {
	if d.Runs != nil {
		return d.Runs
	}
	return &d.runs
}

// Changed says that what a run looks at may have changed elsewhere.
func (d *Desk) Changed() { d.changes.Add(1) }

// Progress is how far the execution of a plan has come.
type Progress struct {
	Plan      record.ID
	Done, Of  int // items looked at, and in all
	Destroyed int // in this run
}

// newID draws an id.
func (d *Desk) newID() (record.ID, error) { return record.NewID(d.Rand) }

// now is the desk's own clock, to the millisecond: for what people do, not for
// what is destroyed.
func (d *Desk) now() time.Time { return d.Clock.Now().UTC().Truncate(time.Millisecond) }

// digest is the SHA-256 of v's JSON, in hex.
func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canaryCharts returns the charts that must never be due.
func (d *Desk) canaryCharts(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	err := d.Register.Each(ctx, KindCanary, func(e Entry) error {
		var c Canary
		if err := e.Into(&c); err != nil {
			return err
		}
		out[string(c.Chart)] = true
		return nil
	}, stateActive)
	return out, err
}
