package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/retention/pack"
)

// openApp makes an archive in a new directory and opens it in this process.
func openApp(t testing.TB, config string) *app {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pass := filepath.Join(filepath.Dir(dir), "pass")
	for name, text := range map[string]string{filepath.Join(dir, "chartvault.toml"): config, pass: "a passphrase for tests\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := &env{data: dir, passFile: pass, workFactor: 10, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)}
	if err := e.runInit(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return reopen(t, e)
}

// reopen opens an archive that is there.
func reopen(t testing.TB, e *env) *app {
	t.Helper()
	unlock, ok, err := durable.Lock(e.lockFile())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	a, err := e.open(t.Context(), unlock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return a
}

// inForce puts a schedule in force, past the desk: as if two people had.
func inForce(t testing.TB, a *app, text string) *retention.Schedule {
	t.Helper()
	return inForceAs(t, a, text, 1)
}

func inForceAs(t testing.TB, a *app, text string, order int) *retention.Schedule {
	t.Helper()
	lib, err := pack.Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := retention.ParseSchedule(text, lib)
	if err != nil {
		t.Fatal(err)
	}
	dr := disposition.Draft{Schedule: mustJSON(s), Text: text, Effective: record.Date{Year: 2020, Month: 1, Day: 1}, Order: order}
	err = (register{a}).Put(t.Context(), disposition.EventScheduleAdopted, "os:test", disposition.Entry{Kind: disposition.KindSchedule, ID: strconv.Itoa(order), State: "adopted", At: time.Now(), Body: mustJSON(dr)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill puts documents of fictitious charts into the catalogue, ten a chart.
func fill(t testing.TB, a *app, n int) {
	t.Helper()
	types := []string{"LAB_REPORT", "PROGRESS_NOTE", "IMAGING_REPORT", "DISCHARGE_SUMMARY", "MAMMOGRAM", "CONSENT"}
	key := make([]byte, 32)
	var batch record.ID
	for from := 0; from < n; from += 5000 {
		binary.BigEndian.PutUint64(batch[:], uint64(from+1))
		if err := a.cat.PutBatch(t.Context(), record.Batch{ID: batch, SHA256: [32]byte(append(batch[:], batch[:]...)), State: record.BatchFiled, ReceivedAt: time.UnixMilli(1)}); err != nil {
			t.Fatal(err)
		}
		var docs []catalog.Keyed
		for i := from; i < min(from+5000, n); i++ {
			chart, err := record.ParseChartNumber(strconv.Itoa(5_000_000 + i/10))
			if err != nil {
				t.Fatal(err)
			}
			var id record.ID
			binary.BigEndian.PutUint64(id[8:], uint64(i+1))
			day := record.Date{Year: 1985 + i%38, Month: 1 + i%12, Day: 1 + i%28}
			if i%10 == 0 {
				f := catalog.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1930 + i%85, Month: 5, Day: 5}, Source: record.SourcePatientList},
					{Name: record.FactLastEncounter, Date: day, Source: record.SourcePatientList}, {Name: record.FactDischarge, Date: day, Source: record.SourcePatientList}}}
				if err := a.cat.SetFacts(t.Context(), chart, f); err != nil {
					t.Fatal(err)
				}
			}
			docs = append(docs, catalog.Keyed{Document: record.Document{ID: id, Version: 1, Batch: batch, Chart: chart, Type: types[i%len(types)], ServiceDate: day,
				FiledAt: time.UnixMilli(1), State: record.DocumentFiled, Pages: 3, Bytes: 90000}, Key: key})
		}
		if err := a.cat.File(t.Context(), batch, record.BatchFiled, record.Counts{}, docs); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkEvaluate decides about CHARTVAULT_DOCUMENTS documents (20,000) of a
// catalogue on disk under a schedule of shipped rules, twice: the first time
// every decision is written, the second none has changed.
func BenchmarkEvaluate(b *testing.B) {
	n := 20_000
	if s := os.Getenv("CHARTVAULT_DOCUMENTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	a := openApp(b, "")
	inForce(b, a, "format = 2\nversion = \"bench\"\nuse = [\"US-CMS\", \"US-CLIA\", \"US-FDA\", \"US-TX\"]\n")
	fill(b, a, n)
	for b.Loop() {
		for _, what := range []string{"first", "again"} {
			runtime.GC()
			began, most := time.Now(), uint64(0)
			ev, err := a.evaluate(b.Context(), func(int) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.Sys-m.HeapReleased)
			})
			if err != nil || ev.Documents != n {
				b.Fatal(ev.Documents, err)
			}
			s := time.Since(began).Seconds()
			b.ReportMetric(float64(n)/s, "docs/s_"+what)
			b.ReportMetric(float64(most>>20), "MiB_"+what)
			fmt.Fprintf(os.Stderr, "%s: %d documents in %.1f s, %.0f a second, heap %d MiB, process %s, %v\n", what, n, s, float64(n)/s, most>>20, resident(), ev.Verdicts)
		}
	}
}

// resident is the most memory this process has held, as the kernel counts it.
func resident() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
