package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/archive"
	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/memblob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/record"
)

// door is an archive with a station's outbox beside it.
type door struct {
	*fixture
	box *archive.Outbox
	st  *keys.Station
}

func newDoor(t testing.TB) *door {
	t.Helper()
	f := newFixture(t)
	dir := t.TempDir()
	st, err := keys.OpenStation(filepath.Join(dir, "station.key"))
	if err != nil {
		t.Fatal(err)
	}
	d := &door{f, &archive.Outbox{Dir: filepath.Join(dir, "outbox"), Vault: f.Vault.Recipient(), Station: st, Policy: "test"}, st}
	if err := f.Vault.Trust(t.Context(), keys.Depositor{Name: "station", Role: keys.RoleStation, Key: st.Public(), Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return d
}

// seal takes a batch of two documents and a sheet into the outbox; change may
// spoil its manifests before they are signed.
func (d *door) seal(t testing.TB, change func(*seal.BatchManifest, *seal.Manifest)) (batch record.ID, docs []record.ID) {
	t.Helper()
	batch, docs = newID(t), []record.ID{newID(t), newID(t)}
	sum := sha256.Sum256(batch[:])
	if _, fresh, err := d.box.Claim(t.Context(), record.Batch{ID: batch, SHA256: sum, Size: 10, ReceivedAt: time.Now().UTC(), State: record.BatchClaimed}); err != nil || !fresh {
		t.Fatalf("claim: %v, %v", fresh, err)
	}
	bm := seal.BatchManifest{ID: batch, SHA256: sum[:], Size: 10, Name: "zanzibar.tif", ReceivedAt: time.Now().UTC(), State: record.BatchFiled,
		Counts: record.Counts{PagesIn: 3, Filed: 2, Separators: 1},
		Pages:  []seal.BatchPage{{Placement: record.PlaceSeparator}, {Placement: record.PlaceFiled, Document: docs[0]}, {Placement: record.PlaceFiled, Document: docs[1]}}}
	for i, id := range docs {
		m := seal.Manifest{ID: id, Batch: batch, Chart: "9118427", Type: "PROGRESS_NOTE", FiledAt: time.Now().UTC(), State: record.DocumentFiled,
			Pages: []seal.Page{{Source: i + 2, Text: json.RawMessage(`{"words":[["zanzibar",1,2,3,4,99,0]]}`)}}}
		if change != nil {
			change(&bm, &m)
		}
		if _, err := d.box.Deposit(t.Context(), m, func(zw *zip.Writer, _ *seal.Manifest) error { return part(zw, "document.pdf", content) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.box.DepositBatch(t.Context(), bm, func(zw *zip.Writer) error { return part(zw, "document.pdf", "a sheet") }); err != nil {
		t.Fatal(err)
	}
	return batch, docs
}

func part(zw *zip.Writer, name, text string) error {
	w, err := seal.AddPart(zw, name)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	return err
}

func (d *door) send(t testing.TB, batch record.ID) {
	t.Helper()
	if err := d.box.Send(t.Context(), batch, d.docs, []blob.Store{d.keys, d.mirror}); err != nil {
		t.Fatal(err)
	}
}

// filed wants a batch to be in the archive, whole, and nothing of it at the door.
func (d *door) filed(t testing.TB, when string, batch record.ID, docs []record.ID) {
	t.Helper()
	for _, id := range docs {
		s, err := d.Verify(t.Context(), id, 1)
		if err != nil {
			t.Fatalf("%s: got %v", when, err)
		}
		if s.Manifest.Via != d.st.ID() {
			t.Errorf("%s: got via %q, want the station", when, s.Manifest.Via)
		}
		if got, err := d.read(id); err != nil || got != content {
			t.Errorf("%s: read: got %q, %v", when, got, err)
		}
	}
	if m, err := d.VerifyBatch(t.Context(), batch); err != nil || m.Via != d.st.ID() {
		t.Errorf("%s: batch: got %v", when, err)
	}
	for i, s := range []*memblob.Store{d.docs, d.keys, d.mirror} {
		for name := range s.Snapshot() {
			if strings.HasPrefix(name, "in/") {
				t.Errorf("%s: store %d still has %s", when, i, name)
			}
		}
	}
	for _, s := range []*memblob.Store{d.keys, d.mirror} {
		for _, id := range append(docs, batch) {
			if _, err := s.Stat(t.Context(), "k/"+id.String()+".age"); err != nil {
				t.Errorf("%s: key: %v", when, err)
			}
		}
	}
}

// TestTakeOver: what a station sealed is filed by the server; the outbox forgets
// its keys, keeps no readable word, and knows a source again until it is dropped.
func TestTakeOver(t *testing.T) {
	d := newDoor(t)
	batch, docs := d.seal(t, nil)
	if _, err := d.box.BatchKey(t.Context(), batch); !errors.Is(err, record.ErrSealed) {
		t.Errorf("the batch's key after it was sealed: got %v, want ErrSealed", err)
	}
	sum := sha256.Sum256(batch[:])
	if b, fresh, err := d.box.Claim(t.Context(), record.Batch{ID: newID(t), SHA256: sum}); err != nil || fresh || b.ID != batch || !b.State.Done() {
		t.Errorf("claim again: got %s %s, fresh %v, %v, want the batch in the outbox", b.ID, b.State, fresh, err)
	}
	d.send(t, batch)
	d.send(t, batch) // once more does no harm
	for name, b := range d.docs.Snapshot() {
		if bytes.Contains(b, []byte("zanzibar")) || bytes.Contains(b, []byte("9118427")) {
			t.Errorf("%s holds readable text", name)
		}
	}
	if got, err := d.Waiting(t.Context()); err != nil || len(got) != 1 || got[0] != batch {
		t.Fatalf("at the door: got %v, %v", got, err)
	}
	takeOver(t, d.Archive, batch)
	d.filed(t, "taken over", batch, docs)
	if err := d.box.Drop(batch); err != nil {
		t.Fatal(err)
	}
	if held, err := d.box.Held(); err != nil || len(held) != 0 {
		t.Errorf("the outbox: got %v, %v, want nothing", held, err)
	}
	// Revoking the station touches nothing that is filed.
	if err := d.Vault.Revoke(t.Context(), d.st.ID(), time.Now()); err != nil {
		t.Fatal(err)
	}
	d.filed(t, "revoked", batch, docs)
	late, _ := d.seal(t, nil)
	d.send(t, late)
	if _, err := d.OpenArrival(t.Context(), late); !errors.Is(err, seal.ErrSignature) || !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("after the revocation: got %v, want ErrSignature and ErrRevoked", err)
	}
}

func takeOver(t testing.TB, a *archive.Archive, batch record.ID) {
	t.Helper()
	r, err := a.OpenArrival(t.Context(), batch)
	if err == nil {
		_, err = a.TakeOver(t.Context(), r)
	}
	if err == nil {
		err = a.DropArrival(t.Context(), batch)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTakeOverEveryCallFails: sending and taking over are stopped at every call
// to the stores, and done again: the batch is filed, once and whole. Every call
// fails in one of four ways, and in all of them where CHARTVAULT_FAULTS is set.
func TestTakeOverEveryCallFails(t *testing.T) {
	d := newDoor(t)
	calls, step := 0, 4
	if os.Getenv("CHARTVAULT_FAULTS") != "" {
		step = 1
	}
	for way, how := range []struct {
		name        string
		after, stop bool
	}{{"fails", false, false}, {"answer lost", true, false}, {"power cut", false, true}, {"power cut after", true, true}} {
		for n, more := 1+way%step, true; more; n += step {
			batch, docs := d.seal(t, nil)
			f := &blobtest.Fault{At: n, After: how.after, Stop: how.stop}
			docsStore, ks, mirror := blobtest.Faulty(d.docs, f), blobtest.Faulty(d.keys, f), blobtest.Faulty(d.mirror, f)
			err := d.box.Send(t.Context(), batch, docsStore, []blob.Store{ks, mirror})
			if err == nil {
				err = d.attempt(t, f, docsStore, keys.Places{ks, mirror}, batch)
			}
			if more = f.Calls() >= n; !more && err != nil {
				t.Fatalf("%s, no call failed: got %v", how.name, err)
			}
			when := fmt.Sprintf("%s at call %d", how.name, n)
			d.send(t, batch)
			takeOver(t, d.Archive, batch)
			d.filed(t, when, batch, docs)
			calls++
		}
	}
	if calls < 200/step {
		t.Errorf("got %d calls in all, want more", calls)
	}
}

// attempt takes a deposit over through stores that fail.
func (d *door) attempt(t *testing.T, f *blobtest.Fault, docs blob.Store, places keys.Places, batch record.ID) error {
	a := *d.Archive
	a.Docs = docs
	v, err := keys.Unlock(t.Context(), places, "pass")
	if err != nil {
		return err
	}
	a.Vault = v
	r, err := a.OpenArrival(t.Context(), batch)
	if err != nil {
		return err
	}
	if _, err := a.TakeOver(t.Context(), r); err != nil {
		return err
	}
	return a.DropArrival(t.Context(), batch)
}

// TestBadArrivals: whatever is wrong with a deposit is found before any of it
// is taken over, and nothing that is filed is touched.
func TestBadArrivals(t *testing.T) {
	d := newDoor(t)
	filed, other := d.seal(t, nil)
	d.send(t, filed)
	takeOver(t, d.Archive, filed)
	stranger, err := keys.OpenStation(filepath.Join(t.TempDir(), "stranger.key"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, batch record.ID, want error) {
		t.Helper()
		before := len(d.docs.Snapshot())
		if _, err := d.OpenArrival(t.Context(), batch); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
		if after := len(d.docs.Snapshot()); after != before {
			t.Errorf("%s: got %d objects, want %d: nothing is taken over", what, after, before)
		}
	}
	for what, change := range map[string]func(*seal.BatchManifest, *seal.Manifest){
		"a page too few":               func(b *seal.BatchManifest, _ *seal.Manifest) { b.Counts = record.Counts{PagesIn: 2, Filed: 2} },
		"counts that hide a page":      func(b *seal.BatchManifest, _ *seal.Manifest) { b.Counts = record.Counts{PagesIn: 3, Filed: 3} },
		"a document of another batch":  func(_ *seal.BatchManifest, m *seal.Manifest) { m.Pages[0].Source = 7 },
		"a page of no placement":       func(b *seal.BatchManifest, _ *seal.Manifest) { b.Pages[0].Placement = "gone" },
		"a document that did not come": func(b *seal.BatchManifest, _ *seal.Manifest) { b.Pages[1].Document = record.ID{9} },
	} {
		batch, _ := d.seal(t, change)
		d.send(t, batch)
		refused(what, batch, record.ErrCorrupt)
	}
	{
		d.box.Station = stranger
		batch, _ := d.seal(t, nil)
		d.box.Station = d.st
		d.send(t, batch)
		refused("a stranger's deposit", batch, seal.ErrSignature)
	}
	// Bytes changed, cut, gone, swapped, at the door.
	batch, docs := d.seal(t, nil)
	d.send(t, batch)
	good := d.docs.Snapshot()
	prefix := "in/" + batch.String() + "/"
	for name, b := range good {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for what, bad := range map[string][]byte{"cut": b[:len(b)-1], "gone": nil, "longer": append(bytes.Clone(b), 0), "flipped": flipped(b)} {
			d.replace(t, name, bad)
			if name == prefix+"b/"+batch.String()+"/manifest.age" && bad == nil {
				continue // then there is no deposit
			}
			refused(what+" "+name, batch, record.ErrCorrupt)
		}
		d.replace(t, name, b)
	}
	x, y := prefix+"d/"+docs[0].String()+"/1/package.age", prefix+"d/"+docs[1].String()+"/1/package.age"
	d.replace(t, x, good[y])
	refused("another document's package", batch, record.ErrCorrupt)
	d.replace(t, x, good[x])
	// A key for an id that the archive has: it must not be replaced.
	for _, s := range []*memblob.Store{d.keys, d.mirror} {
		k, err := blob.ReadAll(t.Context(), s, keys.ArrivalName(batch, batch.String()+".age"), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		name := keys.ArrivalName(filed, filed.String()+".age")
		if _, err := s.Put(t.Context(), name, bytes.NewReader(k), int64(len(k))); err != nil {
			t.Fatal(err)
		}
	}
	refused("a batch of an id that is taken", filed, record.ErrCorrupt)
	d.Vault.DropArrived(t.Context(), filed)
	takeOver(t, d.Archive, batch)
	for _, b := range []struct {
		id   record.ID
		docs []record.ID
	}{{filed, other}, {batch, docs}} {
		for _, id := range b.docs {
			if _, err := d.Verify(t.Context(), id, 1); err != nil {
				t.Errorf("what was good: got %v", err)
			}
		}
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

// TestServersDoubt: what the server doubts of a deposit is in QA in the document
// and in the batch's accounting, also when taking over is repeated.
func TestServersDoubt(t *testing.T) {
	d := newDoor(t)
	batch, docs := d.seal(t, nil)
	d.send(t, batch)
	// The power goes somewhere after the document that is doubted was taken over;
	// the next attempt knows no doubt.
	for n, done := 1, false; !done; n++ {
		a := *d.Archive
		a.Docs = blobtest.Faulty(d.docs, &blobtest.Fault{At: n, Stop: true})
		if r, err := a.OpenArrival(t.Context(), batch); err == nil {
			m := r.Documents()[1]
			m.State, m.Doubts = record.DocumentQA, []record.Doubt{record.DoubtUnknownChart}
			if _, err := a.TakeOver(t.Context(), r); err == nil {
				t.Fatal("no call failed in time")
			}
		}
		_, err := d.Load(t.Context(), docs[1], 1)
		done = err == nil
	}
	takeOver(t, d.Archive, batch)
	s, err := d.Verify(t.Context(), docs[1], 1)
	if err != nil || s.Manifest.State != record.DocumentQA {
		t.Errorf("document: got %v", err)
	}
	b, err := d.VerifyBatch(t.Context(), batch)
	if want := (record.Counts{PagesIn: 3, Filed: 1, Separators: 1, QA: 1}); err != nil || b.Counts != want || b.Pages[2].Placement != record.PlaceQA {
		t.Errorf("batch: got %+v, %v, want %+v", b, err, want)
	}
}

// forgetful is a store whose listings show nothing.
type forgetful struct{ blob.Store }

func (forgetful) List(context.Context, string) iter.Seq2[blob.Info, error] {
	return func(func(blob.Info, error) bool) {}
}

// TestNoSecondKey: no copy of a key stays at the door because a listing did not
// show it: it would outlive the certificate of its document.
func TestNoSecondKey(t *testing.T) {
	d := newDoor(t)
	batch, docs := d.seal(t, nil)
	d.send(t, batch)
	v, err := keys.Unlock(t.Context(), keys.Places{forgetful{d.keys}, forgetful{d.mirror}}, "pass")
	if err != nil {
		t.Fatal(err)
	}
	a := *d.Archive
	a.Vault = v
	if err := a.DropArrival(t.Context(), batch, docs...); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*memblob.Store{d.keys, d.mirror} {
		for name := range s.Snapshot() {
			if strings.HasPrefix(name, "in/") {
				t.Errorf("got %s left, want nothing", name)
			}
		}
	}
}
