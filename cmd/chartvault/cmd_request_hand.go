package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/release"
)

func (e *env) requestLetterCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "letter ID NAME --out FILE.pdf", Short: "Write a letter to the requester, as PDF", Args: cobra.ExactArgs(2),
		Long: "Letters: " + strings.Join(release.Letters(), ", ") + ".", Example: "  chartvault request letter R000001 acknowledgement --out letter.pdf",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.savePDF(cmd, "request-letter", letterParams{args[0], args[1]}, out)
		},
	}
	c.Flags().StringVar(&out, "out", "letter.pdf", "file to write")
	return c
}

// savePDF writes the PDF that an operation makes to a file.
func (e *env) savePDF(cmd *cobra.Command, op string, params any, out string) error {
	return e.call(cmd.Context(), op, params, func(b json.RawMessage) error {
		var l pdfLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		_, err := durable.Replace(out, bytes.NewReader(l.PDF), 0o600)
		return err
	})
}

func (e *env) requestHandCmd() *cobra.Command {
	var p handParams
	var out, passFile string
	c := &cobra.Command{
		Use: "hand ID --method TEXT --out FILE", Short: "Hand a checked request over: write the disclosure down, and its package to a file", Args: cobra.ExactArgs(1),
		Example: "  chartvault request hand R000001 --method \"collected in person\" --out R000001.pdf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.ID = args[0]; passFile != "" {
				b, err := os.ReadFile(passFile)
				if err != nil {
					return err
				}
				p.Password = strings.TrimRight(string(b), "\r\n")
			}
			return e.hand(cmd, p, out)
		},
	}
	c.Flags().StringVar(&p.Format, "format", "pdf", "pdf or zip")
	c.Flags().StringVar(&passFile, "password-file", "", "file with a password for the PDF")
	c.Flags().StringVar(&p.Recipient, "to", "", "an age recipient the package is encrypted to")
	c.Flags().StringVar(&p.Handing.Method, "method", "", "how it is handed over: by post, in person, by a portal")
	c.Flags().StringVar(&p.Handing.Again, "again", "", "why it is handed over once more, when it was")
	c.Flags().TextVar(&p.Handing.Suspended, "suspend-until", record.Date{}, "do not list it in the patient's accounting before this day (oversight and law enforcement)")
	c.Flags().StringVar(&p.Handing.Basis, "suspend-basis", "", "the statement that asks for it")
	c.Flags().StringVar(&out, "out", "", "file to write")
	must(c.MarkFlagRequired("method"))
	must(c.MarkFlagRequired("out"))
	return c
}

func (e *env) hand(cmd *cobra.Command, p handParams, out string) error {
	var file *pipedFile
	var said handLine
	if err := writable(out); err != nil { // before it is written down that it left
		return err
	}
	err := e.call(cmd.Context(), "request-hand", p, func(b json.RawMessage) error {
		var l handLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if file == nil {
			said, file = l, pipeTo(out)
			return nil
		}
		_, err := file.Write(l.Chunk)
		return err
	})
	if file == nil {
		return err
	}
	if err != nil {
		file.abandon()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.out).Encode(said)
	}
	_, err = fmt.Fprintf(e.out, "%s  %d pages, %d bytes, SHA-256 %s, in %s\n", said.Disclosure, said.Pages, said.Bytes, said.SHA256, out)
	return err
}
