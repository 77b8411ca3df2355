package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/record"
)

// verifyLine is one fault, or the sum at the end.
type verifyLine struct {
	Object    string `json:"object,omitempty"` // "document ID", "batch ID", "index"
	Fault     string `json:"fault,omitempty"`
	Documents *int   `json:"documents,omitempty"`
	Batches   *int   `json:"batches,omitempty"`
	Bytes     *int64 `json:"bytes,omitempty"`
	Faults    *int   `json:"faults,omitempty"`
}

func (e *env) verifyCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "verify --all",
		Short:   "Re-read every stored object against its signed manifest",
		Long:    "Reads every object of every document and batch to its end, decrypts it, and compares sizes, hashes and\nsignatures; then compares the catalogue with the store and the index with the catalogue. Prints faults and a sum;\nexit code 6 when there are faults.",
		Example: "  chartvault verify --all --json --passphrase-file pass",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "verify", struct{}{}, show(e, func(l verifyLine) {
				if l.Fault != "" {
					fmt.Fprintf(e.out, "FAULT %s: %s\n", l.Object, l.Fault)
				} else if l.Faults != nil {
					fmt.Fprintf(e.out, "%d documents, %d batches, %d bytes read: %d faults\n", *l.Documents, *l.Batches, *l.Bytes, *l.Faults)
				}
			}))
		},
	}
	c.Flags().BoolVar(&all, "all", true, "verify everything")
	return c
}

func (a *app) opVerify(ctx context.Context, r asked, out func(any) error) error {
	var bytes int64
	faults := 0
	fault := func(object string, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		faults++
		return out(verifyLine{Object: object, Fault: err.Error()})
	}
	if err := a.feed(ctx); err != nil {
		return err
	}
	// The store first: what is filed meanwhile is then in the rows, not extra.
	stored, err := a.arch.StoredDocuments(ctx)
	if err != nil {
		if err := fault("store", err); err != nil {
			return err
		}
	}
	rows, err := a.cat.Documents(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.State == record.DocumentDestroying {
			continue
		}
		delete(stored, row.ID)
		s, err := a.arch.Verify(ctx, row.ID, row.Version)
		if err == nil {
			bytes += s.Manifest.Package.Size
			if has, herr := a.index.Has(ctx, row.ID); herr != nil || !has && row.Pages > 0 {
				err = errors.Join(fmt.Errorf("it is not in the index: run \"chartvault rebuild\""), herr)
			}
		}
		if err != nil {
			if err := fault("document "+row.ID.String(), err); err != nil {
				return err
			}
		}
	}
	for id, version := range stored {
		if err := a.extra(ctx, id, version); err != nil {
			if err := fault("document "+id.String(), err); err != nil {
				return err
			}
		}
	}
	nb, err := a.verifyBatches(ctx, &bytes, fault)
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActVerified, "", map[string]any{"actor": r.Actor, "documents": len(rows), "batches": nb, "faults": faults}); err != nil {
		return err
	}
	n := len(rows)
	if err := out(verifyLine{Documents: &n, Batches: &nb, Bytes: &bytes, Faults: &faults}); err != nil {
		return err
	}
	if faults > 0 {
		return fmt.Errorf("%d faults: %w", faults, record.ErrCorrupt)
	}
	return nil
}

// extra says what is wrong with a stored document that the catalogue does not
// list: nothing when it was destroyed, or when its batch is on its way.
func (a *app) extra(ctx context.Context, id record.ID, version int) error {
	row, err := a.cat.Document(ctx, id)
	if err == nil && (row.State == record.DocumentDestroyed || row.State == record.DocumentDestroying) {
		return nil // ciphertext without a key, under a lock or put back from a copy
	}
	s, err := a.arch.Load(ctx, id, version)
	if errors.Is(err, record.ErrDestroyed) {
		return errors.New("its key is gone, and no certificate says that it was destroyed")
	}
	if err != nil {
		return err
	}
	if b, err := a.cat.Batch(ctx, s.Manifest.Batch); err == nil && !b.State.Done() {
		return nil
	}
	return errors.New("it is stored and not in the catalogue: run \"chartvault rebuild\"")
}

func (a *app) verifyBatches(ctx context.Context, bytes *int64, fault func(string, error) error) (int, error) {
	bs, err := a.cat.Batches(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, b := range bs {
		if !b.State.Done() || b.SHA256 == [32]byte{} || b.Size == 0 && b.Name.IsZero() {
			continue // on its way, or destroyed with its last document
		}
		n++
		m, err := a.arch.VerifyBatch(ctx, b.ID)
		if err == nil {
			*bytes += m.Rest.Size
			if !m.Counts.Balanced() || m.Counts != b.Counts {
				err = fmt.Errorf("its page accounting does not balance, or differs from the catalogue's: %w", record.ErrCorrupt)
			}
		}
		if err != nil {
			if err := fault("batch "+b.ID.String(), err); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
