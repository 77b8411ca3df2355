package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/internal/durable"
	"chartvault/record"
)

// patientsFile holds the patient list, sealed to the vault.
const patientsFile = "patients.age"

// patientsParams are a list as CSV text.
type patientsParams struct {
	CSV string `json:"csv"`
	Dry bool   `json:"dry,omitempty"`
}

// patientsLine says what a list holds.
type patientsLine struct {
	Numbers int  `json:"numbers"` // chart numbers, aliases included
	Dry     bool `json:"dry,omitempty"`
}

func (e *env) patientsCmd() *cobra.Command {
	c := &cobra.Command{Use: "patients", Short: "Keep the patient list that confirms what is read on paper"}
	var dry bool
	imp := &cobra.Command{
		Use: "import FILE.csv", Short: "Take a patient list in place of the one before", Args: cobra.ExactArgs(1),
		Long:    "Reads a CSV with a header: chart_number, name, date_of_birth (YYYY-MM-DD or empty) and, optionally, aliases (further\nchart numbers, separated by ';'). The list is kept sealed. With a list, a chart number that only the text of a page\nnames is filed under when name or date of birth agree, and a sheet for a number that is not in the list waits in QA.",
		Example: "  chartvault patients import mpi.csv --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "patients-import", patientsParams{CSV: string(b), Dry: dry}, show(e, func(l patientsLine) {
				would := ""
				if l.Dry {
					would = "would be "
				}
				fmt.Fprintf(e.out, "%d chart numbers %sin the patient list\n", l.Numbers, would)
			}))
		},
	}
	imp.Flags().BoolVar(&dry, "dry-run", false, "check the list, and change nothing")
	c.AddCommand(imp)
	return c
}

func (a *app) opPatients(ctx context.Context, r asked, out func(any) error) error {
	var p patientsParams
	if err := r.params(&p); err != nil {
		return err
	}
	list, err := fields.ReadPatients(strings.NewReader(p.CSV), a.pipeline.Sheets.Number)
	if err != nil {
		return err
	}
	if !p.Dry {
		sealed, err := keys.Seal([]byte(p.CSV), a.vault.Journal().Recipient())
		if err != nil {
			return err
		}
		if err := a.arch.Journal(ctx, audit.ActPatients, "", map[string]any{"actor": r.Actor, "numbers": list.Len()}); err != nil {
			return err
		}
		if _, err := durable.Replace(a.cfg.path(patientsFile), bytes.NewReader(sealed), 0o600); err != nil {
			return err
		}
		a.patients.Store(list)
	}
	return out(patientsLine{Numbers: list.Len(), Dry: p.Dry})
}

// loadPatients opens the list that was imported last, if there is one.
func (a *app) loadPatients(set *sheet.Set) error {
	f, err := os.Open(a.cfg.path(patientsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // read-only
	sealed, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	b, err := keys.Open(sealed, a.vault.Journal())
	if err != nil {
		return fmt.Errorf("patient list: %w", err)
	}
	list, err := fields.ReadPatients(bytes.NewReader(b), set.Number)
	if err != nil {
		// The site's rule for chart numbers changed since.
		return fmt.Errorf("%w; import the list again or restore the rule: %w", err, record.ErrNotReady)
	}
	a.patients.Store(list)
	return nil
}
