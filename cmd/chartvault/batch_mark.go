package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// kindBatchMark is the register of what people said about batches, by batch; an
// entry counts while it is stateMarked.
const (
	kindBatchMark = "batch-mark"
	stateMarked   = "marked"
	stateUnmarked = "unmarked"
)

// batchMark is what people said about a batch.
type batchMark struct {
	Batch  string       `json:"batch"`
	Keeper string       `json:"keeper,omitempty"` // the user who has its questions in hand; "" for nobody
	Urgent bool         `json:"urgent,omitempty"` // its questions come first
	By     record.Actor `json:"by"`
	At     time.Time    `json:"at"`
}

// Acts on a batch.
const (
	batchTake   = "take"   // its questions are whoever asks's, and nobody else's
	batchLeave  = "leave"  // they are everybody's again, whoever had them
	batchUrgent = "urgent" // they come before all others
	batchUsual  = "usual"  // they do not
)

// batchActParams are an act on a batch.
type batchActParams struct {
	ID  record.ID `json:"id"`
	Act string    `json:"act"` // take, leave, urgent or usual
}

// marks is what people said about batches, by batch.
func (a *app) marks(ctx context.Context) (map[string]batchMark, error) {
	out := map[string]batchMark{}
	es, err := a.cat.EntriesIn(ctx, kindBatchMark, stateMarked)
	err = eachEntry(es, err, func(m batchMark) error {
		out[m.Batch] = a.kept(ctx, m)
		return nil
	})
	return out, err
}

// kept is what was said about a batch without a keeper who may not settle any more:
// they keep nothing from others.
func (a *app) kept(ctx context.Context, m batchMark) batchMark {
	if m.Keeper == "" {
		return m
	}
	may, err := a.may(ctx, accounts.User{Name: m.Keeper}.Actor(), accounts.Settle)
	if err != nil { // a damaged entry of one user stops no list
		a.log.ErrorContext(ctx, "whether somebody may settle is not known", "err", err)
	}
	if !may {
		m.Keeper = ""
	}
	return m
}

// may reports whether somebody may do something; whoever works on the server itself
// does not sign in, and may.
func (a *app) may(ctx context.Context, who record.Actor, right accounts.Right) (bool, error) {
	name := signedIn(who)
	if name == "" {
		return true, nil
	}
	u, err := (people{a}).User(ctx, name)
	if errors.Is(err, record.ErrNotFound) {
		return false, nil
	}
	return err == nil && u.May(right), err
}

// mark is what counts of what people said about a batch.
func (a *app) mark(ctx context.Context, id record.ID) (batchMark, error) {
	m, err := a.marked(ctx, id)
	return a.kept(ctx, m), err
}

// marked is what people said about a batch, whoever they are now; without a keeper
// and not urgent where nobody said anything.
func (a *app) marked(ctx context.Context, id record.ID) (m batchMark, err error) {
	e, err := a.cat.Entry(ctx, kindBatchMark, id.String())
	if errors.Is(err, record.ErrNotFound) {
		return batchMark{Batch: id.String()}, nil
	}
	if err != nil {
		return m, err
	}
	return m, into(e, &m)
}

// opBatchMark takes a batch in hand, leaves it, or says whether it is urgent.
func (a *app) opBatchMark(ctx context.Context, r asked, out func(any) error) error {
	var p batchActParams
	if err := r.params(&p); err != nil {
		return err
	}
	b, err := a.cat.Batch(ctx, p.ID)
	ends := p.Act == batchLeave || p.Act == batchUsual
	if err != nil && !(ends && errors.Is(err, record.ErrNotFound)) { // of one that was forgotten it can be ended
		return fmt.Errorf("batch %s: %w", p.ID, err)
	}
	b.ID = p.ID
	a.markMu.Lock()
	defer a.markMu.Unlock()
	m, err := a.mark(ctx, p.ID)
	if err != nil {
		return err
	}
	me := signedIn(r.Actor)
	switch p.Act {
	case batchTake:
		if me == "" {
			return fmt.Errorf("batch %s: %w: whoever takes it signs in to the pages", p.ID, record.ErrInvalid)
		}
		if may, err := a.may(ctx, r.Actor, accounts.Settle); err != nil || !may {
			return errors.Join(err, fmt.Errorf("batch %s: %w: whoever takes it settles its questions", p.ID, record.ErrDenied))
		}
		if err := a.asks(ctx, b); err != nil {
			return err
		}
		if m.Keeper != "" && m.Keeper != me {
			return fmt.Errorf("batch %s: %s works on it: %w: have it left first", p.ID, m.Keeper, record.ErrBusy)
		}
		m.Keeper = me
	case batchLeave:
		m.Keeper = ""
	case batchUrgent, batchUsual:
		m.Urgent = p.Act == batchUrgent
	default:
		return fmt.Errorf("batch %s: %w: the act is one of take, leave, urgent, usual", p.ID, record.ErrInvalid)
	}
	if err := a.putMark(ctx, r.Actor, m); err != nil {
		return err
	}
	return out(lineOfBatch(b).marked(m))
}

// asks wants a batch that is on its way, or of which something waits.
func (a *app) asks(ctx context.Context, b record.Batch) error {
	if !b.State.Done() {
		return nil
	}
	n, err := a.waitsOf(ctx, b.ID.String())
	if err == nil && n == 0 {
		err = fmt.Errorf("batch %s: %w: nothing of it waits for a decision any more", b.ID, record.ErrInvalid)
	}
	return err
}

// putMark writes down what was said about a batch.
func (a *app) putMark(ctx context.Context, who record.Actor, m batchMark) error {
	state := stateMarked
	if m.Keeper == "" && !m.Urgent {
		state = stateUnmarked
	}
	m.By, m.At = who, a.now().UTC().Truncate(time.Millisecond)
	return a.enter(ctx, audit.ActBatchMarked, who, catalog.Entry{Kind: kindBatchMark, ID: m.Batch, State: state, At: m.At, Body: mustJSON(m)})
}

// settledOf ends what was said about batches of which nothing waits any more. What
// was done about their documents is done: what fails is logged.
func (a *app) settledOf(ctx context.Context, who record.Actor, batches ...record.ID) {
	for _, b := range batches {
		if err := a.batchSettled(ctx, who, b); err != nil {
			a.log.ErrorContext(ctx, "a batch of which nothing waits is somebody's still", "batch", b.String(), "err", err)
		}
	}
}

func (a *app) batchSettled(ctx context.Context, who record.Actor, batch record.ID) error {
	a.markMu.Lock()
	defer a.markMu.Unlock()
	m, err := a.marked(ctx, batch)
	if err != nil || m.Keeper == "" && !m.Urgent {
		return err
	}
	n, err := a.waitsOf(ctx, batch.String())
	if err != nil || n > 0 {
		return err
	}
	m.Keeper, m.Urgent = "", false
	return a.putMark(ctx, who, m)
}

// marked is a batch with what people said about it.
func (l batchLine) marked(m batchMark) batchLine {
	l.Keeper, l.Urgent = m.Keeper, m.Urgent
	return l
}

// batchRejectParams send everything of a batch back that waits.
type batchRejectParams struct {
	ID     record.ID `json:"id"`
	Reason string    `json:"reason"` // from the list
}

// opBatchReject has every document of a batch that waits for a decision scanned
// again, but for those in charts that are shut to whoever asks.
func (a *app) opBatchReject(ctx context.Context, r asked, out func(any) error) error {
	var p batchRejectParams
	if err := r.params(&p); err != nil {
		return err
	}
	rows, err := a.cat.OfBatch(ctx, p.ID)
	if err != nil {
		return err
	}
	if err := sentBackFor(p.ID, p.Reason); err != nil {
		return err
	}
	m, err := a.mark(ctx, p.ID)
	if err != nil {
		return err
	}
	if m.Keeper != "" && m.Keeper != signedIn(r.Actor) {
		return fmt.Errorf("batch %s: %s works on it: %w: have it left first", p.ID, m.Keeper, record.ErrBusy)
	}
	again, err := a.rescans(ctx)
	if err != nil {
		return err
	}
	var n int
	var failed []error // one that is damaged keeps no other here
	for _, row := range rows {
		if !waits(row) || again[row.ID.String()] != "" {
			continue
		}
		l, err := a.sendBack(ctx, r.Actor, rejectParams{row.ID, p.Reason})
		switch {
		case errors.Is(err, record.ErrDenied) || errors.Is(err, record.ErrInvalid): // shut, or settled meanwhile
			continue
		case ctx.Err() != nil:
			return errors.Join(append(failed, err)...)
		case err != nil:
			failed = append(failed, err)
			continue
		}
		if err := out(l); err != nil {
			return err
		}
		n++
	}
	if n == 0 && len(failed) == 0 {
		return fmt.Errorf("batch %s: %w: nothing of it waits for a decision", p.ID, record.ErrInvalid)
	}
	return errors.Join(failed...)
}
