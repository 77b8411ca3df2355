package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/ingest/legacy"
	"chartvault/internal/durable"
	"chartvault/record"
)

// importParams name an export of another system.
type importParams struct {
	Root    string        `json:"root"`              // its folder
	CSV     string        `json:"csv,omitempty"`     // its index, of one of three kinds
	DIP     string        `json:"dip,omitempty"`     //
	Pattern string        `json:"pattern,omitempty"` //
	Map     legacy.Fields `json:"map,omitempty"`
	Dry     bool          `json:"dry_run,omitempty"`
	From    string        `json:"from"` // what the other system is called, for holds and extensions
}

// importLine is one line that was not taken, or the sum at the end.
type importLine struct {
	Problem *legacy.Problem `json:"problem,omitempty"`
	Sum     *importSum      `json:"sum,omitempty"`
}

// importSum is the report of an import.
type importSum struct {
	Lines    int            `json:"lines"`    // of the index, or files of the tree
	Taken    int            `json:"taken"`    // filed now; in a dry run: that would be looked at
	Before   int            `json:"before"`   // filed by an earlier run
	QA       int            `json:"qa"`       // of those taken, that wait in QA
	Rejected int            `json:"rejected"` // lines that were not taken
	Charts   int            `json:"charts"`
	Types    map[string]int `json:"types"`
	Holds    int            `json:"holds"`    // matters carried over
	Extended int            `json:"extended"` // documents kept until the other system's date at least
	Bytes    int64          `json:"bytes"`
	Dry      bool           `json:"dry_run,omitempty"`
}

func (e *env) exportedCmd() *cobra.Command {
	p := importParams{Map: legacy.Fields{}}
	var maps []string
	var rejects string
	c := &cobra.Command{
		Use: "import FOLDER", Short: "Take in what another system exported", Args: cobra.ExactArgs(1),
		Long: "Takes every file of an export in as one document, filed under the chart number, type and date of service that its index says, read\n" +
			"and checked like any scan: what its pages contradict waits in QA. The index is a CSV with a head (columns file, chart_number and,\n" +
			"optionally, type, service_date, hold, keep_until; --map gives a column another name), a tagged DIP index of OnBase, or the names\n" +
			"of the files themselves. A hold becomes a legal hold on its charts before any file is taken in; keep_until keeps the document\n" +
			"until that day at least. What cannot be taken is said line by line, and goes to --rejects. To go on after an interruption, or\n" +
			"with what was mended, run it again: what was taken in is not taken in twice.",
		Example: "  chartvault import /mnt/export --csv index.csv --map chart_number=MRN --rejects rejects.csv --dry-run\n" +
			"  chartvault import /mnt/export --dip index.txt --map chart_number=\"Medical Record Number\"\n" +
			"  chartvault import /mnt/charts --pattern '{chart}/{type}/{date}*.pdf'",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, m := range maps {
				ours, theirs, ok := strings.Cut(m, "=")
				if !ok {
					return fmt.Errorf("--map: %w: want FIELD=NAME", record.ErrInvalid)
				}
				p.Map[ours] = theirs
			}
			var err error
			if p.Root, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			for _, index := range []*string{&p.CSV, &p.DIP} {
				if *index != "" && !filepath.IsAbs(*index) {
					*index = filepath.Join(p.Root, *index)
				}
			}
			return e.runImport(cmd.Context(), p, rejects)
		},
	}
	f := c.Flags()
	f.StringVar(&p.CSV, "csv", "", "the index, a CSV, in the folder or by its own path")
	f.StringVar(&p.DIP, "dip", "", "the index, tagged as for OnBase's document import processor")
	f.StringVar(&p.Pattern, "pattern", "", "what the files' names say, such as '{chart}/{type}/{date}*.pdf'")
	f.StringArrayVar(&maps, "map", nil, "the index's name for one of our fields, FIELD=NAME")
	f.StringVar(&p.From, "system", "the former system", "what the other system is called, in holds and extensions")
	f.StringVar(&rejects, "rejects", "", "file for the lines that were not taken, with the reason")
	f.BoolVar(&p.Dry, "dry-run", false, "look at the index and the files, and take nothing in")
	c.MarkFlagsMutuallyExclusive("csv", "dip", "pattern")
	c.MarkFlagsOneRequired("csv", "dip", "pattern")
	return c
}

func (e *env) runImport(ctx context.Context, p importParams, rejects string) error {
	var text strings.Builder
	w := csv.NewWriter(&text)
	lines := [][]string{{"line", "file", "why"}}
	say := show(e, func(l importLine) {
		switch {
		case l.Problem != nil:
			fmt.Fprintf(e.err, "line %d: not taken: %s\n", l.Problem.Line, l.Problem.Why)
		case l.Sum.Dry:
			fmt.Fprintf(e.out, "%d lines: %d files (%d bytes) of %d charts could be taken in, %d cannot; %d matters of holds, %d documents with a retention date\n",
				l.Sum.Lines, l.Sum.Taken, l.Sum.Bytes, l.Sum.Charts, l.Sum.Rejected, l.Sum.Holds, l.Sum.Extended)
		default:
			fmt.Fprintf(e.out, "%d lines: %d documents of %d charts taken in, %d of them in QA, %d taken in before, %d rejected; %d holds, %d retention dates\n",
				l.Sum.Lines, l.Sum.Taken, l.Sum.Charts, l.Sum.QA, l.Sum.Before, l.Sum.Rejected, l.Sum.Holds, l.Sum.Extended)
		}
	})
	err := e.call(ctx, "import", p, func(line json.RawMessage) error {
		var l importLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		if l.Problem != nil {
			lines = append(lines, []string{strconv.Itoa(l.Problem.Line), l.Problem.File, l.Problem.Why})
		}
		return say(line)
	})
	if rejects != "" && len(lines) > 1 {
		if werr := w.WriteAll(lines); werr != nil {
			return errors.Join(err, werr)
		}
		if _, werr := durable.Replace(rejects, strings.NewReader(text.String()), 0o600); werr != nil {
			return errors.Join(err, werr)
		}
	}
	return err
}
