package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/internal/durable"
	"chartvault/record"
)

func (e *env) exportCmd() *cobra.Command {
	var out, purpose string
	c := &cobra.Command{
		Use: "export --out DIR < chart-numbers", Short: "Write charts out as a BagIt bag: PDFs, an index, checksums", Args: cobra.NoArgs,
		Long: "Reads chart numbers from standard input, a line each, and writes every document of each as a searchable PDF into a new directory,\n" +
			"with data/index.csv and the checksums of BagIt 1.0 (RFC 8493), which others can verify without this program. Every document is\n" +
			"verified and logged as a read. The bag is in clear: it belongs on an encrypted disk. What was destroyed stands in the index with its\n" +
			"certificate. A number nothing is filed under ends the export with exit code 3, after all others.",
		Example: "  chartvault export --out bag --purpose \"transfer to the new system\" < numbers.txt",
		RunE: func(cmd *cobra.Command, _ []string) error {
			numbers, err := e.privateLines("Chart numbers, a line each; end with Ctrl-D: ")
			if err != nil {
				return err
			}
			return e.export(cmd.Context(), out, purpose, numbers)
		},
	}
	c.Flags().StringVar(&out, "out", "", "directory that is not there yet")
	c.Flags().StringVar(&purpose, "purpose", "operations", "purpose of use, for the audit log")
	must(c.MarkFlagRequired("out"))
	return c
}

// bag is a BagIt bag that is being written. It has the name people gave only
// when it is whole.
type bag struct {
	dir    string // where it is made
	index  [][]string
	has    map[string]bool // files that are in it: two numbers may be one person's
	sums   []string        // of the payload: "hex  path"
	octets int64
}

func (e *env) export(ctx context.Context, out, purpose string, numbers []string) error {
	out = filepath.Clean(out)
	if fileExists(out) {
		return fmt.Errorf("export: %s: %w", out, record.ErrExists)
	}
	b := &bag{dir: out + ".part", has: map[string]bool{}}
	if err := errors.Join(durable.RemoveAll(b.dir), durable.MkdirAll(filepath.Join(b.dir, "data"))); err != nil { // of an export that was interrupted
		return fmt.Errorf("export: %w", err)
	}
	var missing, failed []error
	for i, n := range numbers {
		w := &chartWriter{e: e, dir: filepath.Join(b.dir, "data")}
		w.told = func(d documentLine) error { return b.add(n, d) }
		err := e.call(ctx, "get", getParams{Chart: n, Purpose: purpose}, w.line)
		w.abandon()
		if w.elsewhere != "" {
			b.index = append(b.index, []string{n, "", "", "", "", "", "elsewhere", "", "", w.elsewhere})
		}
		switch o := classify(err); {
		case err == nil, o.exit == exitDestroyed: // the index says so
		case o.exit == exitNotFound:
			missing = append(missing, fmt.Errorf("line %d: %w", i+1, err))
		case o.exit == exitCorrupt:
			failed = append(failed, fmt.Errorf("line %d: %w", i+1, err))
		default:
			return fmt.Errorf("export, line %d: %w", i+1, err)
		}
	}
	if err := b.finish(out, e.facility()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	fmt.Fprintf(e.err, "%d documents in %s\n", len(b.sums)-1, out)
	return errors.Join(append(failed, missing...)...)
}

// facility is the site's name, for the bag.
func (e *env) facility() string {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return ""
	}
	return cfg.Facility
}

// add notes a document that came.
func (b *bag) add(number string, d documentLine) error {
	why, file := d.Error, ""
	switch {
	case d.File != "":
		file = "data/" + filepath.Base(d.File)
		if err := b.sum(file); err != nil {
			return err
		}
	case d.State == record.DocumentDestroyed:
		why = strings.TrimSpace("destroyed on " + d.DestroyedOn + " under certificate " + d.Certificate + " " + d.Under)
	}
	b.index = append(b.index, []string{number, d.Document, d.Type, d.ServiceDate, d.FiledAt, strconv.Itoa(d.Pages), string(d.State), file, d.Certificate, why})
	return nil
}

// sum adds a file of the bag to its manifest.
func (b *bag) sum(name string) error {
	if b.has[name] {
		return nil
	}
	b.has[name] = true
	f, err := os.Open(filepath.Join(b.dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close() // read-only
	h := sha256.New()
	n, err := io.Copy(h, f)
	b.octets += n
	b.sums = append(b.sums, hex.EncodeToString(h.Sum(nil))+"  "+name)
	return err
}

func (b *bag) write(name, text string) error {
	_, err := durable.Create(filepath.Join(b.dir, filepath.FromSlash(name)), strings.NewReader(text), 0o600)
	return err
}

// finish writes the index and the tag files, and gives the bag its name.
func (b *bag) finish(out, facility string) error {
	var csvText bytes.Buffer
	w := csv.NewWriter(&csvText)
	head := []string{"chart_number", "document", "type", "service_date", "filed_at", "pages", "state", "file", "certificate", "remark"}
	if err := w.WriteAll(append([][]string{head}, b.index...)); err != nil {
		return err
	}
	if err := b.write("data/index.csv", csvText.String()); err != nil {
		return err
	}
	if err := b.sum("data/index.csv"); err != nil {
		return err
	}
	slices.Sort(b.sums)
	tags := map[string]string{
		"bagit.txt":           "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
		"bag-info.txt":        fmt.Sprintf("Source-Organization: %s\nBag-Software-Agent: Chartvault %s\nPayload-Oxum: %d.%d\n", strings.Join(strings.Fields(facility), " "), version(), b.octets, len(b.sums)),
		"manifest-sha256.txt": strings.Join(b.sums, "\n") + "\n",
	}
	var tagSums []string
	for name, text := range tags {
		if err := b.write(name, text); err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(text))
		tagSums = append(tagSums, hex.EncodeToString(sum[:])+"  "+name)
	}
	slices.Sort(tagSums)
	if err := b.write("tagmanifest-sha256.txt", strings.Join(tagSums, "\n")+"\n"); err != nil {
		return err
	}
	return durable.Move(b.dir, out)
}
