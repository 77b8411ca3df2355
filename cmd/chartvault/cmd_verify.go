package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// verifyParams say what to verify: everything, or some of it.
type verifyParams struct {
	Sample int    `json:"sample,omitempty"` // so many documents at random; 0 for all
	Since  string `json:"since,omitempty"`  // documents filed on this day or later
	Index  bool   `json:"index,omitempty"`  // the index against the catalogue, and nothing else
}

// verifyLine is one fault, or the sum at the end.
type verifyLine struct {
	Object    string       `json:"object,omitempty"` // "document ID", "batch ID", or an object's name
	Kind      archive.Kind `json:"kind,omitempty"`
	Fault     string       `json:"fault,omitempty"`
	Documents *int         `json:"documents,omitempty"`
	Batches   *int         `json:"batches,omitempty"`
	Bytes     *int64       `json:"bytes,omitempty"`
	Indexed   *int         `json:"indexed,omitempty"` // documents compared with the index
	Faults    *int         `json:"faults,omitempty"`
}

func (e *env) verifyCmd() *cobra.Command {
	var all bool
	var p verifyParams
	c := &cobra.Command{
		Use:   "verify [--all | --sample N | --since DATE | --index]",
		Short: "Re-read stored objects against their signed manifests",
		Long: "Reads every object of documents and batches to its end, decrypts it, and compares sizes, hashes and signatures; with --all,\n" +
			"then compares the catalogue with the store, the index with the catalogue, and destroyed documents with the keys.\n" +
			"--index compares the index with the catalogue alone, and the words of some documents with their manifests.\n" +
			"Says of each fault what happened: missing, truncated, altered, swapped, rolled back, replaced, forged, key missing, key\n" +
			"changed, key back. Prints faults and a sum; exit code 6 when there are faults.",
		Example: "  chartvault verify --all --json --passphrase-file pass\n  chartvault verify --sample 200\n  chartvault verify --since 2026-11-01",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "verify", p, show(e, func(l verifyLine) {
				switch {
				case l.Fault != "":
					fmt.Fprintf(e.out, "FAULT %s: %s\n", l.Object, l.Fault)
				case l.Indexed != nil && p.Index:
					fmt.Fprintf(e.out, "%d documents in the index: %d faults\n", *l.Indexed, *l.Faults)
				case l.Faults != nil:
					fmt.Fprintf(e.out, "%d documents, %d batches, %d bytes read: %d faults\n", *l.Documents, *l.Batches, *l.Bytes, *l.Faults)
				}
			}))
		},
	}
	f := c.Flags()
	f.BoolVar(&all, "all", true, "verify everything")
	f.IntVar(&p.Sample, "sample", 0, "verify so many documents, chosen at random")
	f.StringVar(&p.Since, "since", "", "verify documents filed on this day (YYYY-MM-DD) or later")
	f.BoolVar(&p.Index, "index", false, "verify the index alone")
	c.MarkFlagsMutuallyExclusive("all", "sample", "since", "index")
	return c
}

// verification is a verification on its way.
type verification struct {
	*app
	out                        func(any) error
	documents, batches, faults int
	indexed                    int
	bytes                      int64
}

func (v *verification) fault(object string, kind archive.Kind, what string) error {
	v.faults++
	return v.out(verifyLine{Object: object, Kind: kind, Fault: what})
}

func (a *app) opVerify(ctx context.Context, r asked, out func(any) error) error {
	var p verifyParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil && !errors.Is(err, record.ErrCorrupt) {
		return err // what cannot be fed because it is damaged is found below
	}
	for more := true; more; {
		var err error
		if more, err = a.recordMissing(ctx); err != nil {
			return err
		}
	}
	v := &verification{app: a, out: out}
	var err error
	switch {
	case p.Index:
		err = v.checkIndex(ctx)
	case p == (verifyParams{}):
		err = v.everything(ctx)
	default:
		err = v.some(ctx, p)
	}
	if err != nil {
		return err
	}
	err = a.arch.Journal(ctx, audit.ActVerified, "", map[string]any{"actor": r.Actor, "documents": v.documents, "batches": v.batches, "indexed": v.indexed, "faults": v.faults, "of": p})
	if err != nil {
		return err
	}
	if err := out(verifyLine{Documents: &v.documents, Batches: &v.batches, Bytes: &v.bytes, Indexed: &v.indexed, Faults: &v.faults}); err != nil {
		return err
	}
	if v.faults > 0 {
		return fmt.Errorf("%d faults: %w", v.faults, record.ErrCorrupt)
	}
	return nil
}

// some verifies a sample, or what was filed since a day.
func (v *verification) some(ctx context.Context, p verifyParams) error {
	since, err := record.ParseDate(p.Since)
	if err != nil || p.Sample < 0 {
		return fmt.Errorf("verify: %w: want --sample N or --since YYYY-MM-DD", record.ErrInvalid)
	}
	var chosen []catalog.Row
	seen := 0
	err = v.cat.EachDocument(ctx, func(r catalog.Row) error {
		if p.Since != "" && since.After(record.DateOf(r.FiledAt)) {
			return nil
		}
		seen++
		switch i := rand.IntN(seen); {
		case p.Sample == 0 || len(chosen) < p.Sample:
			chosen = append(chosen, r)
		case i < p.Sample:
			chosen[i] = r
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range chosen {
		if err := v.document(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) document(ctx context.Context, row catalog.Row) error {
	if row.State == record.DocumentDestroying {
		return nil
	}
	v.documents++
	return v.owner(ctx, "document "+row.ID.String(), row.ID)
}

func (v *verification) owner(ctx context.Context, what string, id record.ID) error {
	faults, bytes, err := v.verifyOwner(ctx, id)
	if err != nil {
		return err
	}
	v.bytes += bytes
	for _, f := range faults {
		if err := v.fault(what, f.Kind, f.Error()); err != nil {
			return err
		}
	}
	return nil
}

// everything verifies all there is, and that there is nothing else.
func (v *verification) everything(ctx context.Context) error {
	// The store first: what is filed meanwhile is then in the rows, not extra.
	stored, err := v.arch.StoredDocuments(ctx)
	if err != nil {
		if err := v.fault("store", "", err.Error()); err != nil {
			return err
		}
	}
	err = v.cat.EachDocument(ctx, func(row catalog.Row) error {
		delete(stored, row.ID)
		return v.document(ctx, row)
	})
	if err != nil {
		return err
	}
	for id, version := range stored {
		if err := v.extra(ctx, id, version); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := v.fault("document "+id.String(), "", err.Error()); err != nil {
				return err
			}
		}
	}
	back, err := v.keysBack(ctx)
	if err != nil {
		return err
	}
	for _, f := range back {
		if err := v.fault(f.Object, f.Kind, f.Error()); err != nil {
			return err
		}
	}
	if err := v.checkIndex(ctx); err != nil {
		return err
	}
	return v.allBatches(ctx)
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

func (v *verification) allBatches(ctx context.Context) error {
	bs, err := v.cat.Batches(ctx)
	if err != nil {
		return err
	}
	for _, b := range bs {
		if !b.State.Done() || b.SHA256 == [32]byte{} || b.Size == 0 && b.Name.IsZero() {
			continue // on its way, or destroyed with its last document
		}
		v.batches++
		if err := v.owner(ctx, "batch "+b.ID.String(), b.ID); err != nil {
			return err
		}
	}
	return nil
}
