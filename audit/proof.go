package audit

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/record"
)

// proofHead begins a proof in the C2SP tlog-proof form.
const proofHead = "c2sp.org/tlog-proof@v1"

// Prove returns a proof, in the C2SP tlog-proof form, that an entry is in the
// tree of the newest checkpoint; the entry's line travels in it as "extra". It
// is checked with nothing but the log's public key.
func (l *Log) Prove(seq int64) ([]byte, error) {
	head, err := l.Head()
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", seq, err)
	}
	if seq < 0 || seq >= head.Size {
		return nil, fmt.Errorf("prove entry %d: %w: the newest checkpoint covers %d entries", seq, record.ErrNotFound, head.Size)
	}
	lines, err := l.Lines(seq, seq+1)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", seq, err)
	}
	l.mu.Lock()
	proof, err := tlog.ProveRecord(head.Size, seq, l.hashReader())
	l.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", seq, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHead, base64.StdEncoding.EncodeToString(lines[0]), seq)
	for _, h := range proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteByte('\n')
	b.Write(head.Note)
	return b.Bytes(), nil
}

// CheckProof checks a proof and returns the entry's line and the checkpoint it
// is under. record.ErrCorrupt when it does not hold.
func CheckProof(proof []byte, v note.Verifier) (line []byte, cp Checkpoint, err error) {
	bad := func(why string) ([]byte, Checkpoint, error) {
		return nil, Checkpoint{}, fmt.Errorf("check proof: %w: %s", record.ErrCorrupt, why)
	}
	head, msg, ok := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != proofHead {
		return bad("it is none")
	}
	extra, ok := strings.CutPrefix(lines[1], "extra ")
	line, err = base64.StdEncoding.DecodeString(extra)
	if !ok || err != nil {
		return bad("it has no entry")
	}
	index, ok := strings.CutPrefix(lines[2], "index ")
	seq, err := strconv.ParseInt(index, 10, 64)
	if !ok || err != nil || seq < 0 {
		return bad("it has no index")
	}
	var p tlog.RecordProof
	for _, l := range lines[3:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return bad("a line is no hash")
		}
		p = append(p, h)
	}
	if _, err := note.Open(msg, note.VerifierList(v)); err != nil {
		return bad("its checkpoint is not signed by this log's key")
	}
	if cp, err = ParseCheckpoint(msg); err != nil {
		return nil, cp, err
	}
	if seq >= cp.Size || tlog.CheckRecord(p, cp.Size, cp.Root, seq, tlog.RecordHash(line)) != nil {
		return bad("the entry is not in the tree that was signed")
	}
	return line, cp, nil
}
