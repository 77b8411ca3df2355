package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/sheet"
	"chartvault/internal/durable"
	"chartvault/mpi"
	"chartvault/record"
)

// patientsFile holds the patient list, sealed to the vault.
const patientsFile = "patients.age"

// kindPatients is the register's one entry about the patient list.
const kindPatients = "patients"

// patientsParams are a list as CSV text.
type patientsParams struct {
	CSV  string      `json:"csv"`
	Map  mpi.Mapping `json:"map,omitempty"`
	Part bool        `json:"part,omitempty"` // take what is good, and hand back what is not
	Dry  bool        `json:"dry,omitempty"`
}

// patientsLine says what a list holds, or what is wrong with a row of it.
type patientsLine struct {
	Numbers  int  `json:"numbers"` // chart numbers, aliases included
	People   int  `json:"people"`
	Rejected int  `json:"rejected,omitempty"` // rows
	Dry      bool `json:"dry,omitempty"`

	Sum    string      `json:"sum,omitempty"` // in the register: SHA-256 of the list as it is kept, in hex
	Reject *rejectLine `json:"reject,omitempty"`
}

type rejectLine struct {
	Row    int      `json:"row"`
	Why    string   `json:"why"`
	Fields []string `json:"fields"`
}

func (e *env) patientsCmd() *cobra.Command {
	c := &cobra.Command{Use: "patients", Short: "Keep the patient list that confirms what is read on paper"}
	c.AddCommand(e.patientsImportCmd(), e.patientsFindCmd(), e.patientsPullCmd(), e.patientsLinkCmd(), e.patientsUnlinkCmd(), e.patientsLinksCmd())
	return c
}

func (e *env) patientsImportCmd() *cobra.Command {
	var dry bool
	var mapping map[string]string
	var rejects string
	c := &cobra.Command{
		Use: "import FILE.csv", Short: "Take a patient list in place of the one before", Args: cobra.ExactArgs(1),
		Long: "Reads a CSV with a head: chart_number, name, date_of_birth (YYYY-MM-DD, YYYY-MM, YYYY or empty) and, optionally, aliases and merged\n" +
			"(further chart numbers, separated by ';', each perhaps as NUMBER@SINCE..UNTIL) and held_elsewhere. --map gives a column another\n" +
			"heading. A list with bad rows is refused, unless --rejects names a file for them: then the rest is taken. The list is kept sealed.\n" +
			"With a list, a chart number that only the text of a page names is filed under when name or date of birth agree, and a sheet for a\n" +
			"number that is not in the list waits in QA.",
		Example: "  chartvault patients import mpi.csv --map chart_number=MRN --rejects rejects.csv --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			return e.importPatients(cmd.Context(), patientsParams{CSV: string(b), Map: mapping, Part: rejects != "", Dry: dry}, rejects)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "check the list, and change nothing")
	c.Flags().StringToStringVar(&mapping, "map", nil, "COLUMN=HEADING, for a head that calls a column otherwise")
	c.Flags().StringVar(&rejects, "rejects", "", "file for rows that cannot be taken; it holds patient data")
	return c
}

// importPatients sends a list and keeps what comes back of it.
func (e *env) importPatients(ctx context.Context, p patientsParams, rejects string) error {
	var bad bytes.Buffer
	w := csv.NewWriter(&bad)
	err := e.call(ctx, "patients-import", p, func(line json.RawMessage) error {
		var l patientsLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		if l.Reject != nil {
			return w.Write(append([]string{strconv.Itoa(l.Reject.Row), l.Reject.Why}, l.Reject.Fields...))
		}
		return show(e, func(l patientsLine) {
			would := ""
			if l.Dry {
				would = "would be "
			}
			fmt.Fprintf(e.out, "%d chart numbers of %d people %sin the patient list, %d rows rejected\n", l.Numbers, l.People, would, l.Rejected)
		})(line)
	})
	if w.Flush(); err != nil || rejects == "" {
		return err
	}
	_, err = durable.Replace(rejects, &bad, 0o600)
	return err
}

func (a *app) opPatients(ctx context.Context, r asked, out func(any) error) error {
	var p patientsParams
	if err := r.params(&p); err != nil {
		return err
	}
	list, bad, err := mpi.Read(strings.NewReader(p.CSV), p.Map, a.pipeline.Sheets.Number)
	if err != nil {
		return err
	}
	if len(bad) > 0 && !p.Part {
		var errs []error
		for _, b := range bad[:min(len(bad), 50)] {
			errs = append(errs, fmt.Errorf("patient list, row %d: %w: %w", b.Row, record.ErrInvalid, b.Why))
		}
		return errors.Join(errs...)
	}
	for _, b := range bad {
		if err := out(patientsLine{Reject: &rejectLine{b.Row, b.Why.Error(), b.Fields}}); err != nil {
			return err
		}
	}
	if !p.Dry {
		if err := a.keepPatients(ctx, r.Actor, list); err != nil {
			return err
		}
	}
	return out(patientsLine{Numbers: list.Len(), People: list.People(), Rejected: len(bad), Dry: p.Dry})
}

// keepPatients seals a list and lets it take effect.
func (a *app) keepPatients(ctx context.Context, who record.Actor, list *mpi.List) error {
	var text bytes.Buffer
	if err := list.WriteCSV(&text); err != nil {
		return err
	}
	sealed, err := keys.Seal(text.Bytes(), a.vault.Journal().Recipient())
	if err != nil {
		return err
	}
	a.patientsMu.Lock() // one list after the other, each whole, whoever goes away meanwhile
	defer a.patientsMu.Unlock()
	ctx = context.WithoutCancel(ctx)
	// The entry outlives the file: an archive that moves knows that there was a list.
	e := catalog.Entry{Kind: kindPatients, ID: "list", State: "imported", At: a.now().UTC(), Body: mustJSON(patientsLine{Numbers: list.Len(), People: list.People(), Sum: sumOf(sealed)})}
	if err := a.arch.Journal(ctx, audit.ActPatients, "", change{Actor: who, Register: &e}); err != nil {
		return err
	}
	if err := a.cat.PutEntry(ctx, e); err != nil {
		return err
	}
	before := a.relatives.Load()
	if err := a.storePatients(ctx, sealed, list); err != nil {
		return err
	}
	a.listTaken.Add()
	if err := a.relateAnew(ctx); err != nil {
		return err
	}
	return a.apart(ctx, who, before, "the patient list does not say any more that they are one person's")
}

// loadPatients opens the list that was imported last, if there is one. Where one
// was imported and cannot be had, or does not fit the site's rule for chart
// numbers any more, nothing is due until a list is imported: whose numbers
// belong together is not known.
func (a *app) loadPatients(ctx context.Context, set *sheet.Set) error {
	a.readMu.Lock()
	defer a.readMu.Unlock()
	sealed, err := a.storedPatients(ctx)
	if errors.Is(err, os.ErrNotExist) {
		es, err := a.cat.EntriesIn(ctx, kindPatients)
		a.listLost.Store(len(es) > 0)
		return err
	}
	if err != nil {
		return err
	}
	b, err := keys.Open(sealed, a.vault.Journal())
	if err == nil {
		var list *mpi.List
		var bad []mpi.Reject
		if list, bad, err = mpi.Read(bytes.NewReader(b), nil, set.Number); err == nil && len(bad) == 0 {
			a.patients.Store(list)
			a.listLost.Store(false)
			return nil
		}
	}
	a.log.Error("the patient list cannot be used: import it again, or restore the rule for chart numbers; nothing is due until then")
	a.listLost.Store(true)
	return nil
}

// patientsList is the patient list's name among those the servers share.
const patientsList = "patients"

// storePatients keeps the sealed list in this machine's file, and for the other
// servers where there are any, and uses it from then on.
func (a *app) storePatients(ctx context.Context, sealed []byte, list *mpi.List) error {
	a.readMu.Lock()
	defer a.readMu.Unlock()
	if a.cat.Shared() {
		if err := a.cat.PutList(ctx, patientsList, sealed); err != nil {
			return err
		}
	}
	if _, err := durable.Replace(a.cfg.path(patientsFile), bytes.NewReader(sealed), 0o600); err != nil {
		return err
	}
	a.patients.Store(list)
	a.listLost.Store(false)
	return nil
}

// storedPatients reads the sealed list that was taken last; os.ErrNotExist when
// there is none. Where there are several servers it is the one that the register
// means: the database, or this machine's copy, may be older.
func (a *app) storedPatients(ctx context.Context) ([]byte, error) {
	own, err := os.ReadFile(a.cfg.path(patientsFile))
	if !a.cat.Shared() || err != nil && !errors.Is(err, os.ErrNotExist) {
		return own, err
	}
	e, err := a.cat.Entry(ctx, kindPatients, "list")
	if errors.Is(err, record.ErrNotFound) {
		return nil, os.ErrNotExist
	}
	var l patientsLine
	if err == nil {
		err = into(e, &l)
	}
	if err != nil {
		return nil, err
	}
	shared, err := a.cat.List(ctx, patientsList)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	switch fits := func(b []byte) bool { return b != nil && (l.Sum == "" || l.Sum == sumOf(b)) }; {
	case fits(shared):
		return shared, nil
	case fits(own): // the archive was one machine's, or the database came back from a backup
		return own, a.cat.PutList(ctx, patientsList, own)
	}
	return nil, os.ErrNotExist
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
