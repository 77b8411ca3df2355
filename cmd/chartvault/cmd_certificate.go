package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/disposition"
	"chartvault/internal/durable"
	"chartvault/record"
)

// certificateLine is a certificate's text, and its annex opened when that was
// asked for.
type certificateLine struct {
	Number string `json:"number"`
	Text   string `json:"text"`
	Annex  string `json:"annex,omitempty"`
}

// certificateParams name a certificate; Annex opens its list of charts, too.
type certificateParams struct {
	Number string `json:"number,omitempty"`
	Annex  bool   `json:"annex,omitempty"`
}

func (e *env) certificateCmd() *cobra.Command {
	c := &cobra.Command{Use: "certificate", Short: "List, print and verify certificates of destruction"}
	list := &cobra.Command{
		Use: "list", Short: "List certificates", Example: "  chartvault certificate list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "certificate-list", certificateParams{}, func(b json.RawMessage) error {
				c, _, err := readLine(b)
				if err != nil {
					return err
				}
				if e.json {
					return json.NewEncoder(e.out).Encode(c)
				}
				fmt.Fprintf(e.out, "%s  %s: %s, plan %s\n", c.Number, c.DestroyedOn, c.Description, c.Plan)
				return nil
			})
		},
	}
	var dir string
	print := &cobra.Command{
		Use: "print NUMBER --out DIR", Short: "Write a certificate as PDF to sign and as JSON to verify", Args: cobra.ExactArgs(1),
		Example: "  chartvault certificate print 000001 --out /tmp",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "certificate-list", certificateParams{Number: args[0]}, func(b json.RawMessage) error {
				c, l, err := readLine(b)
				if err != nil {
					return err
				}
				return e.printCertificate(c, l.Text, dir)
			})
		},
	}
	print.Flags().StringVar(&dir, "out", ".", "directory to write to")
	annex := &cobra.Command{
		Use: "annex NUMBER", Short: "Print which chart each destroyed document was of: the list that is sealed", Args: cobra.ExactArgs(1),
		Example: "  chartvault certificate annex 000001",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "certificate-list", certificateParams{args[0], true}, show(e, func(l certificateLine) { fmt.Fprint(e.out, l.Annex) }))
		},
	}
	c.AddCommand(list, print, annex, e.certificateVerifyCmd())
	return c
}

func readLine(b json.RawMessage) (c disposition.Certificate, l certificateLine, err error) {
	if err = json.Unmarshal(b, &l); err == nil {
		c, err = disposition.Unseal(l.Text)
	}
	return c, l, err
}

// certificateVerifyCmd needs no archive.
func (e *env) certificateVerifyCmd() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify FILE.json... --key HEX", Short: "Verify certificates offline, and that they follow each other", Args: cobra.MinimumNArgs(1),
		Long:    "Needs nothing but the files and the signer's public key, which \"chartvault certificate print\" writes beside them\n(signer.pub). Names every field that was changed. Several files of one series, in order, are checked as a chain.",
		Example: "  chartvault certificate verify certificate-000001.json --key signer.pub",
		RunE: func(_ *cobra.Command, files []string) error {
			if b, err := os.ReadFile(key); err == nil {
				key = strings.TrimSpace(string(b))
			}
			pub, err := hex.DecodeString(key)
			if err != nil || len(pub) != ed25519.PublicKeySize {
				return fmt.Errorf("key: %w: want 64 hex digits, or a file of them", record.ErrInvalid)
			}
			var texts []string
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					return err
				}
				c, err := disposition.ReadCertificate(b, pub)
				if err != nil {
					return fmt.Errorf("%s: %w", f, err)
				}
				texts = append(texts, string(b))
				fmt.Fprintf(e.out, "%s: good: %s, destroyed on %s\n", c.Number, c.Description, c.DestroyedOn)
			}
			return disposition.CheckChain(texts)
		},
	}
	c.Flags().StringVar(&key, "key", "", "the signer's public key: 64 hex digits, or a file of them")
	must(c.MarkFlagRequired("key"))
	return c
}

func (e *env) printCertificate(c disposition.Certificate, text, dir string) error {
	var pdf bytes.Buffer
	if err := disposition.Print(&pdf, c, []byte(text)); err != nil {
		return err
	}
	station, err := keys.OpenStation(filepath.Join(e.data, "station.key"))
	if err != nil {
		return err
	}
	base := "certificate-" + c.Number
	for name, b := range map[string][]byte{base + ".pdf": pdf.Bytes(), base + ".json": []byte(text), "signer.pub": []byte(hex.EncodeToString(station.Public()) + "\n")} {
		if _, err := durable.Replace(filepath.Join(dir, name), bytes.NewReader(b), 0o600); err != nil {
			return err
		}
		fmt.Fprintln(e.out, filepath.Join(dir, name))
	}
	return nil
}

// opCertificates lists certificates, or the one whose number is asked for.
func (a *app) opCertificates(ctx context.Context, r asked, out func(any) error) error {
	var p certificateParams
	if err := r.params(&p); err != nil {
		return err
	}
	if p.Number == "" {
		return a.desk.Certificates(ctx, func(number, text string) error { return out(certificateLine{Number: number, Text: text}) })
	}
	text, annex, err := a.desk.Certificate(ctx, p.Number)
	if err != nil {
		return err
	}
	l := certificateLine{Number: p.Number, Text: text}
	if p.Annex && len(annex) > 0 {
		// It names charts: who looks is logged first.
		if err := a.arch.Journal(ctx, audit.ActLookup, p.Number, map[string]any{"actor": r.Actor, "purpose": "annex of a certificate"}); err != nil {
			return err
		}
		plain, err := keys.Open(annex, a.vault.Journal())
		if err != nil {
			return fmt.Errorf("annex of certificate %s: %w", p.Number, record.ErrCorrupt)
		}
		l.Annex = string(plain)
	}
	return out(l)
}
