package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/record"
)

// Checkpoint is a signed statement of the log's size and root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Note   []byte // the signed note; not yet verified
}

// ParseCheckpoint reads a signed note without checking its signature.
func ParseCheckpoint(msg []byte) (Checkpoint, error) {
	text, _, ok := bytes.Cut(msg, []byte("\n\n"))
	lines := strings.Split(string(text), "\n")
	if !ok || len(lines) != 3 {
		return Checkpoint{}, fmt.Errorf("parse checkpoint: %w: want origin, size and root", record.ErrCorrupt)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, fmt.Errorf("parse checkpoint: %w: size", record.ErrCorrupt)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("parse checkpoint: %w: root", record.ErrCorrupt)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root, Note: msg}, nil
}

// Checkpoints returns the checkpoints stored in dir, oldest first. A note that
// a crash left unfinished at the end is passed over.
func Checkpoints(dir string) ([]Checkpoint, error) {
	b, err := os.ReadFile(filepath.Join(dir, "checkpoints"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	var out []Checkpoint
	for len(b) > 0 {
		// A note is text, an empty line, signature lines; another empty line ends it.
		head, rest, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			break
		}
		sig, rest, ok := bytes.Cut(rest, []byte("\n\n"))
		if !ok {
			break
		}
		msg := bytes.Join([][]byte{head, append(bytes.Clone(sig), '\n')}, []byte("\n\n"))
		cp, err := ParseCheckpoint(msg)
		if err != nil {
			return nil, err
		}
		out, b = append(out, cp), rest
	}
	return out, nil
}

// Report says what Verify found.
type Report struct {
	Entries     int64    `json:"entries"`
	Checkpoints int      `json:"checkpoints"`
	Signed      int64    `json:"signed"` // entries covered by a good checkpoint
	Root        string   `json:"root"`   // of the whole tree, base64
	Faults      []string `json:"faults"` // empty when the log is whole
}

// Verify reads the whole log in dir and checks every line against its leaf
// and every checkpoint against the tree and the verifier. It needs no key but
// the public one, takes no lock and changes nothing. Faults are findings; an
// error means the check could not be carried out.
func Verify(dir string, v note.Verifier) (Report, error) {
	var rep Report
	f, err := os.Open(filepath.Join(dir, "log"))
	if err != nil {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	defer f.Close() // read-only
	cps, err := Checkpoints(dir)
	if err != nil {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	recorded, err := os.ReadFile(filepath.Join(dir, "hashes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	t := &tree{}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				rep.fault("the last line is unfinished: a crash cut an entry that was never acknowledged, or somebody cut it")
			}
			break
		}
		if err != nil {
			return rep, fmt.Errorf("verify audit log: %w", err)
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		rep.checkEntry(line)
		if at := tlog.StoredHashIndex(0, rep.Entries) * tlog.HashSize; at+tlog.HashSize <= int64(len(recorded)) {
			if leaf := tlog.RecordHash(line); !bytes.Equal(leaf[:], recorded[at:at+tlog.HashSize]) {
				rep.fault("entry %d is not the entry that was logged: edited, inserted, removed or reordered here", rep.Entries)
			}
		}
		if err := t.add(line); err != nil {
			return rep, fmt.Errorf("verify audit log: %w", err)
		}
		rep.Entries++
	}
	if err := rep.checkCheckpoints(t, cps, v); err != nil {
		return rep, err
	}
	root, err := tlog.TreeHash(rep.Entries, t)
	if err != nil && rep.Entries > 0 {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	rep.Root = root.String()
	return rep, nil
}

func (r *Report) fault(format string, args ...any) {
	const enough = 100 // one bad byte early can spoil every later line
	if len(r.Faults) < enough {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

func (r *Report) checkEntry(line []byte) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		r.fault("entry %d is not a log entry", r.Entries)
		return
	}
	if e.Seq != r.Entries {
		r.fault("entry %d stands where entry %d belongs", e.Seq, r.Entries)
	}
}

func (r *Report) checkCheckpoints(t *tree, cps []Checkpoint, v note.Verifier) error {
	for _, cp := range cps {
		r.Checkpoints++
		if _, err := note.Open(cp.Note, note.VerifierList(v)); err != nil {
			r.fault("the checkpoint over %d entries is not signed by this archive's key", cp.Size)
			continue
		}
		if cp.Size > r.Entries {
			r.fault("a checkpoint was signed over %d entries, but the log has %d: entries were cut off", cp.Size, r.Entries)
			continue
		}
		root, err := tlog.TreeHash(cp.Size, t)
		if err != nil && cp.Size > 0 {
			return fmt.Errorf("verify audit log: %w", err)
		}
		if root != cp.Root {
			r.fault("the first %d entries are not those the checkpoint was signed over", cp.Size)
			continue
		}
		r.Signed = max(r.Signed, cp.Size)
	}
	return nil
}

// tree keeps the stored hashes of a log that is being read, in memory: 64
// bytes an entry.
type tree struct {
	hashes []tlog.Hash
	n      int64
}

func (t *tree) add(line []byte) error {
	hs, err := tlog.StoredHashes(t.n, line, t)
	if err != nil {
		return err
	}
	t.hashes = append(t.hashes, hs...)
	t.n++
	return nil
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(idx []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(idx))
	for i, x := range idx {
		if x >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("hash %d is not in the tree", x)
		}
		out[i] = t.hashes[x]
	}
	return out, nil
}
