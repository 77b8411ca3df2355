package audit_test

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"chartvault/audit"
)

func benchLog(b *testing.B) (*audit.Log, note.Verifier, string) {
	b.Helper()
	s, v := newKeys(b)
	dir := b.TempDir()
	l, err := audit.Open(dir, origin, s, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l, v, dir
}

func appendMany(b *testing.B, l *audit.Log, n, at int) {
	b.Helper()
	body := make([]byte, 1800) // an entry sealed to a hybrid recipient
	var wg sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range at {
		wg.Go(func() {
			for range left {
				if _, err := l.Append(audit.ActDocumentRead, "object", "journal", body); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkAppend: durable entries a second, one at a time and in batches.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name string
		at   int
	}{{"one at a time", 1}, {"64 at once", 64}} {
		b.Run(c.name, func(b *testing.B) {
			l, _, _ := benchLog(b)
			b.ResetTimer()
			appendMany(b, l, b.N, c.at)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkVerify reads a log of b.N entries and checks it.
func BenchmarkVerify(b *testing.B) {
	l, v, dir := benchLog(b)
	appendMany(b, l, b.N, 256)
	if _, _, err := l.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	l.Close()
	b.ResetTimer()
	rep, err := audit.Verify(dir, v, audit.Evidence{})
	if err != nil || rep.Entries != int64(b.N) || rep.Signed != rep.Entries || len(rep.Faults) > 0 {
		b.Fatalf("got %+v, %v", rep, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
