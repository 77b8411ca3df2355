package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/internal/durable"
)

// Log is the open log. One process writes its files at a time; its methods are
// safe for concurrent use.
type Log struct {
	dir    string
	origin string
	signer note.Signer
	now    func() time.Time

	sequence Sequence   // where several servers write one log; nil otherwise
	files    sync.Mutex // one writer of the files at a time

	mu        sync.Mutex
	idle      sync.Cond  // nothing is being written
	queue     []*waiting // entries on their way to the disk
	writing   bool
	log       *durable.Appender
	offsets   *os.File        // derived: durable up to the newest checkpoint
	hashes    *os.File        // derived, the same
	n         int64           // entries
	end       int64           // length of log in bytes
	signed    int64           // size of the newest checkpoint
	head      []byte          // the newest checkpoint's note
	headed    int64           // size of the newest checkpoint that is known to be published
	asked     map[string]bool // witnesses that were asked by this process
	broken    error           // set when a write failed or the log was closed: nothing is appended any more
	abandoned bool            // nobody waits for the sequence any more
	failed    error           // a write failed: what is queued behind it fails too
}

// Open opens the log in dir, making it when absent. A line that a crash left
// unfinished is cut off: its Append never returned. origin names the log in
// its checkpoints.
func Open(dir, origin string, signer note.Signer, now func() time.Time) (*Log, error) {
	l := &Log{dir: dir, origin: origin, signer: signer, now: now}
	l.idle.L = &l.mu
	if err := l.open(); err != nil {
		l.Close() // the opening error is the one to tell
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	return l, nil
}

func (l *Log) open() (err error) {
	if l.log, err = durable.Append(filepath.Join(l.dir, "log")); err != nil {
		return err
	}
	if l.offsets, err = openDerived(l.dir, "offsets"); err != nil {
		return err
	}
	if l.hashes, err = openDerived(l.dir, "hashes"); err != nil {
		return err
	}
	cps, err := Checkpoints(l.dir)
	if err != nil {
		return err
	}
	for _, cp := range cps {
		if cp.Size >= l.signed {
			l.signed, l.head = cp.Size, cp.Note
		}
	}
	if err := l.recover(); err != nil {
		return err
	}
	if l.signed > l.n {
		return fmt.Errorf("%d entries, but a checkpoint was signed over %d: entries were cut off; run audit verify", l.n, l.signed)
	}
	return nil
}

func openDerived(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
}

// recover counts the entries, cuts a torn tail and completes the derived
// files from where they stop.
func (l *Log) recover() error {
	size, err := l.log.Size()
	if err != nil {
		return err
	}
	n, start, err := l.known(size)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(l.log, start, size-start), 1<<20)
	end := start
	for {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil { // no newline: torn, or nothing left
			break
		}
		if err := l.derive(n, end, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return err
		}
		n, end = n+1, end+int64(len(line))
	}
	l.n, l.end = n, end
	if end < size {
		return l.log.Truncate(end)
	}
	return nil
}

// known returns how many leading entries the derived files cover for certain,
// and the offset of the first one they do not. They are made durable before a
// checkpoint is; what they hold past it may be anything after a power cut.
func (l *Log) known(size int64) (n, start int64, err error) {
	n = l.signed
	if n == 0 {
		return 0, 0, nil
	}
	// The last covered line is read again, so that its end is known, and held
	// against its hash: files that do not fit are made again.
	var b [8]byte
	var leaf tlog.Hash
	_, oerr := l.offsets.ReadAt(b[:], (n-1)*8)
	_, herr := l.hashes.ReadAt(leaf[:], tlog.StoredHashIndex(0, n-1)*tlog.HashSize)
	if oerr != nil || herr != nil {
		return 0, 0, nil // they are short
	}
	off := int64(binary.LittleEndian.Uint64(b[:]))
	if off < 0 || off >= size {
		return 0, 0, nil
	}
	line, err := bufio.NewReader(io.NewSectionReader(l.log, off, size-off)).ReadBytes('\n')
	if errors.Is(err, io.EOF) || err == nil && tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n"))) != leaf {
		return 0, 0, nil
	}
	return n - 1, off, err
}

// derive writes the offset and the hashes of entry n.
func (l *Log) derive(n, off int64, line []byte) error {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(off))
	if _, err := l.offsets.WriteAt(b[:], n*8); err != nil {
		return err
	}
	hs, err := tlog.StoredHashes(n, line, l.hashReader())
	if err != nil {
		return err
	}
	buf := make([]byte, 0, len(hs)*tlog.HashSize)
	for _, h := range hs {
		buf = append(buf, h[:]...)
	}
	_, err = l.hashes.WriteAt(buf, tlog.StoredHashIndex(0, n)*tlog.HashSize)
	return err
}

func (l *Log) hashReader() tlog.HashReader {
	return tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			if _, err := l.hashes.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// Size returns the number of entries.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Checkpoint signs the present tree and stores the note, unless the newest
// checkpoint already covers every entry. It returns the signed note and its
// size, or a nil note when there was nothing to sign.
func (l *Log) Checkpoint() ([]byte, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == l.signed || l.n == 0 {
		return nil, l.n, nil
	}
	root, err := tlog.TreeHash(l.n, l.hashReader())
	if err == nil {
		// Before the checkpoint, which says that they are.
		err = errors.Join(l.offsets.Sync(), l.hashes.Sync())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("checkpoint audit log: %w", err)
	}
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", l.origin, l.n, root)}, l.signer)
	if err != nil {
		return nil, 0, fmt.Errorf("checkpoint audit log: %w", err)
	}
	if err := appendCheckpoint(filepath.Join(l.dir, "checkpoints"), msg); err != nil {
		return nil, 0, fmt.Errorf("checkpoint audit log: %w", err)
	}
	l.signed, l.head = l.n, msg
	return msg, l.n, nil
}

// Lines returns the raw lines of entries from to below to, without newlines.
// The caller owns them.
func (l *Log) Lines(from, to int64) ([][]byte, error) {
	l.mu.Lock()
	n, end := l.n, l.end
	l.mu.Unlock()
	if from < 0 || to > n || from > to {
		return nil, fmt.Errorf("read audit entries %d to %d: the log has %d", from, to, n)
	}
	if from == to {
		return nil, nil
	}
	start, err := l.offset(from, n, end)
	if err != nil {
		return nil, err
	}
	stop, err := l.offset(to, n, end)
	if err != nil {
		return nil, err
	}
	b := make([]byte, stop-start)
	if _, err := l.log.ReadAt(b, start); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read audit entries: %w", err)
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")), nil
}

func (l *Log) offset(i, n, end int64) (int64, error) {
	if i == n {
		return end, nil
	}
	var b [8]byte
	if _, err := l.offsets.ReadAt(b[:], i*8); err != nil {
		return 0, fmt.Errorf("read audit offset %d: %w", i, err)
	}
	return int64(binary.LittleEndian.Uint64(b[:])), nil
}

// Close releases the files. It signs nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = errors.New("the log is closed")
	for l.writing {
		l.idle.Wait()
	}
	var errs []error
	if l.log != nil {
		errs = append(errs, l.log.Close())
	}
	for _, f := range []*os.File{l.offsets, l.hashes} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
