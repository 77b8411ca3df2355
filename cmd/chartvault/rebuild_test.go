package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"chartvault/archive/blob/blobtest"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/internal/testserver"
	"chartvault/record"
)

// depositMany is deposit, several at once.
func depositMany(t testing.TB, a *app, n, pages int) {
	t.Helper()
	const size = 50
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(6)
	for from := 0; from < n; from += size {
		g.Go(func() error {
			batch, err := record.NewID(rand.Reader)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(batch[:])
			bm := seal.BatchManifest{ID: batch, SHA256: sum[:], Size: 1, Name: "made.tif", ReceivedAt: time.Now().UTC().Truncate(time.Millisecond), State: record.BatchFiled}
			var rows []catalog.Keyed
			for i := from; i < min(from+size, n); i++ {
				rows = append(rows, depositOne(t, a, batch, i, pages))
				for range pages {
					bm.Pages = append(bm.Pages, seal.BatchPage{Placement: record.PlaceFiled, Document: rows[len(rows)-1].ID})
				}
			}
			bm.Counts = record.Counts{PagesIn: len(bm.Pages), Filed: len(bm.Pages)}
			if err := a.cat.PutBatch(ctx, record.Batch{ID: batch, SHA256: sum, Size: 1, Name: record.NewPrivate("made.tif"), ReceivedAt: bm.ReceivedAt, State: record.BatchClaimed}); err != nil {
				return err
			}
			if _, err := a.arch.DepositBatch(ctx, bm, nil); err != nil {
				return err
			}
			return a.cat.File(ctx, batch, record.BatchFiled, bm.Counts, rows)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := a.feed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRebuildEqual loses the machine of an archive in a real S3 server and
// rebuilds it: the catalogue is equal to the one before, row by row, and the
// index answers (CHARTVAULT_REBUILD: how many documents). Then the vault is
// rotated. Both rates are printed.
func TestRebuildEqual(t *testing.T) {
	n := 60
	if v, err := strconv.Atoi(os.Getenv("CHARTVAULT_REBUILD")); err == nil {
		n = v
	}
	srv := testserver.StartS3(t)
	cred := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(cred, []byte(srv.AccessKey+"\n"+srv.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = \"docs\"\nkeys_bucket = \"keys\"\ncredentials_file = %q\nca_file = %q\n", srv.Endpoint, cred, srv.CAFile)
	a := newArchive(t, config)
	var before []string
	a.inProcess(func(x *app) {
		start := time.Now()
		depositMany(t, x, n, 1)
		t.Logf("deposited %d documents: %.0f a second", n, float64(n)/time.Since(start).Seconds())
		facts := chartFacts{"7000000", catalog.Facts{Known: []record.Fact{{Name: record.FactLastEncounter, Date: record.Date{Year: 2009, Month: 5, Day: 6}, Source: record.SourcePatientList}}}}
		number, err := record.ParseChartNumber(facts.Chart)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.arch.Journal(t.Context(), audit.ActFacts, "", change{Actor: "os:test", Facts: []chartFacts{facts}}); err != nil {
			t.Fatal(err)
		}
		if _, err := x.addFacts(t.Context(), number, facts.Facts); err != nil {
			t.Fatal(err)
		}
		inForce(t, x, oldCharts)
		before = dump(t, x)
	})
	b := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "b"), pass: a.pass}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(b.dir, "chartvault.toml"), []byte(config))
	b.inProcess(func(x *app) {
		start := time.Now()
		err := x.opRebuild(t.Context(), asked{Actor: "os:test", Params: []byte("{}")}, func(v any) error {
			if l := v.(rebuildLine); l.Documents != n || len(l.Faults) > 0 {
				t.Errorf("rebuild: got %+v, want %d documents", l, n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("rebuilt %d documents: %.0f a second; heap from the system %d MiB", n, float64(n)/time.Since(start).Seconds(), m.HeapSys>>20)
		if after := dump(t, x); !slices.Equal(after, before) {
			for i := range min(len(after), len(before)) {
				if after[i] != before[i] {
					t.Fatalf("line %d differs:\n%s\n%s", i, after[i], before[i])
				}
			}
			t.Fatalf("got %d lines, want %d", len(after), len(before))
		}
		found, err := x.searchHeld(t.Context(), "canaryword"+strconv.Itoa(n-1))
		if err != nil || len(found) == 0 {
			t.Errorf("search after the rebuild: got %v, %v", found, err)
		}
		start = time.Now()
		r, err := x.vault.Rotate(context.WithoutCancel(t.Context()), "a passphrase for tests", 10, nil, func(keys.Rotation) {})
		if err != nil || r.Wrapped < n {
			t.Errorf("rotate: got %+v, %v", r, err)
		}
		t.Logf("rotated %d keys: %.0f a second, %.2f ms each", r.Wrapped, float64(r.Wrapped)/time.Since(start).Seconds(), time.Since(start).Seconds()*1000/float64(r.Wrapped))
	})
}

func dump(t testing.TB, a *app) []string {
	t.Helper()
	out, err := a.cat.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRebuildResumes: a rebuild that is stopped goes on where it was: it reads
// again only what it had not read, and what comes of it is the same.
func TestRebuildResumes(t *testing.T) {
	a := openApp(t, atOnce)
	inForce(t, a, oldCharts)
	deposit(t, a, 300)
	whole := a.arch.Docs
	rebuild := func(f *blobtest.Fault) error {
		a.arch.Docs = blobtest.Faulty(whole, f)
		defer func() { a.arch.Docs = whole }()
		return a.opRebuild(t.Context(), asked{Actor: "os:test", Params: []byte("{}")}, func(any) error { return nil })
	}
	all := &blobtest.Fault{}
	if err := rebuild(all); err != nil {
		t.Fatal(err)
	}
	want, err := a.cat.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := rebuild(&blobtest.Fault{At: all.Calls() * 3 / 4, Stop: true}); err == nil {
		t.Fatal("a rebuild whose store is gone ends well")
	}
	read, _, err := a.index.Count(t.Context())
	if err != nil || read < 100 || read >= 300 {
		t.Fatalf("stopped: got %d documents, %v, want most of them", read, err)
	}
	rest := &blobtest.Fault{}
	if err := rebuild(rest); err != nil {
		t.Fatal(err)
	}
	if rest.Calls() > all.Calls()*2/3 {
		t.Errorf("the second attempt made %d calls of %d, after %d documents were read", rest.Calls(), all.Calls(), read)
	}
	got, err := a.cat.Dump(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("resumed: the catalogue differs, %v", err)
	}
	if docs, _, err := a.index.Count(t.Context()); err != nil || docs != 300 {
		t.Errorf("index: got %d documents, %v, want 300", docs, err)
	}
}
