package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/memblob"
	"chartvault/archive/keys"
	"chartvault/record"
)

// site is a keys place, mirrored, with some keys and every way to open it.
type site struct {
	stores   []*memblob.Store
	recovery string
	way      string
	ids      []record.ID
	lines    []string // recipients of the keys
}

func newSite(t *testing.T, n int) *site {
	t.Helper()
	s := &site{stores: []*memblob.Store{memblob.New(time.Now), memblob.New(time.Now)}}
	v, recovery, err := keys.Create(t.Context(), s.places(nil), "pass", 1)
	if err != nil {
		t.Fatal(err)
	}
	token, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s.recovery, s.way = recovery, token.String()
	if err := v.AddWay(t.Context(), keys.Way{Name: "token", Recipient: token.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ShardKey(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		id := record.ID{byte(i + 1)}
		k, err := v.NewKey(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		s.ids, s.lines = append(s.ids, id), append(s.lines, fmt.Sprint(k.Recipient()))
	}
	return s
}

// places are the stores, failing as f says.
func (s *site) places(f *blobtest.Fault) keys.Places {
	var out keys.Places
	for _, st := range s.stores {
		if f == nil {
			out = append(out, st)
		} else {
			out = append(out, blobtest.Faulty(st, f))
		}
	}
	return out
}

// opens says that every way to open the vault opens every key but gone ones.
func (s *site) opens(t *testing.T, when, passphrase string, gone ...record.ID) {
	t.Helper()
	for how, unlock := range map[string]func(context.Context) (*keys.Vault, error){
		"passphrase": func(ctx context.Context) (*keys.Vault, error) { return keys.Unlock(ctx, s.places(nil), passphrase) },
		"recovery": func(ctx context.Context) (*keys.Vault, error) {
			return keys.UnlockRecovery(ctx, s.places(nil), s.recovery)
		},
		"way": func(ctx context.Context) (*keys.Vault, error) { return keys.UnlockIdentity(ctx, s.places(nil), s.way) },
	} {
		v, err := unlock(t.Context())
		if err != nil {
			t.Errorf("%s: %s: got %v", when, how, err)
			continue
		}
		for i, id := range s.ids {
			k, err := v.Key(t.Context(), id)
			if slices.Contains(gone, id) {
				if !errors.Is(err, record.ErrDestroyed) {
					t.Errorf("%s: %s: destroyed key %d: got %v, want ErrDestroyed", when, how, i, err)
				}
				continue
			}
			if err != nil || fmt.Sprint(k.Recipient()) != s.lines[i] {
				t.Errorf("%s: %s: key %d: got %v", when, how, i, err)
			}
		}
		if _, err := v.ShardKey(t.Context(), "a"); err != nil {
			t.Errorf("%s: %s: shard: got %v", when, how, err)
		}
	}
}

// TestRotate: a rotation is stopped at every call to its stores in turn, as a
// failed call, as a lost answer and as a power cut. The vault opens whole at
// every moment, and a repetition ends with nothing left under the old identity.
func TestRotate(t *testing.T) {
	for name, how := range map[string]struct{ after, stop bool }{"fails": {}, "answer lost": {after: true}, "power cut": {stop: true}, "power cut after": {true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 1
			for more := true; more; n++ {
				s := newSite(t, 2)
				gone := s.ids[1]
				v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
				if err != nil {
					t.Fatal(err)
				}
				if err := v.DestroyKey(t.Context(), gone); err != nil {
					t.Fatal(err)
				}
				f := blobtest.Fault{After: how.after, Stop: how.stop}
				if v, err = keys.Unlock(t.Context(), s.places(&f), "pass"); err != nil {
					t.Fatal(err)
				}
				f.At = f.Calls() + n
				_, err = v.Rotate(t.Context(), "pass", 1, s.ids, nil)
				more = f.Calls() >= f.At
				if more == (err == nil) && !how.after {
					t.Fatalf("call %d: got %v", n, err)
				}
				when := fmt.Sprintf("stopped at call %d", n)
				s.opens(t, when, "pass", gone)
				if v, err = keys.Unlock(t.Context(), s.places(nil), "pass"); err != nil {
					t.Fatal(err)
				}
				if _, err := v.Rotate(t.Context(), "pass", 1, s.ids, nil); err != nil {
					t.Fatalf("%s, repeated: got %v", when, err)
				}
				if v.Turning() {
					t.Errorf("%s, repeated: a rotation is said to be on its way", when)
				}
				s.opens(t, when+", repeated", "pass", gone)
				if in, err := v.Inspect(t.Context(), s.ids[0]); err != nil || !slices.Equal(in.Places, []string{"current", "current"}) {
					t.Errorf("%s, repeated: got %v, %v", when, in.Places, err)
				}
				if has, err := v.HasKey(t.Context(), gone); err != nil || has {
					t.Errorf("%s, repeated: a destroyed key is back: %v", when, err)
				}
			}
			if n < 50 {
				t.Errorf("got %d calls, want many more", n)
			}
		})
	}
}

// TestRotateDamaged: a key of which no place has a copy that opens is named, and
// the others are re-wrapped all the same.
func TestRotateDamaged(t *testing.T) {
	s := newSite(t, 3)
	name := "k/" + s.ids[1].String() + ".age"
	var good [][]byte
	for _, st := range s.stores {
		b, err := blob.ReadAll(t.Context(), st, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, b)
		bad := bytes.Clone(b)
		bad[len(bad)/2] ^= 1
		if err := st.Swap(t.Context(), name, b, bad); err != nil {
			t.Fatal(err)
		}
	}
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	r, err := v.Rotate(t.Context(), "pass", 1, s.ids, nil)
	if err != nil || !slices.Equal(r.Damaged, []string{name}) || v.Turning() {
		t.Fatalf("got %+v, %v, want %s named and the rotation ended", r, err, name)
	}
	for _, i := range []int{0, 2} {
		if in, err := v.Inspect(t.Context(), s.ids[i]); err != nil || !slices.Equal(in.Places, []string{"current", "current"}) {
			t.Errorf("key %d: got %v, %v", i, in.Places, err)
		}
	}
	// What comes back from a backup of before opens all the same.
	for i, st := range s.stores {
		bad, err := blob.ReadAll(t.Context(), st, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Swap(t.Context(), name, bad, good[i]); err != nil {
			t.Fatal(err)
		}
	}
	s.opens(t, "brought back", "pass")
}

// TestRotateBesideDestroy: a key destroyed while the vault is rotated stays
// destroyed.
func TestRotateBesideDestroy(t *testing.T) {
	s := newSite(t, 40)
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for _, id := range s.ids {
			if err := v.DestroyKey(t.Context(), id); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	if _, err := v.Rotate(t.Context(), "pass", 1, s.ids, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.opens(t, "afterwards", "pass", s.ids...)
}

// TestRotateChanges: the new passphrase opens, the old one does not, and the
// old vault identity opens no key any more.
func TestRotateChanges(t *testing.T) {
	s := newSite(t, 1)
	before := s.stores[0].Snapshot()
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	old := v.Site()
	r, err := v.Rotate(t.Context(), "new pass", 1, nil, nil)
	if err != nil || r.Wrapped != 2 || r.Turn != 1 || r.Holes != 0 {
		t.Errorf("got %+v, %v, want a key and a shard re-wrapped", r, err)
	}
	if v.Site().Vault == old.Vault || v.Site().ID != old.ID {
		t.Errorf("got site %+v", v.Site())
	}
	if _, err := keys.Unlock(t.Context(), s.places(nil), "pass"); !errors.Is(err, record.ErrPassphrase) {
		t.Errorf("old passphrase: got %v", err)
	}
	s.opens(t, "rotated", "new pass")
	// Who has the old identity, from an old copy of the place, reads that copy
	// and nothing of the place as it is.
	line, err := keys.OpenPassphrase(before["vault.age"], "pass")
	if err != nil {
		t.Fatal(err)
	}
	id, err := age.ParseHybridIdentity(string(bytes.TrimSpace(line)))
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range s.stores[0].Snapshot() {
		if _, err := keys.Open(sealed, id); err == nil {
			t.Errorf("the old identity opens %s", name)
		}
	}
}

// TestForgedObjects: whoever knows the vault's recipient and may write to a
// keys place cannot put an identity of their own in the vault's place, nor
// themselves among those who can open it.
func TestForgedObjects(t *testing.T) {
	mine, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(site keys.Site) (string, []byte){
		"next.age": func(keys.Site) (string, []byte) {
			return "next.age", []byte(`{"body":"` + mine.String() + `","mac":""}`)
		},
		"retired.age": func(keys.Site) (string, []byte) {
			return "retired.age", []byte(`{"body":["` + mine.String() + `"],"mac":""}`)
		},
		"secrets.age": func(keys.Site) (string, []byte) {
			return "secrets.age", []byte(`{"body":{"recovery":["` + mine.Recipient().String() + `"]},"mac":""}`)
		},
	} {
		s := newSite(t, 1)
		v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
		if err != nil {
			t.Fatal(err)
		}
		object, plain := forge(v.Site())
		sealed, err := keys.SealFor(v.Site().Vault, plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range s.stores {
			if err := st.Delete(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if _, err := st.Put(t.Context(), object, bytes.NewReader(sealed), int64(len(sealed))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := keys.Unlock(t.Context(), s.places(nil), "pass"); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("forged %s: got %v, want ErrCorrupt", name, err)
		}
	}
	// site.json is in clear: what it says of recipients is not believed.
	s := newSite(t, 1)
	for _, st := range s.stores {
		b, err := blob.ReadAll(t.Context(), st, "site.json", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		forged := bytes.Replace(b, []byte(`"recovery": [`), []byte(`"recovery": ["`+mine.Recipient().String()+`",`), 1)
		if err := st.Swap(t.Context(), "site.json", b, forged); err != nil {
			t.Fatal(err)
		}
	}
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rotate(t.Context(), "pass", 1, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.UnlockRecovery(t.Context(), s.places(nil), mine.String()); !errors.Is(err, record.ErrPassphrase) {
		t.Errorf("a recipient written into site.json: got %v, want that it opens nothing", err)
	}
}

// TestCare: passphrase, ways and recovery identities come and go.
func TestCare(t *testing.T) {
	s := newSite(t, 1)
	ctx := t.Context()
	v, err := keys.Unlock(ctx, s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	second, recipient, err := v.NewRecovery(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{s.recovery, second} {
		if _, err := keys.UnlockRecovery(ctx, s.places(nil), "# a comment\n"+line+"\n"); err != nil {
			t.Errorf("recovery identity: got %v", err)
		}
	}
	if err := v.RemoveRecovery(ctx, v.Recovery()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.UnlockRecovery(ctx, s.places(nil), s.recovery); !errors.Is(err, record.ErrPassphrase) {
		t.Errorf("removed recovery identity: got %v", err)
	}
	if err := v.RemoveRecovery(ctx, recipient); !errors.Is(err, record.ErrDenied) {
		t.Errorf("removing the last one: got %v, want ErrDenied", err)
	}
	s.recovery = second
	for _, w := range []keys.Way{{Name: "token", Recipient: recipient}, {Name: "../x", Recipient: recipient}, {Name: "b", Recipient: "age1nonsense"}} {
		if err := v.AddWay(ctx, w); !errors.Is(err, record.ErrExists) && !errors.Is(err, record.ErrInvalid) {
			t.Errorf("way %q: got %v", w.Name, err)
		}
	}
	s.opens(t, "with another recovery identity", "pass")
	if err := v.SetPassphrase(ctx, "other", 1); err != nil {
		t.Fatal(err)
	}
	s.opens(t, "with another passphrase", "other")
	if err := v.RemoveWay(ctx, "token"); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.UnlockIdentity(ctx, s.places(nil), s.way); !errors.Is(err, record.ErrPassphrase) {
		t.Errorf("removed way: got %v", err)
	}
	for name, sealed := range s.stores[0].Snapshot() {
		if strings.HasPrefix(name, "unlock/") {
			t.Errorf("%s is still there, %d bytes", name, len(sealed))
		}
	}
	stock, err := v.Export(ctx, s.ids[0], recipient)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := age.ParseHybridIdentity(second)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := keys.Open(stock, rec); err != nil || !bytes.HasPrefix(line, []byte("AGE-SECRET-KEY-PQ-1")) {
		t.Errorf("export: got %v", err)
	}
}

// TestMend: a hole in a mirror is filled with the same identity, whichever place
// has it; a key that no place has stays gone.
func TestMend(t *testing.T) {
	s := newSite(t, 3)
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return "k/" + s.ids[i].String() + ".age" }
	for _, hole := range []struct{ place, key int }{{0, 0}, {1, 1}, {0, 2}, {1, 2}} {
		if err := s.stores[hole.place].Delete(t.Context(), name(hole.key)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{1, 1, 0} {
		if got, err := v.Mend(t.Context(), s.ids[i]); err != nil || got != want {
			t.Errorf("key %d: got %d holes, %v, want %d", i, got, err, want)
		}
	}
	for _, place := range s.stores {
		one, err := keys.Unlock(t.Context(), keys.Places{place}, "pass")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if k, err := one.Key(t.Context(), s.ids[i]); err != nil || fmt.Sprint(k.Recipient()) != s.lines[i] {
				t.Errorf("key %d alone: got %v", i, err)
			}
		}
		if _, err := one.Key(t.Context(), s.ids[2]); !errors.Is(err, record.ErrDestroyed) {
			t.Errorf("a key that was gone: got %v, want ErrDestroyed", err)
		}
	}
}
