package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/ingest/sheet"
	"chartvault/internal/durable"
	"chartvault/internal/sample"
	"chartvault/ocr/tesseract"
	"chartvault/record"
)

func (e *env) sheetsCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:     "sheets --out FILE.pdf < list",
		Short:   "Print separator sheets as PDF",
		Long:    "Reads lines from standard input and writes one sheet for each, its content as Code 128 and as QR:\n  CHART-NUMBER TYPE [PAGES]        a separator sheet; with PAGES the document is checked for completeness\n  BATCH LABEL DOCUMENTS PAGES      a batch cover sheet; the batch waits in QA unless its counts are these",
		Example: "  printf '9118427 PROGRESS_NOTE\\n' | chartvault sheets --out sheets.pdf",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			labels, err := readLabels(e.in)
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := sheet.Print(&b, labels); err != nil {
				return err
			}
			if _, err := durable.Replace(out, &b, 0o600); err != nil {
				return err
			}
			fmt.Fprintf(e.err, "%d sheets in %s\n", len(labels), out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "sheets.pdf", "file to write")
	return c
}

func readLabels(r io.Reader) ([]sheet.Label, error) {
	var out []sheet.Label
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		f := strings.Fields(sc.Text())
		if len(f) == 0 {
			continue
		}
		l, err := readLabel(f)
		if err != nil {
			return nil, fmt.Errorf("sheets: line %d: %w", n, err)
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("sheets: %w: no lines on standard input", record.ErrInvalid)
	}
	return out, sc.Err()
}

// readLabel reads one line: "CHART TYPE [PAGES]", or "BATCH LABEL DOCUMENTS PAGES"
// for a batch cover sheet.
func readLabel(f []string) (l sheet.Label, err error) {
	if strings.EqualFold(f[0], "batch") {
		if len(f) != 4 {
			return l, fmt.Errorf("%w: want BATCH, a label, how many documents and how many pages", record.ErrInvalid)
		}
		documents, err1 := strconv.Atoi(f[2])
		pages, err2 := strconv.Atoi(f[3])
		if err1 != nil || err2 != nil {
			return l, fmt.Errorf("%w: a count is no number", record.ErrInvalid)
		}
		c, err := sheet.ParseCover(f[1], documents, pages)
		return sheet.Label{Cover: &c}, err
	}
	if len(f) != 2 && len(f) != 3 {
		return l, fmt.Errorf("%w: want a chart number, a type and, if they were counted, the pages", record.ErrInvalid)
	}
	if l.Chart, err = record.ParseChartNumber(f[0]); err != nil {
		return l, err
	}
	if l.Type, err = record.TypeCode(f[1]); err != nil || len(f) == 2 {
		return l, err
	}
	if l.Pages, err = strconv.Atoi(f[2]); err != nil || l.Pages < 1 {
		return l, fmt.Errorf("%w: the pages are no number", record.ErrInvalid)
	}
	return l, nil
}

func (e *env) sampleCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:     "sample --out DIR",
		Short:   "Print fictitious charts to try the archive with",
		Example: "  chartvault sample --out data/scans",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			files, err := sample.Batches()
			if err != nil {
				return err
			}
			for _, f := range files {
				if _, err := durable.Replace(filepath.Join(out, f.Name), bytes.NewReader(f.Data), 0o600); err != nil {
					return err
				}
			}
			fmt.Fprintf(e.err, "%d sample batches in %s\n", len(files), out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "directory to write to")
	must(c.MarkFlagRequired("out"))
	return c
}

// version is what the build recorded.
func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "(devel)"
}

func (e *env) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print versions", Example: "  chartvault version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(e.out, "chartvault %s, tesseract %s\n", version(), tesseract.Version())
			return err
		},
	}
}
