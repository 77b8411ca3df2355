package audit_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"chartvault/audit"
)

// tampering changes the lines of a log and says which words name it.
type tampering struct {
	name string
	do   func(r *rand.Rand, lines [][]byte) ([][]byte, []string)
}

func tamperings() []tampering {
	other := func(r *rand.Rand, seq int) []byte {
		return fmt.Appendf(nil, `{"seq":%d,"time":"2026-01-02T03:04:05Z","action":"document.read","object":"forged-%d","key":"journal","body":"AA=="}`, seq, r.Uint64())
	}
	return []tampering{
		{"edit", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l))
			l[i] = other(r, i)
			return l, []string{fmt.Sprintf("entry %d was edited", i)}
		}},
		{"edit two", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l) - 5)
			l[i], l[i+4] = other(r, i), other(r, i+4)
			return l, []string{fmt.Sprintf("entry %d was edited", i), fmt.Sprintf("entry %d was edited", i+4)}
		}},
		{"flip a bit", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l))
			b := bytes.Clone(l[i])
			for b[len(b)/2] ^= 1; b[len(b)/2] == '\n'; b[len(b)/2] ^= 3 {
			}
			l[i] = b
			return l, []string{fmt.Sprintf("entry %d was edited", i)}
		}},
		{"cut", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			n := 1 + r.IntN(len(l)-1)
			return l[:n], []string{"cut off the end", fmt.Sprintf(" %d ", n)}
		}},
		{"remove", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l) - 1)
			return append(l[:i:i], l[i+1:]...), []string{fmt.Sprintf("entry %d was removed", i)}
		}},
		{"insert", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l))
			return append(append(l[:i:i], other(r, i)), l[i:]...), []string{"inserted", fmt.Sprintf(" %d ", i)}
		}},
		{"double", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l))
			return append(append(l[:i:i], l[i]), l[i:]...), []string{"inserted"}
		}},
		{"reorder", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l) - 1)
			j := i + 1 + r.IntN(min(len(l)-i-1, 9))
			l[i], l[j] = l[j], l[i]
			return l, []string{"reordered", fmt.Sprintf("entries %d to %d were", i, j)}
		}},
		{"fork", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l))
			for k := i; k < len(l); k++ {
				l[k] = other(r, k)
			}
			return l, []string{"edited", fmt.Sprintf(" %d ", i)}
		}},
		{"cut and go on", func(r *rand.Rand, l [][]byte) ([][]byte, []string) {
			i := r.IntN(len(l) - 3)
			return append(l[:i:i], other(r, i)), []string{"cut off or removed", "never logged", fmt.Sprintf(" %d ", i)}
		}},
	}
}

// TestTamperingIsNamed: a thousand random tamperings, with what was logged
// known from the log's own hashes or, where a careful forger removed or rewrote
// those, from the published tiles; each is found and called by its name.
func TestTamperingIsNamed(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 300)
	tiles, err := l.Tiles(0, 300)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	leaves, err := audit.TileLeaves(func(path string) ([]byte, error) {
		for _, tile := range tiles {
			if tile.Path == path {
				return tile.Data, nil
			}
		}
		return nil, os.ErrNotExist
	}, 300)
	if err != nil || len(leaves) != 300 {
		t.Fatalf("tile leaves: got %d, %v", len(leaves), err)
	}
	whole, err := os.ReadFile(filepath.Join(f.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	hashes, err := os.ReadFile(filepath.Join(f.dir, "hashes"))
	if err != nil {
		t.Fatal(err)
	}
	cps, err := os.ReadFile(filepath.Join(f.dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	kinds := tamperings()
	for i := range 1000 {
		k := kinds[i%len(kinds)]
		g := &fixture{t.TempDir(), f.signer, f.key}
		cp := make([][]byte, len(lines))
		copy(cp, lines)
		forged, want := k.do(r, cp)
		ev := audit.Evidence{}
		files := map[string][]byte{"log": append(bytes.Join(forged, []byte("\n")), '\n'), "checkpoints": cps}
		switch i / len(kinds) % 3 {
		case 0:
			files["hashes"] = hashes
		case 1: // removed, but published
			ev.Leaves = leaves
		case 2: // rewritten to fit, but published
			ev.Leaves = leaves
			files["hashes"] = hashesOf(t, forged)
		}
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(g.dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rep, err := audit.Verify(g.dir, g.key, ev)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(rep.Faults, "\n") + " "
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Fatalf("tampering %d, %s: got %q, want %q in it", i, k.name, rep.Faults, w)
			}
		}
	}
}

func hashesOf(t *testing.T, lines [][]byte) []byte {
	t.Helper()
	var out []byte
	for n, line := range lines {
		hs, err := tlog.StoredHashes(int64(n), line, tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
			var got []tlog.Hash
			for _, i := range idx {
				got = append(got, tlog.Hash(out[i*tlog.HashSize:(i+1)*tlog.HashSize]))
			}
			return got, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hs {
			out = append(out, h[:]...)
		}
	}
	return out
}

// TestForkedHeads: somebody with the log's key signed two histories; the head a
// witness kept shows it.
func TestForkedHeads(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 20)
	kept, err := l.Head()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	g := &fixture{t.TempDir(), f.signer, f.key}
	l = g.open(t)
	fill(t, l, 12)
	fill(t, l, 13)
	l.Close()
	rep, err := audit.Verify(g.dir, g.key, audit.Evidence{Heads: []audit.Checkpoint{kept}})
	if err != nil || len(rep.Faults) == 0 || !strings.Contains(rep.Faults[0], "forked") {
		t.Errorf("got %v, %v, want that it is forked", rep.Faults, err)
	}
}

// TestProofs: every entry's proof holds with the public key alone, and no
// other entry passes under it.
func TestProofs(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 40)
	for seq := range int64(40) {
		p, err := l.Prove(seq)
		if err != nil {
			t.Fatal(err)
		}
		line, cp, err := audit.CheckProof(p, f.key)
		if err != nil || cp.Size != 40 || !bytes.Contains(line, fmt.Appendf(nil, `{"seq":%d,`, seq)) {
			t.Errorf("entry %d: got %s, %+v, %v", seq, line, cp, err)
		}
		for i := range len(p) {
			q := bytes.Clone(p)
			if q[i] ^= 1; i%7 == int(seq)%7 {
				if got, _, err := audit.CheckProof(q, f.key); err == nil && !bytes.Equal(got, line) {
					t.Errorf("entry %d, byte %d changed: got it accepted", seq, i)
				}
			}
		}
	}
	if _, err := l.Prove(40); err == nil {
		t.Error("an entry that is not there: got a proof")
	}
}
