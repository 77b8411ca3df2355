package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
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
		Long:    "Reads lines \"CHART-NUMBER TYPE\" from standard input and writes one separator sheet for each, with the number and\nthe type as Code 128 and as QR.",
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
		if len(f) != 2 {
			return nil, fmt.Errorf("sheets: line %d: %w: want a chart number and a type", n, record.ErrInvalid)
		}
		chart, err := record.ParseChartNumber(f[0])
		if err != nil {
			return nil, fmt.Errorf("sheets: line %d: %w", n, err)
		}
		typ, err := record.TypeCode(f[1])
		if err != nil {
			return nil, fmt.Errorf("sheets: line %d: %w", n, err)
		}
		out = append(out, sheet.Label{Chart: chart, Type: typ})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("sheets: %w: no lines on standard input", record.ErrInvalid)
	}
	return out, sc.Err()
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
