package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/catalog"
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
