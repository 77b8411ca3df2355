package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"chartvault/archive/blob"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/ocr/tesseract"
	"chartvault/record"

	"strings"
)

// statusLine sums the archive up.
type statusLine struct {
	Documents int      `json:"documents"`
	QA        int      `json:"qa_documents"`
	Batches   int      `json:"batches"`
	Open      int      `json:"batches_open"`
	PagesIn   int      `json:"pages_in"`
	Oldest    string   `json:"qa_oldest,omitempty"`       // when what waits longest for a decision was filed
	LastHour  int      `json:"pages_last_hour,omitempty"` // that came in
	Waiting   []string `json:"waiting,omitempty"`         // reasons only: a name may name a patient
	Halted    string   `json:"halted,omitempty"`
	Entries   int64    `json:"log_entries"`
	Stored    census   `json:"stored"`
	Warnings  []string `json:"warnings,omitempty"` // what the site should mend, in words
}

// census is how far the store has been looked at.
type census struct {
	catalog.Census
	Day    string `json:"since"`      // objects seen since
	Period string `json:"read_since"` // objects read since
}

func (e *env) statusCmd() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Sum up the archive", Example: "  chartvault status --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "status", struct{}{}, show(e, func(s statusLine) {
				fmt.Fprintf(e.out, "%d documents (%d in QA), %d batches (%d open), %d pages, %d log entries\n", s.Documents, s.QA, s.Batches, s.Open, s.PagesIn, s.Entries)
				for _, w := range s.Waiting {
					fmt.Fprintf(e.out, "  waiting in the scan folder: %s\n", w)
				}
				if s.Halted != "" {
					fmt.Fprintf(e.out, "  NOT CLAIMING: %s\n", s.Halted)
				}
				fmt.Fprintf(e.out, "  %d objects stored, %d MiB: %d looked at since %s, %d read again since %s, %d with a fault\n",
					s.Stored.Objects, s.Stored.Bytes>>20, s.Stored.Seen, s.Stored.Day, s.Stored.Read, s.Stored.Period, s.Stored.Faults)
				for _, w := range s.Warnings {
					fmt.Fprintf(e.out, "  warning: %s\n", w)
				}
			}))
		},
	}
}

func (a *app) status(ctx context.Context) (statusLine, error) {
	var s statusLine
	t, err := a.cat.Totals(ctx)
	if err != nil {
		return s, err
	}
	s.Documents, s.QA, s.Batches, s.Open, s.PagesIn, s.Entries = t.Documents, t.QA, t.Batches, t.Open, t.Pages, a.arch.Log.Size()
	if s.Oldest, s.LastHour, err = a.pace(ctx); err != nil {
		return s, err
	}
	if a.watcher != nil {
		for _, w := range a.watcher.Waiting() {
			s.Waiting = append(s.Waiting, w.Why.Error())
		}
		if err := a.watcher.Halted(); err != nil {
			s.Halted = err.Error()
		}
	}
	seen, read := a.lately()
	if s.Stored.Census, err = a.countObjects(ctx, seen, read); err != nil {
		return s, err
	}
	s.Stored.Day, s.Stored.Period = seen.Format(time.DateOnly), read.Format(time.DateOnly)
	s.Warnings = a.warnings(ctx, s.Stored.Faults)
	return s, nil
}

// pace is since when what waits longest for a decision waits, "" for nothing, and how
// many pages came in within the last hour.
func (a *app) pace(ctx context.Context) (oldest string, pages int, err error) {
	rows, err := a.cat.WaitingPart(ctx, catalog.Part{Most: 1})
	if err != nil {
		return "", 0, err
	}
	if len(rows) > 0 {
		oldest = rows[0].FiledAt.UTC().Format(time.RFC3339)
	}
	now := a.now()
	sums, err := a.cat.SumBatches(ctx, []time.Time{now.Add(-time.Hour), now.Add(time.Minute)})
	if err != nil {
		return "", 0, err
	}
	return oldest, sums[0].PagesIn, nil
}

// counted is the census as it was counted last, and when.
type counted struct {
	census catalog.Census
	at     time.Time
}

// countEvery is how old a census may be that is shown: it counts every object.
const countEvery = time.Minute

// lately is since when every object should have been looked at, and read again.
func (a *app) lately() (seen, read time.Time) {
	return a.now().Add(-time.Duration(a.cfg.Integrity.Census)), a.now().Add(-time.Duration(a.cfg.Integrity.Reread))
}

// countObjects counts what the store holds, once a minute at most.
func (a *app) countObjects(ctx context.Context, seen, read time.Time) (catalog.Census, error) {
	a.countMu.Lock()
	defer a.countMu.Unlock()
	if a.counted != nil && a.now().Sub(a.counted.at).Abs() < countEvery {
		return a.counted.census, nil
	}
	n, err := a.cat.Census(ctx, seen, read)
	if err == nil {
		a.counted = &counted{n, a.now()}
	}
	return n, err
}

func (a *app) opStatus(ctx context.Context, _ asked, out func(any) error) error {
	s, err := a.status(ctx)
	if err != nil {
		return err
	}
	return out(s)
}

// checkLine is one check of the doctor.
type checkLine struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "warn" or "fail"
	Detail string `json:"detail,omitempty"`
}

func (e *env) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check configuration, stores, keys, reader, disk and log",
		Long:    "Looks at everything the archive depends on. Without a passphrase it checks what can be checked sealed.",
		Example: "  chartvault doctor --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.doctor(cmd.Context()) },
	}
}

func (e *env) doctor(ctx context.Context) error {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	failed := 0
	say := func(check string, warn bool, err error, detail string) error {
		l := checkLine{check, "ok", detail}
		if err != nil {
			l.Result, l.Detail = "fail", err.Error()
			if warn {
				l.Result = "warn"
			} else {
				failed++
			}
		}
		return show(e, func(l checkLine) { fmt.Fprintf(e.out, "%-4s  %s  %s\n", l.Result, l.Check, l.Detail) })(mustJSON(l))
	}
	for _, c := range []struct {
		name string
		warn bool
		f    func(context.Context, *config) (string, error)
	}{
		{"data directory is private", false, e.checkPrivate},
		{"recovery identity is off this machine", true, e.checkRecovery},
		{"stores answer and refuse to overwrite", false, checkStores},
		{"keys are kept in more than one place", true, checkPlaces},
		{"tesseract and its model", false, checkReader},
		{"disk", false, checkDisk},
		{"clocks agree", false, checkClocks},
		{"retention schedule", true, checkSchedule},
		{"audit log", false, checkLog},
		{"audit log is witnessed", true, checkWitness},
	} {
		detail, err := c.f(ctx, cfg)
		if err := say(c.name, c.warn, err, detail); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("doctor: %d checks failed: %w", failed, record.ErrInvalid)
	}
	return nil
}

func (e *env) checkPrivate(context.Context, *config) (string, error) {
	st, err := os.Stat(e.data)
	if err != nil {
		return "", err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be read by others: chmod 700", e.data)
	}
	return st.Mode().Perm().String(), nil
}

func (e *env) checkRecovery(_ context.Context, cfg *config) (string, error) {
	if _, err := os.Stat(cfg.path(recoveryFile)); err == nil {
		return "", fmt.Errorf("%s is still here: move it to two places that are not this machine", cfg.path(recoveryFile))
	}
	return "", nil
}

func checkStores(ctx context.Context, cfg *config) (string, error) {
	docs, _, err := cfg.stores(ctx)
	if err != nil {
		return "", err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return "", err
	}
	name := "probe/" + id.String()
	put := func() error { _, err := docs.Put(ctx, name, strings.NewReader("probe"), 5); return err }
	if err := put(); err != nil {
		return "", err
	}
	again := put()
	if err := docs.Delete(ctx, name); err != nil {
		return "", err
	}
	if !errors.Is(again, blob.ErrExist) {
		return "", errors.New("the store overwrites objects")
	}
	if _, ok := docs.(blob.Locker); !ok {
		return "no retention locks: this store cannot keep an administrator from deleting", nil
	}
	return "retention locks supported", nil
}

func checkPlaces(_ context.Context, cfg *config) (string, error) {
	if cfg.Storage.S3 == nil && len(cfg.Storage.Keys) < 2 {
		return "", errors.New("one place: losing it is losing the archive; add a second to storage.keys, on another disk")
	}
	return "", nil
}

func checkReader(context.Context, *config) (string, error) {
	v := tesseract.Version()
	for _, dir := range []string{"/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata"} {
		if _, err := os.Stat(dir + "/eng.traineddata"); err == nil {
			return "tesseract " + v + ", " + dir, nil
		}
	}
	return "", errors.New("no model eng.traineddata: apt-get install tesseract-ocr-eng")
}

func checkDisk(_ context.Context, cfg *config) (string, error) {
	free, err := durable.Free(cfg.dir)
	if err != nil {
		return "", err
	}
	if free < cfg.Ingest.ReserveMiB<<20 {
		return "", fmt.Errorf("%d MiB free, %d are reserved: %w", free>>20, cfg.Ingest.ReserveMiB, record.ErrNoSpace)
	}
	return fmt.Sprintf("%d MiB free", free>>20), nil
}

func checkClocks(ctx context.Context, cfg *config) (string, error) {
	docs, _, err := cfg.stores(ctx)
	if err != nil {
		return "", err
	}
	c, ok := docs.(blob.Clock)
	if !ok {
		return "the store has no clock of its own", nil
	}
	t, err := c.Now(ctx)
	if err != nil {
		return "", err
	}
	if d := time.Since(t).Abs(); d > 5*time.Minute {
		return "", fmt.Errorf("the storage server's clock differs by %s", d.Round(time.Second))
	}
	return "", nil
}

func checkSchedule(_ context.Context, cfg *config) (string, error) {
	_, s, err := readSchedule(cfg.path(cfg.Retention.Schedule))
	if errors.Is(err, os.ErrNotExist) {
		return "no draft; \"chartvault schedule list\" says what is in force", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the draft: version %q, %d rules; \"chartvault schedule list\" says what is in force", s.Version, len(s.Rules)), nil
}

func checkLog(_ context.Context, cfg *config) (string, error) {
	b, err := os.ReadFile(cfg.path("audit/verifier"))
	if err != nil {
		return "", err
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(b)))
	if err != nil {
		return "", err
	}
	rep, err := audit.Verify(cfg.path("audit"), v, audit.Evidence{})
	if err != nil {
		return "", err
	}
	if len(rep.Faults) > 0 {
		return "", fmt.Errorf("%d faults, the first: %s", len(rep.Faults), rep.Faults[0])
	}
	return fmt.Sprintf("%d entries", rep.Entries), nil
}
