package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a witness can tell of a log, besides that all is well.
var (
	ErrBehind = errors.New("the audit log is older than its witness")          // entries are missing: a restore, or a cut
	ErrForked = errors.New("the audit log is not the one its witness saw")     // another history under the same name
	ErrAbsent = errors.New("the witness of the audit log cannot be asked now") // not there, or without an answer
)

// Differs is the finding that the log is not, or not yet, what somebody saw.
type Differs struct {
	From string // who: a witness, or the documents store
	Size int64  // of the newest head they have, in entries
	Err  error  // ErrBehind, ErrForked or record.ErrCorrupt, in words
}

func (d *Differs) Error() string { return d.From + ": " + d.Err.Error() }

func (d *Differs) Unwrap() error { return d.Err }

// Witness keeps the newest head of the log where the server's administrator
// does not, and refuses one that is not a continuation.
type Witness interface {
	// Name says which it is, in words for the person who set it up.
	Name() string
	// Seen returns the newest head the witness has; Size 0 when it has none. With
	// ErrForked it returns the head that is not this log's.
	Seen(ctx context.Context) (Checkpoint, error)
	// Show hands it a newer head with the proof that it continues the one it has.
	Show(ctx context.Context, old Checkpoint, proof tlog.TreeProof, cp Checkpoint) error
}

// Head returns the newest checkpoint; Size 0 when there is none.
func (l *Log) Head() (Checkpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == nil {
		return Checkpoint{}, nil
	}
	return ParseCheckpoint(l.head)
}

// Continues reports whether the log continues a head that somebody else kept:
// nil, ErrBehind or ErrForked.
func (l *Log) Continues(cp Checkpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cp.Size == 0 {
		return nil
	}
	if cp.Size > l.n {
		return fmt.Errorf("%w: it has %d entries, the witness saw %d", ErrBehind, l.n, cp.Size)
	}
	root, err := tlog.TreeHash(cp.Size, l.hashReader())
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if root != cp.Root {
		return fmt.Errorf("%w: the first %d entries differ", ErrForked, cp.Size)
	}
	return nil
}

// Witness shows the newest head to a witness, unless it has it.
func (l *Log) Witness(ctx context.Context, w Witness) error {
	size, err := l.witness(ctx, w)
	if errors.Is(err, ErrBehind) || errors.Is(err, ErrForked) {
		return &Differs{"witness " + w.Name(), size, err}
	}
	if err != nil {
		return fmt.Errorf("witness %s: %w", w.Name(), err)
	}
	return nil
}

// witness returns the size of the head the witness had.
func (l *Log) witness(ctx context.Context, w Witness) (int64, error) {
	seen, err := w.Seen(ctx)
	if err != nil {
		return seen.Size, err
	}
	if err := l.Continues(seen); err != nil {
		return seen.Size, err
	}
	head, err := l.Head()
	if err != nil || head.Size == 0 || head.Size <= seen.Size && !l.unasked(w) {
		return seen.Size, err
	}
	err = l.show(ctx, w, seen, head)
	if c, ok := errors.AsType[*conflict](err); ok { // it knows more, or less, than this machine remembers
		if seen, err = l.at(c.size); err != nil {
			return c.size, err
		}
		err = l.show(ctx, w, seen, head)
	}
	return seen.Size, err
}

// unasked reports whether a witness that is asked from afar was not asked yet
// by this process. What the machine remembers of its answers may be as old as
// the machine's copy of the log.
func (l *Log) unasked(w Witness) bool {
	if _, far := w.(interface{ Far() }); !far {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !l.asked[w.Name()]
	if l.asked == nil {
		l.asked = map[string]bool{}
	}
	l.asked[w.Name()] = true
	return first
}

// show proves to a witness that head continues what it saw.
func (l *Log) show(ctx context.Context, w Witness, seen, head Checkpoint) error {
	var proof tlog.TreeProof
	if seen.Size > 0 && seen.Size < head.Size {
		l.mu.Lock()
		var err error
		proof, err = tlog.ProveTree(head.Size, seen.Size, l.hashReader())
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return w.Show(ctx, seen, proof, head)
}

// at is what this log was when it had n entries; ErrBehind when it has fewer.
func (l *Log) at(n int64) (Checkpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > l.n {
		return Checkpoint{}, fmt.Errorf("%w: it has %d entries, the witness saw %d", ErrBehind, l.n, n)
	}
	if n == 0 {
		return Checkpoint{}, nil
	}
	root, err := tlog.TreeHash(n, l.hashReader())
	return Checkpoint{Origin: l.origin, Size: n, Root: root}, err
}

// FileWitness is a file on a disk that is not the server's: a mount of another
// machine, or a stick. It holds the heads as "checkpoints" does. It is written
// by the server, so it is as good as the mount is append-only.
type FileWitness struct {
	Path     string
	Verifier note.Verifier // of the log's own key
}

// Name implements Witness.
func (w FileWitness) Name() string { return "file " + w.Path }

// Seen implements Witness. A file whose directory is not there is a mount that
// is gone, which must not look like a witness that saw nothing.
func (w FileWitness) Seen(context.Context) (Checkpoint, error) {
	if st, err := os.Stat(filepath.Dir(w.Path)); err != nil || !st.IsDir() {
		return Checkpoint{}, fmt.Errorf("%w: %s is not there", ErrAbsent, filepath.Dir(w.Path))
	}
	cps, _, err := readCheckpoints(w.Path)
	if err != nil || len(cps) == 0 {
		return Checkpoint{}, err
	}
	cp := cps[len(cps)-1]
	if _, err := note.Open(cp.Note, note.VerifierList(w.Verifier)); err != nil {
		return cp, fmt.Errorf("%w: its head is not signed by this log's key", ErrForked)
	}
	return cp, nil
}

// Show implements Witness.
func (w FileWitness) Show(_ context.Context, old Checkpoint, proof tlog.TreeProof, cp Checkpoint) error {
	if old.Size > 0 {
		if err := tlog.CheckTree(proof, cp.Size, cp.Root, old.Size, old.Root); err != nil {
			return fmt.Errorf("%w: %w", ErrForked, err)
		}
	}
	if err := appendCheckpoint(w.Path, cp.Note); err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return nil
}
