package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"chartvault/record"
)

// Replicated verifies a batch and the given versions of its documents in the
// store, and that the replica in a directory has every one of their objects
// with the same bytes. record.ErrNotReady names the first that it has not.
func (a *Archive) Replicated(ctx context.Context, dir string, batch record.ID, versions map[record.ID]int) error {
	if _, err := a.VerifyBatch(ctx, batch); err != nil {
		return err
	}
	m, err := a.LoadBatch(ctx, batch)
	if err != nil {
		return err
	}
	names := []string{batchManifestName(batch)}
	if m.Object != "" {
		names = append(names, m.Object)
	}
	for id, v := range versions {
		if _, err := a.Verify(ctx, id, v); err != nil {
			return err
		}
		names = append(names, packageName(id, v), manifestName(id, v))
	}
	for _, n := range names {
		if err := a.sameBytes(ctx, n, filepath.Join(dir, filepath.FromSlash(n))); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) sameBytes(ctx context.Context, name, file string) error {
	o, err := open(ctx, a.Docs, name)
	if err != nil {
		return err
	}
	defer o.Close() // read-only
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the replica lacks %s: %w", name, record.ErrNotReady)
	}
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	defer f.Close() // read-only
	want, err := sum(io.NewSectionReader(o, 0, o.Info().Size))
	if err != nil {
		return err
	}
	if got, err := sum(f); err != nil || got != want {
		return errors.Join(err, fmt.Errorf("the replica has other bytes of %s: %w", name, record.ErrNotReady))
	}
	return nil
}

func sum(r io.Reader) (out [32]byte, err error) {
	h := sha256.New()
	_, err = io.Copy(h, r)
	copy(out[:], h.Sum(nil))
	return out, err
}
