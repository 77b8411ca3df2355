package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/keys"
	"chartvault/record"
)

func signer(t *testing.T, n byte) ed25519.PublicKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

// TestDepositors: a signature counts in its role only, until it is revoked, in
// every place and through a rotation; a server's cannot be.
func TestDepositors(t *testing.T) {
	s := newSite(t, 0)
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	server := keys.Depositor{Name: "server", Role: keys.RoleServer, Key: signer(t, 1), Since: time.Now()}
	station := keys.Depositor{Name: "station", Role: keys.RoleStation, Key: signer(t, 2), Since: time.Now()}
	for _, d := range []keys.Depositor{server, station, station} {
		if err := v.Trust(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	other := station
	other.Role = keys.RoleServer
	if err := v.Trust(t.Context(), other); !errors.Is(err, record.ErrExists) {
		t.Errorf("a station made a server: got %v, want ErrExists", err)
	}
	believed := func(when string, d keys.Depositor, role keys.Role, want ...error) {
		t.Helper()
		pub, err := v.Signer(t.Context(), keys.SignerID(d.Key), role)
		if len(want) == 0 && (err != nil || !pub.Equal(d.Key)) {
			t.Errorf("%s: %s as %s: got %v", when, d.Name, role, err)
		}
		for _, w := range want {
			if !errors.Is(err, w) {
				t.Errorf("%s: %s as %s: got %v, want %v", when, d.Name, role, err, w)
			}
		}
	}
	believed("trusted", server, keys.RoleServer)
	believed("trusted", station, keys.RoleStation)
	believed("trusted", server, keys.RoleStation, record.ErrDenied)
	believed("trusted", station, keys.RoleServer, record.ErrDenied)
	believed("unknown", keys.Depositor{Key: signer(t, 3)}, keys.RoleStation, record.ErrDenied)
	if err := v.Revoke(t.Context(), keys.SignerID(server.Key), time.Now()); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a server revoked: got %v, want ErrDenied", err)
	}
	if err := v.Revoke(t.Context(), keys.SignerID(signer(t, 3)), time.Now()); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a stranger revoked: got %v, want ErrNotFound", err)
	}
	if err := v.Revoke(t.Context(), keys.SignerID(station.Key), time.Now()); err != nil {
		t.Fatal(err)
	}
	believed("revoked", station, keys.RoleStation, record.ErrDenied, keys.ErrRevoked)
	if err := v.Trust(t.Context(), station); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("a revoked station trusted again: got %v, want ErrRevoked", err)
	}
	if _, err := v.Rotate(t.Context(), "pass", 1, nil, nil); err != nil {
		t.Fatal(err)
	}
	if v, err = keys.Unlock(t.Context(), s.places(nil), "pass"); err != nil {
		t.Fatal(err)
	}
	believed("rotated", server, keys.RoleServer)
	believed("rotated", station, keys.RoleStation, keys.ErrRevoked)
	ds, err := v.Depositors(t.Context())
	if err != nil || len(ds) != 2 || ds[0].Name != "server" || ds[1].Revoked.IsZero() {
		t.Errorf("list: got %+v, %v", ds, err)
	}
}

// TestRevokeEveryCallFails: after an interrupted revocation is repeated, every
// place has it.
func TestRevokeEveryCallFails(t *testing.T) {
	for n, more := 1, true; more; n++ {
		s := newSite(t, 0)
		v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
		if err != nil {
			t.Fatal(err)
		}
		station := keys.Depositor{Name: "station", Role: keys.RoleStation, Key: signer(t, 2), Since: time.Now()}
		if err := v.Trust(t.Context(), station); err != nil {
			t.Fatal(err)
		}
		id := keys.SignerID(station.Key)
		f := &blobtest.Fault{}
		faulty, err := keys.Unlock(t.Context(), s.places(f), "pass")
		if err != nil {
			t.Fatal(err)
		}
		f.At = f.Calls() + n
		err = faulty.Revoke(t.Context(), id, time.Now())
		if more = f.Calls() >= f.At; !more && err != nil {
			t.Fatal(err)
		}
		if err := v.Revoke(t.Context(), id, time.Now()); err != nil {
			t.Fatalf("call %d: again: got %v", n, err)
		}
		for i, place := range s.stores {
			if _, err := blob.ReadAll(t.Context(), place, "trust/"+id+".age", 1<<20); err != nil {
				t.Fatal(err)
			}
			one, err := keys.Unlock(t.Context(), keys.Places{place}, "pass")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := one.Signer(t.Context(), id, keys.RoleStation); !errors.Is(err, keys.ErrRevoked) {
				t.Errorf("call %d: place %d: got %v, want ErrRevoked", n, i+1, err)
			}
		}
	}
}
