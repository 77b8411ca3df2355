package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	mrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"chartvault/archive"
	"chartvault/archive/blob/memblob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/record"
)

// campaign is how large a campaign is: small here, larger by a variable.
func campaign(t testing.TB, name string, small int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return small
}

// stored is an archive with documents and batches, and the record of their
// objects as a catalogue has it.
type stored struct {
	*fixture
	owners  []record.ID
	batch   map[record.ID]bool
	objects map[record.ID][]archive.Object
	sums    map[string]string
}

func fill(t testing.TB, documents, batches int) *stored {
	t.Helper()
	s := &stored{newFixture(t), nil, map[record.ID]bool{}, map[record.ID][]archive.Object{}, map[string]string{}}
	add := func(id record.ID, objects []archive.Object, err error) {
		if err != nil {
			t.Fatal(err)
		}
		s.owners, s.objects[id] = append(s.owners, id), objects
		for _, o := range objects {
			s.sums[string(o.Sum)] = o.Name
		}
	}
	for range documents {
		id := newID(t)
		st := s.deposit(t, id)
		objects, err := s.Objects(t.Context(), st)
		add(id, objects, err)
	}
	for range batches {
		id := newID(t)
		s.batch[id] = true
		_, err := s.DepositBatch(t.Context(), seal.BatchManifest{ID: id, State: record.BatchFiled, Counts: record.Counts{PagesIn: 1, Blanks: 1}, ReceivedAt: time.Now().UTC()},
			func(zw *zip.Writer) error {
				w, err := seal.AddPart(zw, "source")
				if err == nil {
					_, err = io.WriteString(w, content)
				}
				return err
			})
		if err != nil {
			t.Fatal(err)
		}
		objects, err := s.BatchObjects(t.Context(), id)
		add(id, objects, err)
	}
	return s
}

// diagnose verifies what belongs to an owner, and names what is wrong.
func (s *stored) diagnose(t testing.TB, id record.ID) []*archive.Fault {
	t.Helper()
	var err error
	if s.batch[id] {
		_, err = s.VerifyBatch(t.Context(), id)
	} else {
		_, err = s.Verify(t.Context(), id, 1)
	}
	if err == nil {
		return nil
	}
	faults, err := s.Diagnose(t.Context(), err, s.objects[id], func(sum []byte) (string, error) { return s.sums[string(sum)], nil })
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// wants says that just one object was found wrong, and what is wrong with it.
func wants(t testing.TB, what string, got []*archive.Fault, kind archive.Kind, object string) {
	t.Helper()
	if len(got) != 1 || got[0].Kind != kind || got[0].Object != object || !errors.Is(got[0], record.ErrCorrupt) {
		t.Fatalf("%s: got %v, want %s: %s", what, got, object, kind)
	}
}

func overwrite(t testing.TB, s *memblob.Store, name string, b []byte) (before []byte) {
	t.Helper()
	before = s.Snapshot()[name]
	if before != nil {
		if err := s.Swap(t.Context(), name, before, b); err != nil {
			t.Fatal(err)
		}
	}
	return before
}

// TestFlips: single bits of all kinds of objects are flipped, and each is found
// and named (CHARTVAULT_FLIPS: how many).
func TestFlips(t *testing.T) {
	s := fill(t, 5, 3)
	r := mrand.New(mrand.NewPCG(3, 4))
	docs, places := s.docs.Snapshot(), s.keys.Snapshot()
	for i := range campaign(t, "CHARTVAULT_FLIPS", 1500) {
		id := s.owners[r.IntN(len(s.owners))]
		if i%4 == 3 { // its key, in both places
			name := "k/" + id.String() + ".age"
			bit := r.IntN(len(places[name]) * 8)
			if !s.keys.Flip(name, bit) || !s.mirror.Flip(name, bit) {
				t.Fatal("no such bit")
			}
			got := s.diagnose(t, id)
			if len(got) != 1 || got[0].Kind != archive.KeyChanged {
				t.Fatalf("bit %d of %s: got %v, want %s", bit, name, got, archive.KeyChanged)
			}
			s.keys.Flip(name, bit)
			s.mirror.Flip(name, bit)
			continue
		}
		o := s.objects[id][r.IntN(len(s.objects[id]))]
		bit := r.IntN(len(docs[o.Name]) * 8)
		if !s.docs.Flip(o.Name, bit) {
			t.Fatal("no such bit")
		}
		wants(t, fmt.Sprintf("bit %d of %s", bit, o.Name), s.diagnose(t, id), archive.Altered, o.Name)
		s.docs.Flip(o.Name, bit)
	}
	for _, id := range s.owners {
		if got := s.diagnose(t, id); got != nil {
			t.Errorf("mended: got %v", got)
		}
	}
}

// TestSwaps: every object of a set is given the bytes of every other one
// (CHARTVAULT_SWAPS: how many objects).
func TestSwaps(t *testing.T) {
	n := campaign(t, "CHARTVAULT_SWAPS", 16)
	s := fill(t, n/2-n/8, n/8)
	docs := s.docs.Snapshot()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(docs)), func(n string) bool { return n[0] == 'a' })
	owner := map[string]record.ID{}
	for id, objects := range s.objects {
		for _, o := range objects {
			owner[o.Name] = id
		}
	}
	done := 0
	for _, to := range names {
		for _, from := range names {
			if to == from || owner[to] == (record.ID{}) {
				continue
			}
			overwrite(t, s.docs, to, docs[from])
			wants(t, to+" with the bytes of "+from, s.diagnose(t, owner[to]), archive.Swapped, to)
			overwrite(t, s.docs, to, docs[to])
			done++
		}
	}
	if done < len(names)*(len(names)-1) {
		t.Errorf("got %d swaps of %d objects", done, len(names))
	}
}

// TestCutsAndRollbacks: every object cut at many lengths, gone, put back as an
// earlier version, under a key that is gone or another one, and destroyed.
func TestCutsAndRollbacks(t *testing.T) {
	s := fill(t, 2, 1)
	docs, places := s.docs.Snapshot(), s.keys.Snapshot()
	for _, id := range s.owners {
		for _, o := range s.objects[id] {
			for cut := 0; cut < len(docs[o.Name]); cut += 1 + len(docs[o.Name])/40 {
				overwrite(t, s.docs, o.Name, docs[o.Name][:cut])
				wants(t, fmt.Sprintf("%s cut to %d", o.Name, cut), s.diagnose(t, id), archive.Truncated, o.Name)
				if f, err := s.Glance(t.Context(), o); err != nil || f == nil || f.Kind != archive.Truncated {
					t.Errorf("a glance at %s cut to %d: got %v, %v", o.Name, cut, f, err)
				}
				overwrite(t, s.docs, o.Name, docs[o.Name])
			}
			overwrite(t, s.docs, o.Name, append(bytes.Clone(docs[o.Name]), 0))
			wants(t, o.Name+" with a byte more", s.diagnose(t, id), archive.Altered, o.Name)
			if err := s.docs.Delete(t.Context(), o.Name); err != nil {
				t.Fatal(err)
			}
			wants(t, o.Name+" gone", s.diagnose(t, id), archive.Missing, o.Name)
			if _, err := s.docs.Put(t.Context(), o.Name, bytes.NewReader(docs[o.Name]), int64(len(docs[o.Name]))); err != nil {
				t.Fatal(err)
			}
			if f, err := s.Glance(t.Context(), o); err != nil || f != nil {
				t.Errorf("a glance at %s: got %v, %v", o.Name, f, err)
			}
		}
		// Another document's key, sealed to the vault as it should be.
		name, other := "k/"+id.String()+".age", "k/"+s.owners[(slices.Index(s.owners, id)+1)%len(s.owners)].String()+".age"
		for _, place := range []*memblob.Store{s.keys, s.mirror} {
			overwrite(t, place, name, places[other])
		}
		if got := s.diagnose(t, id); len(got) != 1 || got[0].Kind != archive.KeyChanged {
			t.Errorf("%s with another key: got %v", name, got)
		}
		for _, place := range []*memblob.Store{s.keys, s.mirror} {
			overwrite(t, place, name, places[name])
		}
	}
	// An earlier version in the place of a later one.
	id := s.owners[0]
	later := slices.Clone(s.objects[id])
	for i, o := range later {
		early := strings.Replace(o.Name, "/1/", "/0/", 1)
		old := append(bytes.Clone(docs[o.Name]), 'x')
		s.objects[id] = later
		if _, err := s.docs.Put(t.Context(), early, bytes.NewReader(old), int64(len(old))); err != nil {
			t.Fatal(err)
		}
		sum := sumOf(old)
		s.sums[string(sum)] = early
		overwrite(t, s.docs, later[i].Name, old)
		wants(t, o.Name+" rolled back", s.diagnose(t, id), archive.RolledBack, o.Name)
		overwrite(t, s.docs, later[i].Name, docs[o.Name])
	}
	for _, place := range []*memblob.Store{s.keys, s.mirror} {
		if err := place.Delete(t.Context(), "k/"+id.String()+".age"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.diagnose(t, id); len(got) != 1 || got[0].Kind != archive.KeyMissing {
		t.Errorf("its key gone: got %v", got)
	}
}

// TestAwayIsNoFault: what could not be asked says nothing of objects that are whole.
func TestAwayIsNoFault(t *testing.T) {
	s := fill(t, 1, 0)
	away := errors.New("the store is away")
	asked := 0
	known := func([]byte) (string, error) { asked++; return "", nil }
	got, err := s.Diagnose(t.Context(), away, s.objects[s.owners[0]], known)
	if len(got) != 0 || !errors.Is(err, away) || asked != 0 {
		t.Errorf("got %v, %v, want %v; whose bytes they are was asked %d times", got, err, away, asked)
	}
}

// TestForgedIsNamed: somebody who knows the vault's recipient makes a document
// of their own in the place of one, key and all; only the signature is wrong.
func TestForgedIsNamed(t *testing.T) {
	s := fill(t, 1, 0)
	id := s.owners[0]
	mine, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealedKey, err := keys.SealFor(s.Vault.Recipient(), []byte(mine.String()+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var pkg bytes.Buffer
	sums, err := seal.WritePackage(&pkg, mine.Recipient(), func(zw *zip.Writer) error {
		w, err := seal.AddPart(zw, "document.pdf")
		if err == nil {
			_, err = io.WriteString(w, "not what was scanned")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.OpenStation(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := seal.SealManifest(&seal.Manifest{ID: id, Version: 1, Object: s.objects[id][0].Name, Package: sums}, mine.Recipient(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []*memblob.Store{s.keys, s.mirror} {
		overwrite(t, place, "k/"+id.String()+".age", sealedKey)
	}
	overwrite(t, s.docs, s.objects[id][0].Name, pkg.Bytes())
	overwrite(t, s.docs, s.objects[id][1].Name, manifest)
	wants(t, "a whole document forged", s.diagnose(t, id), archive.Forged, s.objects[id][0].Name)
	if _, err := s.read(id); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("read: got %v, want ErrCorrupt", err)
	}
}

func sumOf(b []byte) []byte {
	h := sha256.New()
	h.Write(b)
	return h.Sum(nil)
}
