package audit

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/internal/durable"
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
	cps, _, err := readCheckpoints(filepath.Join(dir, "checkpoints"))
	return cps, err
}

// readCheckpoints returns a file's checkpoints and where the last whole one
// ends, in bytes: what comes after it a power cut left.
func readCheckpoints(name string) (out []Checkpoint, end int64, err error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read checkpoints: %w", err)
	}
	whole := len(b)
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
			return nil, 0, err
		}
		out, b = append(out, cp), rest
	}
	return out, int64(whole - len(b)), nil
}

// appendCheckpoint adds a signed checkpoint to a file, durably, in the place of
// one that a power cut left torn: nobody was told of that.
func appendCheckpoint(name string, msg []byte) error {
	_, end, err := readCheckpoints(name)
	if err != nil {
		return err
	}
	f, err := durable.Append(name)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size > end {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Write(append(bytes.Clone(msg), '\n'))
	}
	return errors.Join(err, f.Close())
}

// headPrefix begins a checkpoint that is written as one line.
const headPrefix = "cvhead1 "

// Line is the checkpoint as one line of text, signature and all, for paper.
func (c Checkpoint) Line() string {
	return headPrefix + base64.RawURLEncoding.EncodeToString(c.Note)
}

// ReadHeads reads checkpoints that were kept in a file: as a witness keeps
// them, or as one printed line, whose white space does not matter.
func ReadHeads(name string) ([]Checkpoint, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	line, ok := strings.CutPrefix(strings.Join(strings.Fields(string(b)), ""), strings.TrimSpace(headPrefix))
	if !ok {
		cps, _, err := readCheckpoints(name)
		if err == nil && len(cps) == 0 { // a note by itself, as a C2SP witness keeps it
			var cp Checkpoint
			if cp, err = ParseCheckpoint(b); err == nil {
				cps = []Checkpoint{cp}
			}
		}
		return cps, err
	}
	msg, err := base64.RawURLEncoding.DecodeString(line)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w: the letters of %s are not a head", record.ErrInvalid, name)
	}
	cp, err := ParseCheckpoint(msg)
	return []Checkpoint{cp}, err
}

// Report says what Verify found.
type Report struct {
	Entries     int64    `json:"entries"`
	Checkpoints int      `json:"checkpoints"`
	Signed      int64    `json:"signed"` // entries covered by a good checkpoint
	Root        string   `json:"root"`   // of the whole tree, base64
	Faults      []string `json:"faults"` // empty when the log is whole

	next int64 // the number that belongs next
}

// Evidence is what others kept of a log, to hold it against.
type Evidence struct {
	Heads  []Checkpoint // that witnesses or people kept; signed, not yet verified
	Leaves []tlog.Hash  // of the published tiles; believed only when they give a signed root
}

// Verify reads the whole log in dir and checks every line against its leaf,
// and every checkpoint, those in dir and those of others, against the tree and
// the verifier. It says which entries were cut off, edited, inserted, removed
// or reordered, where the leaves that were logged are known: from "hashes", or
// from the published tiles, whichever give the root of a signed checkpoint. It
// needs no key but the public one, takes no lock and changes nothing. Faults
// are findings; an error means the check could not be carried out.
func Verify(dir string, v note.Verifier, ev Evidence) (Report, error) {
	var rep Report
	cps, err := Checkpoints(dir)
	if err != nil {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	recorded, err := leavesIn(filepath.Join(dir, "hashes"))
	if err != nil {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	// Last, because it is written first: what is logged meanwhile is more than was
	// recorded, and nothing is missing.
	t, err := rep.read(filepath.Join(dir, "log"))
	if err != nil {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	cps = rep.signedBy(v, append(cps, ev.Heads...))
	logged := rep.logged(cps, recorded, ev.Leaves)
	rep.name(t.leaves, logged)
	if err := rep.checkCheckpoints(t, cps, logged); err != nil {
		return rep, err
	}
	root, err := tlog.TreeHash(rep.Entries, t)
	if err != nil && rep.Entries > 0 {
		return rep, fmt.Errorf("verify audit log: %w", err)
	}
	rep.Root = root.String()
	return rep, nil
}

// read reads the entries and builds their tree.
func (r *Report) read(name string) (*tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read-only
	t := &tree{}
	in := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				r.fault("the last line is unfinished: a crash cut an entry that was never acknowledged, or somebody cut it")
			}
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		r.checkEntry(line)
		if err := t.add(line); err != nil {
			return nil, err
		}
		r.Entries++
	}
}

// leavesIn reads the leaves out of a file of stored hashes.
func leavesIn(name string) ([]tlog.Hash, error) {
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []tlog.Hash
	for n := int64(0); ; n++ {
		at := tlog.StoredHashIndex(0, n) * tlog.HashSize
		if at+tlog.HashSize > int64(len(b)) {
			return out, nil
		}
		out = append(out, tlog.Hash(b[at:at+tlog.HashSize]))
	}
}

// signedBy keeps the checkpoints that the log's key signed.
func (r *Report) signedBy(v note.Verifier, cps []Checkpoint) (good []Checkpoint) {
	for _, cp := range cps {
		r.Checkpoints++
		if _, err := note.Open(cp.Note, note.VerifierList(v)); err != nil {
			r.fault("the checkpoint over %d entries is not signed by this archive's key", cp.Size)
			continue
		}
		good = append(good, cp)
	}
	return good
}

// logged is the leaves that were really logged, as far as a signed checkpoint
// vouches for them.
type logged struct {
	tree *tree
	size int64 // of the newest checkpoint they agree with; 0 when nothing vouches
}

// logged finds the leaves that were really logged among the candidates.
func (r *Report) logged(cps []Checkpoint, candidates ...[]tlog.Hash) (best logged) {
	for _, leaves := range candidates {
		t := &tree{}
		for _, h := range leaves {
			if t.addHash(h) != nil {
				break
			}
		}
		for _, cp := range cps {
			if cp.Size <= best.size || cp.Size > t.n {
				continue
			}
			if root, err := tlog.TreeHash(cp.Size, t); err == nil && root == cp.Root {
				best = logged{t, cp.Size}
			}
		}
	}
	return best
}

// name says how the log differs from what was logged. Entries behind the
// newest checkpoint have only the record's word.
func (r *Report) name(got []tlog.Hash, l logged) {
	if l.size == 0 {
		return
	}
	want := l.tree.leaves
	if len(got) > len(want) && slices.Equal(got[:len(want)], want) {
		return // appended after the record was copied
	}
	r.Faults = append(diagnose(want, got), r.Faults...)
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
	if e.Seq != r.next { // once for each jump, not for every entry behind it
		r.fault("entry %d stands where entry %d belongs", e.Seq, r.next)
	}
	r.next = e.Seq + 1
}

// checkCheckpoints holds the tree, and what was logged, against what was
// signed. Up to the size somebody vouches for, the differences have been named.
func (r *Report) checkCheckpoints(t *tree, cps []Checkpoint, l logged) error {
	bad := int64(0)
	for _, cp := range cps {
		if cp.Size <= l.size && cp.Size > 0 {
			root, err := tlog.TreeHash(cp.Size, l.tree)
			if err != nil {
				return fmt.Errorf("verify audit log: %w", err)
			}
			if root != cp.Root {
				r.fault("forked: another history was signed, of which the first %d entries are other ones", cp.Size)
			}
		}
		if cp.Size > r.Entries {
			if cp.Size > l.size {
				r.fault("a checkpoint was signed over %d entries, but the log has %d: entries were cut off", cp.Size, r.Entries)
			}
			continue
		}
		root, err := tlog.TreeHash(cp.Size, t)
		if err != nil && cp.Size > 0 {
			return fmt.Errorf("verify audit log: %w", err)
		}
		if root == cp.Root {
			r.Signed = max(r.Signed, cp.Size)
		} else if cp.Size > l.size && (bad == 0 || cp.Size < bad) {
			bad = cp.Size
		}
	}
	switch {
	case bad == 0:
	case bad <= r.Signed:
		r.fault("forked: two histories were signed; one has these %d entries, another other ones among the first %d", r.Signed, bad)
	default:
		r.fault("entries %d to %d are not those that were signed: some were edited, inserted, removed or reordered", r.Signed, bad-1)
	}
	return nil
}

// tree keeps the stored hashes of a log that is being read, in memory: 96
// bytes an entry.
type tree struct {
	hashes []tlog.Hash
	leaves []tlog.Hash
	n      int64
}

func (t *tree) add(line []byte) error { return t.addHash(tlog.RecordHash(line)) }

func (t *tree) addHash(leaf tlog.Hash) error {
	t.leaves = append(t.leaves, leaf)
	hs, err := tlog.StoredHashesForRecordHash(t.n, leaf, t)
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
