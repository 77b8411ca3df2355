package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/retention"
)

func (e *env) certificateCmd() *cobra.Command {
	c := &cobra.Command{Use: "certificate", Short: "List and print certificates of destruction"}
	list := &cobra.Command{
		Use: "list", Short: "List certificates", Example: "  chartvault certificate list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "certificate-list", planParams{}, show(e, func(c retention.Certificate) {
				fmt.Fprintf(e.out, "%s  %s: %d documents, plan %s\n", c.Number, c.DestroyedOn, len(c.Documents), c.Plan)
			}))
		},
	}
	var dir string
	print := &cobra.Command{
		Use: "print NUMBER --out DIR", Short: "Write a certificate as PDF and JSON", Example: "  chartvault certificate print 000001 --out /tmp", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "certificate-list", planParams{ID: args[0]}, func(b json.RawMessage) error {
				var c retention.Certificate
				if err := json.Unmarshal(b, &c); err != nil {
					return err
				}
				return e.printCertificate(c, b, dir)
			})
		},
	}
	print.Flags().StringVar(&dir, "out", ".", "directory to write to")
	c.AddCommand(list, print)
	return c
}

func (e *env) printCertificate(c retention.Certificate, raw json.RawMessage, dir string) error {
	base := filepath.Join(dir, "certificate-"+c.Number)
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(c.Print(pw)) }()
	if _, err := durable.Replace(base+".pdf", pr, 0o600); err != nil {
		return err
	}
	pr, pw = io.Pipe()
	go func() {
		_, err := pw.Write(append(raw, '\n'))
		pw.CloseWithError(err)
	}()
	if _, err := durable.Replace(base+".json", pr, 0o600); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s.pdf\n%s.json\n", base, base)
	return nil
}

// opCertificates lists certificates, or the one whose number is asked for.
func (a *app) opCertificates(ctx context.Context, r asked, out func(any) error) error {
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	if p.ID != "" {
		e, err := a.cat.Entry(ctx, catalog.KindCertificate, p.ID)
		if err != nil {
			return err
		}
		return out(e.Body)
	}
	es, err := a.cat.Entries(ctx, catalog.KindCertificate)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := out(e.Body); err != nil {
			return err
		}
	}
	return nil
}
