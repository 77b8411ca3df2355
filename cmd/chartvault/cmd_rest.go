package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/record"
)

// restParams asks for what a batch keeps outside its documents.
type restParams struct {
	Batch   record.ID `json:"batch"`
	Purpose string    `json:"purpose"`
}

// restLine is one line of the answer: a member's name, or a piece of it.
type restLine struct {
	Member string `json:"member,omitempty"`
	Chunk  []byte `json:"chunk,omitempty"`
}

func (e *env) restCmd() *cobra.Command {
	var out, purpose string
	c := &cobra.Command{
		Use:   "rest BATCH --out DIR",
		Short: "Write out what a batch keeps outside its documents",
		Long: "Writes the separator sheets and blank sides of a batch (document.pdf), or the whole scan file of one that\n" +
			"could not be read (source).",
		Example: "  chartvault rest BATCH --out rest --passphrase-file pass",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := record.ParseID(args[0])
			if err != nil {
				return fmt.Errorf("batch: %w: %w", record.ErrInvalid, err)
			}
			return e.rest(cmd.Context(), restParams{id, purpose}, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "directory to write to")
	c.Flags().StringVar(&purpose, "purpose", "operations", "purpose of use, for the audit log")
	must(c.MarkFlagRequired("out"))
	return c
}

// rest writes the members as they come: each to a file whose name is ours, not
// one a package could choose.
func (e *env) rest(ctx context.Context, p restParams, dir string) error {
	names := map[string]string{"document.pdf": "document.pdf", "source": "source", "source.original": "source.original"}
	var file *pipedFile
	finish := func() error {
		f := file
		if file = nil; f == nil {
			return nil
		}
		return f.Close()
	}
	err := e.call(ctx, "rest", p, func(b json.RawMessage) error {
		var l restLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Member == "" {
			if file == nil {
				return nil
			}
			_, err := file.Write(l.Chunk)
			return err
		}
		if err := finish(); err != nil {
			return err
		}
		name, ok := names[l.Member]
		if !ok {
			return nil
		}
		path := filepath.Join(dir, p.Batch.String()+"-"+name)
		file = pipeTo(path)
		if e.json {
			return json.NewEncoder(e.out).Encode(map[string]string{"batch": p.Batch.String(), "file": path})
		}
		_, err := fmt.Fprintln(e.out, path)
		return err
	})
	if err != nil && file != nil {
		file.abandon()
		return err
	}
	if ferr := finish(); err == nil {
		err = ferr
	}
	return err
}

func (a *app) opRest(ctx context.Context, r asked, out func(any) error) error {
	var p restParams
	if err := r.params(&p); err != nil {
		return err
	}
	return a.arch.ReadRest(ctx, archive.Access{Actor: r.Actor, Purpose: p.Purpose}, p.Batch, func(name string) (io.Writer, error) {
		return writerFunc(func(b []byte) (int, error) { return len(b), out(restLine{Chunk: bytes.Clone(b)}) }), out(restLine{Member: name})
	})
}
