package retention

import (
	"context"
	"errors"
	"fmt"

	"chartvault/record"
)

// Outcome is what became of one item of a plan.
type Outcome struct {
	Item    Item     `json:"item"`
	Done    bool     `json:"done"`
	Kept    []string `json:"kept,omitempty"`    // why it was not destroyed after all
	Locked  bool     `json:"locked,omitempty"`  // noise remains in the store until a retention lock ends
	Pending bool     `json:"pending,omitempty"` // over today's cap, or the run was interrupted
}

// Destroyer does what a run decides. Its methods may be repeated.
type Destroyer interface {
	// Recheck decides about an item again, from scratch: stored facts, present
	// holds, the schedule in force.
	Recheck(ctx context.Context, it Item) (Decision, error)
	// Destroy destroys an item and proves it gone. record.ErrHeld when a hold
	// was placed in the meantime; then nothing has been destroyed.
	Destroy(ctx context.Context, it Item) (locked bool, err error)
}

// Run executes a plan that is Ready: every item is decided again and destroyed
// only if it is still due. It stops at the cap and at the first error; calling
// it again goes on. done holds the outcomes of earlier runs.
func Run(ctx context.Context, p Plan, d Destroyer, limit int, done map[record.ID]Outcome) ([]Outcome, error) {
	out := make([]Outcome, 0, len(p.Items))
	destroyed := 0
	for i, it := range p.Items {
		if o, ok := done[it.Document]; ok && !o.Pending {
			out = append(out, o)
			continue
		}
		if destroyed >= limit {
			out = append(out, Outcome{Item: it, Pending: true})
			continue
		}
		o, err := runItem(ctx, it, d)
		if err != nil {
			for _, rest := range p.Items[i:] {
				out = append(out, Outcome{Item: rest, Pending: true})
			}
			return out, fmt.Errorf("plan %s: document %s: %w", p.ID, it.Document, err)
		}
		if o.Done {
			destroyed++
		}
		out = append(out, o)
	}
	return out, nil
}

func runItem(ctx context.Context, it Item, d Destroyer) (Outcome, error) {
	dec, err := d.Recheck(ctx, it)
	if errors.Is(err, record.ErrDestroyed) {
		return Outcome{Item: it, Done: true}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	if dec.Verdict != Due {
		return Outcome{Item: it, Kept: dec.Reasons}, nil
	}
	locked, err := d.Destroy(ctx, it)
	if errors.Is(err, record.ErrHeld) {
		return Outcome{Item: it, Kept: []string{"a hold was placed while the plan ran"}}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Item: it, Done: true, Locked: locked}, nil
}
