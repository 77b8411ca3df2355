package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"chartvault/record"
)

// Sequence is where several servers that write one log have its order. Lines are
// without their newlines.
type Sequence interface {
	// Add appends the lines that are made of the number the first of them gets, all
	// or none, one caller after the other. When it returns nil they are durable. An
	// error may leave open whether they were added.
	Add(ctx context.Context, lines func(first int64) ([][]byte, error)) (first int64, err error)
	// Lines returns lines from a number on, at most limit of them.
	Lines(ctx context.Context, from int64, limit int) ([][]byte, error)
	// Size returns how many lines there are.
	Size(ctx context.Context) (int64, error)
	// Lost is closed when this server may add nothing any more.
	Lost() <-chan struct{}
}

// errNotTaken marks entries that were not written, for certain: the next may be.
var errNotTaken = errors.New("not written")

// How long one question to the sequence may take, how often it is asked again
// what became of entries, and how many lines are fetched at once.
const (
	askTime  = 30 * time.Second
	askAgain = 200 * time.Millisecond
	atOnce   = 500
)

// OpenShared is Open of a log that several servers write: sequence has the order
// and every line, dir a copy of them, from which everything is read. Lines that
// are in dir and not in the sequence go into it, if alone says that no other
// server is on: the sequence came back from a backup. Where the two do not agree
// it fails with record.ErrCorrupt.
func OpenShared(ctx context.Context, dir, origin string, signer note.Signer, now func() time.Time, sequence Sequence, alone bool) (*Log, error) {
	l, err := Open(dir, origin, signer, now)
	if err != nil {
		return nil, err
	}
	l.sequence = sequence
	if err := l.meet(ctx, alone); err != nil {
		l.Close() // the opening error is the one to tell
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	return l, nil
}

// meet brings copy and sequence to the same length.
func (l *Log) meet(ctx context.Context, alone bool) error {
	n, err := l.sequence.Size(ctx)
	if err != nil {
		return err
	}
	if both := min(n, l.Size()); both > 0 {
		here, err := l.Lines(both-1, both)
		if err != nil {
			return err
		}
		there, err := l.sequence.Lines(ctx, both-1, 1)
		if err != nil {
			return err
		}
		if len(there) != 1 || !bytes.Equal(here[0], there[0]) {
			return fmt.Errorf("entry %d of this server's copy is not what the servers' log has: one of them is of another history: %w", both-1, record.ErrCorrupt)
		}
	}
	if n < l.Size() && !alone {
		return fmt.Errorf("the servers' log has %d entries, this server's copy %d: stop the other servers first: %w", n, l.Size(), record.ErrBusy)
	}
	for ; n < l.Size(); n = min(n+atOnce, l.Size()) {
		lines, err := l.Lines(n, min(n+atOnce, l.Size()))
		if err != nil {
			return err
		}
		_, err = l.sequence.Add(ctx, func(first int64) ([][]byte, error) {
			if first != n {
				return nil, fmt.Errorf("another server wrote to the log meanwhile: %w", record.ErrBusy)
			}
			return lines, nil
		})
		if err != nil {
			return err
		}
	}
	return l.Follow(ctx)
}

// Follow brings the copy up to what all servers have written. It does nothing
// where one server writes.
func (l *Log) Follow(ctx context.Context) error {
	if l.sequence == nil {
		return nil
	}
	n, err := l.sequence.Size(ctx)
	if err != nil || n <= l.Size() {
		return err
	}
	l.files.Lock()
	defer l.files.Unlock()
	return l.fetch(ctx, n)
}

// fetch copies lines until there are n of them. Held: files.
func (l *Log) fetch(ctx context.Context, n int64) error {
	for l.Size() < n {
		lines, err := l.sequence.Lines(ctx, l.Size(), int(min(atOnce, n-l.Size())))
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return fmt.Errorf("entry %d is not in the servers' log: %w", l.Size(), record.ErrCorrupt)
		}
		for i := range lines {
			lines[i] = append(lines[i], '\n')
		}
		if err := l.keep(lines); err != nil {
			l.fail(err)
			return err
		}
	}
	return nil
}

// fail has the log refuse everything from now on.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = err
	}
	if l.failed == nil {
		l.failed = err
	}
}

// putShared writes a batch where the servers have their order, and then here.
func (l *Log) putShared(batch []*waiting) error {
	ctx, stop := context.WithTimeout(context.Background(), askTime)
	defer stop()
	tried := int64(-1) // the number the first of them would have
	first, err := l.sequence.Add(ctx, func(first int64) ([][]byte, error) {
		out := make([][]byte, len(batch))
		for i, w := range batch {
			if err := w.number(first+int64(i), l.now()); err != nil {
				return nil, err
			}
			out[i] = w.line[:len(w.line)-1]
		}
		tried = first
		return out, nil
	})
	if err != nil {
		if tried < 0 {
			return fmt.Errorf("%w: %w", errNotTaken, err)
		}
		there, lerr := l.became(tried, batch)
		if lerr != nil {
			return errors.Join(err, lerr)
		}
		if !there {
			return fmt.Errorf("%w: %w", errNotTaken, err)
		}
		first = tried
	}
	l.files.Lock()
	defer l.files.Unlock()
	if l.Size() == first {
		return l.keep(lines(batch))
	}
	for { // others' first, or a Follow has ours already
		fctx, fstop := context.WithTimeout(context.Background(), askTime)
		err := l.fetch(fctx, first+int64(len(batch)))
		fstop()
		if err == nil || l.over() {
			return err
		}
		time.Sleep(askAgain) // they are written: only the copy waits
	}
}

// over reports whether asking again is in vain: the log was closed, has failed or
// been given up, or this server was struck off.
func (l *Log) over() bool {
	select {
	case <-l.sequence.Lost():
		return true
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken != nil || l.abandoned
}

// Abandon has the log wait for its sequence no longer: whoever waits is told so. It
// is for a server that ends while the sequence is away.
func (l *Log) Abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandoned = true
}

// became finds out whether a batch was written that may or may not have been: a
// body is sealed anew each time, so that no two lines are the same. It asks until
// it is told, or the log is closed.
func (l *Log) became(first int64, batch []*waiting) (bool, error) {
	for {
		ctx, stop := context.WithTimeout(context.Background(), askTime)
		// In its turn, so that nothing of ours is still on its way.
		_, err := l.sequence.Add(ctx, func(int64) ([][]byte, error) { return nil, nil })
		var got [][]byte
		if err == nil {
			got, err = l.sequence.Lines(ctx, first, 1)
		}
		stop()
		if err == nil {
			return len(got) == 1 && bytes.Equal(got[0], batch[0].line[:len(batch[0].line)-1]), nil
		}
		if l.over() {
			return false, fmt.Errorf("not known whether it was written: %w", err)
		}
		time.Sleep(askAgain)
	}
}
