package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
	"chartvault/retention"
)

// BenchmarkBrowser is what people wait for in a browser, of an archive with
// CHARTVAULT_DOCUMENTS documents (2,000) of CHARTVAULT_DOCUMENT_PAGES pages (1), one in fifty of which waits in quality:
// a chart looked up, its first page, the next one, a question settled until the
// next one stands there, and every list. CHARTVAULT_TIMES says how often (50).
func BenchmarkBrowser(b *testing.B) {
	n, pages, times := 2_000, 1, "50"
	for name, v := range map[string]*int{"CHARTVAULT_DOCUMENTS": &n, "CHARTVAULT_DOCUMENT_PAGES": &pages} {
		if s := os.Getenv(name); s != "" {
			var err error
			if *v, err = strconv.Atoi(s); err != nil {
				b.Fatal(err)
			}
		}
	}
	if s := os.Getenv("CHARTVAULT_TIMES"); s != "" {
		times = s
	}
	often, err := strconv.Atoi(times)
	if err != nil {
		b.Fatal(err)
	}
	a := benchArchive(b, n, pages, max(n/50, often+10)) // that many are settled, and the next one of each stands there
	const password = "four words make a sentence"
	for _, role := range []string{"records", "director", "auditor"} {
		if out, code := a.runWith(password+"\n", "users", "put", "demo."+role, "--role", role); code != 0 {
			b.Fatalf("users put: exit %d\n%s", code, out)
		}
	}
	a.serve(io.Discard)
	var d daemonFile
	a.await("the daemon", 5*time.Minute, func() bool {
		t, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
		return err == nil && json.Unmarshal(t, &d) == nil && d.Addr != ""
	})
	for range b.N {
		c := exec.CommandContext(b.Context(), "node", "times.mjs")
		c.Dir = "../../web/e2e"
		c.Env = append(os.Environ(), "CHARTVAULT_BASE=http://"+d.Addr, "CHARTVAULT_PASSWORD="+password, "CHARTVAULT_CHART="+oneChart, "CHARTVAULT_TIMES="+times)
		out, err := c.CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
			var l struct {
				Name          string
				Times         int
				P50, P95, Max float64
			}
			if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			fmt.Printf("browser, %d documents: %-18s %3d times, half within %4.0f ms, 95 of 100 within %4.0f ms, all within %4.0f ms\n", n, l.Name, l.Times, l.P50, l.P95, l.Max)
		}
	}
}

// benchArchive is an archive with n documents, some of which wait in quality. In
// the folder that CHARTVAULT_ARCHIVE names it is made once and used again.
func benchArchive(b *testing.B, n, pages, waiting int) *testArchive {
	b.Helper()
	const config = "[server]\nlisten = \"127.0.0.1:0\"\n"
	root := os.Getenv("CHARTVAULT_ARCHIVE")
	if root == "" {
		root = b.TempDir()
	} else if _, err := os.Stat(filepath.Join(root, "filled")); err == nil {
		a := &testArchive{t: b, dir: filepath.Join(root, "a"), pass: filepath.Join(root, "pass")}
		a.plain()
		return a
	}
	a := newArchiveIn(b, root, config)
	a.plain()
	if out, code := a.run("ingest", putSamples(b)); code != 0 {
		b.Fatalf("ingest: exit %d\n%s", code, out)
	}
	a.inProcess(func(x *app) {
		start := time.Now()
		depositMany(b, x, n-waiting, pages)
		depositQA(b, x, waiting)
		for i := range (n - waiting + 9) / 10 { // ten documents a chart, all of them over
			chart, err := record.ParseChartNumber(strconv.Itoa(7_000_000 + i))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := x.addFacts(b.Context(), chart, catalog.Facts{Known: []record.Fact{{Name: record.FactLastEncounter, Date: record.Date{Year: 2009, Month: 5, Day: 6}, Source: record.SourcePatientList}}}); err != nil {
				b.Fatal(err)
			}
		}
		inForce(b, x, oldCharts)
		if _, err := x.evaluate(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		if due, err := x.cat.CountDue(b.Context(), string(retention.Due)); err != nil || due < n/2 {
			b.Fatalf("%d documents are due, %v", due, err)
		}
		b.Logf("%d documents of %d pages in %s", n, pages, time.Since(start).Round(time.Second))
	})
	a.write(filepath.Join(root, "filled"), nil)
	return a
}

// depositQA puts documents into quality, each with a page as it is shown: that of
// a sample that was read.
func depositQA(t testing.TB, a *app, n int) {
	t.Helper()
	rows, err := a.cat.InState(t.Context(), record.DocumentQA)
	if err != nil || len(rows) == 0 {
		t.Fatalf("got %d samples in quality, %v", len(rows), err)
	}
	model, pkg, err := a.arch.OpenWhole(t.Context(), rows[0].ID, rows[0].Version)
	if err != nil {
		t.Fatal(err)
	}
	defer pkg.Close() // read-only
	batch := record.Batch{Size: 1, Name: record.NewPrivate("scanner/made.tif"), ReceivedAt: time.Now().UTC().Truncate(time.Millisecond), State: record.BatchClaimed}
	if batch.ID, err = record.NewID(rand.Reader); err != nil {
		t.Fatal(err)
	}
	batch.SHA256 = sha256.Sum256(batch.ID[:])
	if err := a.cat.PutBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	bm := seal.BatchManifest{ID: batch.ID, SHA256: batch.SHA256[:], Size: 1, Name: "scanner/made.tif", ReceivedAt: batch.ReceivedAt, State: record.BatchFiled, Counts: record.Counts{PagesIn: n, QA: n}}
	var filed []catalog.Keyed
	for range n {
		m := *model.Manifest
		if m.ID, err = record.NewID(rand.Reader); err != nil {
			t.Fatal(err)
		}
		m.Batch, m.FiledAt = batch.ID, time.Now().UTC()
		s, err := a.arch.Deposit(t.Context(), m, func(zw *zip.Writer, _ *seal.Manifest) error {
			for _, name := range []string{"document.pdf", "preview/0001.png"} {
				w, err := seal.AddPart(zw, name)
				if err == nil {
					err = pkg.Copy(name, w)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		row, err := ingest.Row(s.Manifest, s.Key)
		if err != nil {
			t.Fatal(err)
		}
		filed = append(filed, row)
		bm.Pages = append(bm.Pages, seal.BatchPage{Placement: record.PlaceQA, Document: m.ID})
	}
	if _, err := a.arch.DepositBatch(t.Context(), bm, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.cat.File(context.WithoutCancel(t.Context()), batch.ID, record.BatchFiled, bm.Counts, filed); err != nil {
		t.Fatal(err)
	}
	if err := a.feed(t.Context()); err != nil && !strings.Contains(err.Error(), "quality") {
		t.Fatal(err)
	}
}
