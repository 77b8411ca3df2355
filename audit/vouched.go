package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/record"
)

// Vouched returns how many of the published lines that follow the log in dir the
// log's own key vouches for: those under the newest head it signed. Whoever can
// write to the store can put lines there, and what a line says is done. heads are
// the published checkpoints, not yet verified, and were read before the lines.
// A *Differs of record.ErrCorrupt when a signed head has entries that are not among
// the lines, or others; the number is good all the same.
func Vouched(dir string, lines [][]byte, heads []Checkpoint, v note.Verifier) (int, error) {
	var rep Report
	t, err := rep.read(filepath.Join(dir, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		t, err = &tree{}, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read audit log: %w", err)
	}
	have, signed, vouched := t.n, t.n, t.n
	for _, line := range lines {
		if err := t.add(line); err != nil {
			return 0, fmt.Errorf("read published audit log: %w", err)
		}
	}
	for _, cp := range rep.signedBy(v, heads) {
		if cp.Origin != v.Name() || cp.Size <= have {
			continue
		}
		signed = max(signed, cp.Size)
		if cp.Size > t.n || cp.Size <= vouched {
			continue
		}
		root, err := tlog.TreeHash(cp.Size, t)
		if err != nil {
			return 0, fmt.Errorf("read published audit log: %w", err)
		}
		if root == cp.Root {
			vouched = cp.Size
		}
	}
	if signed > vouched {
		err = &Differs{"published audit log", signed, fmt.Errorf("%w: of entries %d to %d, which were signed, some are missing or were changed", record.ErrCorrupt, vouched, signed-1)}
	}
	return int(vouched - have), err
}
