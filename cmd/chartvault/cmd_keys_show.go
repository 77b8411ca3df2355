package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/record"
)

type keysListLine struct {
	Site     string               `json:"site"`
	Turn     int                  `json:"turn"` // rotations of the vault identity
	Turning  bool                 `json:"turning,omitempty"`
	Vault    string               `json:"vault"` // recipient
	Recovery []string             `json:"recovery"`
	Drills   map[string]time.Time `json:"drills"` // by recovery recipient
	Ways     []keys.Way           `json:"ways,omitempty"`
	Keys     []int                `json:"keys"` // that each place shows
	Signer   string               `json:"signer"`
}

func (e *env) keysListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what opens the archive, and when recovery was rehearsed", Args: cobra.NoArgs, Example: "  chartvault keys list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "keys-list", struct{}{}, show(e, func(l keysListLine) {
				fmt.Fprintf(e.out, "site %s, vault identity %d, ends %s\n", l.Site, l.Turn, tail(l.Vault))
				if l.Turning {
					fmt.Fprintln(e.out, "  a rotation is not finished: run \"chartvault keys rotate\"")
				}
				for _, r := range l.Recovery {
					when := "never rehearsed"
					if t, ok := l.Drills[r]; ok {
						when = "rehearsed " + t.Format(time.DateOnly)
					}
					fmt.Fprintf(e.out, "  recovery ends %s, %s\n", tail(r), when)
				}
				for _, w := range l.Ways {
					fmt.Fprintf(e.out, "  way %s, %s\n", w.Name, tail(w.Recipient))
				}
				for i, n := range l.Keys {
					fmt.Fprintf(e.out, "  place %d: %d keys of documents and batches\n", i+1, n)
				}
				fmt.Fprintf(e.out, "  depositor %s (this machine)\n", l.Signer)
			}))
		},
	}
}

// tail names a recipient by its end: hybrid ones have two thousand letters.
func tail(s string) string { return s[max(len(s)-12, 0):] }

func (a *app) opKeysList(ctx context.Context, _ asked, out func(any) error) error {
	site := a.vault.Site()
	l := keysListLine{Site: site.ID, Turn: site.Turn, Turning: a.vault.Turning(), Vault: site.Vault, Recovery: a.vault.Recovery(), Ways: a.vault.Ways(), Signer: a.station.ID()}
	var err error
	if l.Drills, err = a.drills(ctx); err != nil {
		return err
	}
	if l.Keys, err = a.vault.Count(ctx); err != nil {
		return err
	}
	return out(l)
}

type keyParams struct {
	ID string `json:"id"`
	To string `json:"to,omitempty"`
}

type keyLine struct {
	ID record.ID `json:"id"`
	keys.Inspection
}

func (e *env) keysInspectCmd() *cobra.Command {
	return &cobra.Command{
		Use: "inspect ID", Short: "Say where the key of a document or batch lies, without showing it", Args: cobra.ExactArgs(1), Example: "  chartvault keys inspect kq7cdhvdp2ysprwztgjpq52fia",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "keys-inspect", keyParams{ID: args[0]}, show(e, func(l keyLine) {
				fmt.Fprintf(e.out, "%s: recipient ends %s\n", l.ID, tail(l.Recipient))
				for i, p := range l.Places {
					fmt.Fprintf(e.out, "  place %d: %s\n", i+1, p)
				}
			}))
		},
	}
}

func (a *app) opKeysInspect(ctx context.Context, r asked, out func(any) error) error {
	_, id, err := a.keyAsked(ctx, r)
	if err != nil {
		return err
	}
	in, err := a.vault.Inspect(ctx, id)
	if err != nil {
		return err
	}
	return out(keyLine{id, in})
}

// keyAsked reads what is asked of the key of a document or batch that is, or
// was, in the archive: a key that never was is not a destroyed one.
func (a *app) keyAsked(ctx context.Context, r asked) (p keyParams, id record.ID, err error) {
	if err := r.params(&p); err != nil {
		return p, id, err
	}
	if id, err = record.ParseID(p.ID); err != nil {
		return p, id, err
	}
	if _, err = a.cat.Document(ctx, id); errors.Is(err, record.ErrNotFound) {
		_, err = a.cat.Batch(ctx, id)
	}
	return p, id, err
}

type exportLine struct {
	Sealed []byte `json:"sealed"`
}

func (e *env) keysExportCmd() *cobra.Command {
	var p keyParams
	var file string
	c := &cobra.Command{
		Use: "export ID --to RECIPIENT --out FILE", Short: "Hand the key of one document to somebody, sealed to them", Args: cobra.ExactArgs(1),
		Long:    "Writes the identity of one document or batch, as the stock age tool reads it, encrypted to an age recipient. Whoever opens\nit reads that document for ever, wherever its objects are: it is logged as a disclosure.",
		Example: "  chartvault keys export kq7cdhvdp2ysprwztgjpq52fia --to age1... --out doc.key.age",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.ID = args[0]
			return e.call(cmd.Context(), "keys-export", p, func(line json.RawMessage) error {
				var l exportLine
				if err := json.Unmarshal(line, &l); err != nil {
					return err
				}
				_, err := durable.Create(file, bytes.NewReader(l.Sealed), 0o600)
				return err
			})
		},
	}
	c.Flags().StringVar(&p.To, "to", "", "age recipient")
	c.Flags().StringVar(&file, "out", "", "file to write")
	must(c.MarkFlagRequired("to"))
	must(c.MarkFlagRequired("out"))
	return c
}

func (a *app) opKeysExport(ctx context.Context, r asked, out func(any) error) error {
	p, id, err := a.keyAsked(ctx, r)
	if err != nil {
		return err
	}
	b, err := a.vault.Export(ctx, id, p.To)
	if err != nil {
		return err
	}
	k, err := a.vault.Key(ctx, id)
	if err != nil {
		return err
	}
	// Before it leaves.
	if err := a.arch.Note(ctx, audit.ActKeyExported, k, map[string]any{"actor": r.Actor, "to": p.To}); err != nil {
		return err
	}
	return out(exportLine{b})
}
