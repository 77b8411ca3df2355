package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chartvault/audit"
	"chartvault/record"
)

// TestNoByteWithoutEntry kills a daemon at random moments while pages and documents
// are asked for, each for a purpose of its own, and then wants an entry of the log
// for every purpose of which a byte came. CHARTVAULT_READS says how many times.
func TestNoByteWithoutEntry(t *testing.T) {
	tries := told(t, "CHARTVAULT_READS", 12)
	if testing.Short() {
		tries = 3
	}
	a := newArchive(t, quick)
	a.plain()
	if out, code := a.run("ingest", putSamples(t)); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	doc := a.firstDocument()
	rng := mrand.New(mrand.NewPCG(uint64(time.Now().UnixNano()), 7))
	got := map[string]bool{}
	var mu sync.Mutex
	for i := range tries {
		var log syncBuffer
		c := a.serve(&log)
		var d daemonFile
		a.await("the daemon", time.Minute, func() bool {
			b, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
			return err == nil && json.Unmarshal(b, &d) == nil
		})
		var wg sync.WaitGroup
		stop := make(chan bool)
		for k := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					purpose := fmt.Sprintf("try-%d-%d-%d", i, k, n)
					op, body := "page", fmt.Sprintf(`{"actor":"os:test","params":{"document":%q,"page":%d,"purpose":%q}}`, doc, 1+n%2, purpose)
					if k == 3 {
						op, body = "document", fmt.Sprintf(`{"actor":"os:test","params":{"document":%q,"purpose":%q}}`, doc, purpose)
					}
					if firstByte(t, d, op, body) {
						mu.Lock()
						got[purpose] = true
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(50+rng.IntN(400)) * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait() // it was killed
		close(stop)
		wg.Wait()
		os.Remove(filepath.Join(a.dir, "daemon.json")) // of nobody
	}
	if len(got) < tries {
		t.Errorf("%d answers in %d tries prove too little", len(got), tries)
	}
	entries := a.purposes()
	for p := range got {
		if !entries[p] {
			t.Errorf("%s was given something, and no entry says so", p)
		}
	}
	t.Logf("%d answers over %d kills, %d entries", len(got), tries, len(entries))
}

// firstByte asks for something and reports whether a byte of the record came.
func firstByte(t *testing.T, d daemonFile, op, body string) bool {
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.Addr+"/api/v1/"+op, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // it is killed
	}
	defer resp.Body.Close()
	_, err = bufio.NewReader(resp.Body).ReadByte()
	if resp.StatusCode == http.StatusOK && err == nil {
		io.Copy(io.Discard, resp.Body) // as much as comes
		return true
	}
	return false
}

// firstDocument is a document of two pages.
func (a *testArchive) firstDocument() record.ID {
	a.t.Helper()
	var id record.ID
	a.inProcess(func(x *app) {
		n, err := record.ParseChartNumber(oneChart)
		if err != nil {
			a.t.Fatal(err)
		}
		rows, err := x.cat.OfChart(a.t.Context(), n)
		if err != nil || len(rows) == 0 {
			a.t.Fatalf("%d rows, %v", len(rows), err)
		}
		id = rows[0].ID
	})
	return id
}

// purposes lists the purposes of all reads in the log.
func (a *testArchive) purposes() map[string]bool {
	a.t.Helper()
	out := map[string]bool{}
	x := reopen(a.t, &env{data: a.dir, passFile: a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	lines, err := x.arch.Log.Lines(0, x.arch.Log.Size())
	if err != nil {
		a.t.Fatal(err)
	}
	for _, line := range lines {
		var e audit.Entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			a.t.Fatal(err)
		}
		var body struct {
			Purpose string `json:"purpose"`
		}
		if e.Action == audit.ActDocumentRead && x.arch.OpenBody(a.t.Context(), e, &body) == nil {
			out[body.Purpose] = true
		}
	}
	return out
}
