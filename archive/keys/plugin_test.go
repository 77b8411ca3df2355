package keys_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age/plugin"

	"chartvault/archive/keys"
	"chartvault/internal/testserver"
	"chartvault/record"
)

// TestPlugin: a real age plugin unlocks the vault, before and after a
// rotation, which it takes part in; without its secret it does not.
func TestPlugin(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(testserver.Age(t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("AGE_PASSPHRASE", "of the token")
	t.Setenv("AGE_PASSPHRASE_WORK_FACTOR", "1")
	identity := plugin.EncodeIdentity("batchpass", nil)
	s := newSite(t, 1)
	v, err := keys.Unlock(t.Context(), s.places(nil), "pass")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.AddWay(t.Context(), keys.Way{Name: "batchpass", Recipient: identity}); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at first", "rotated"} {
		w, err := keys.UnlockIdentity(t.Context(), s.places(nil), "# the desk's token\n"+identity+"\n")
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if _, err := w.Key(t.Context(), s.ids[0]); err != nil {
			t.Errorf("%s: key: %v", when, err)
		}
		if _, err := w.Rotate(t.Context(), "pass", 1, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AGE_PASSPHRASE", "of another token")
	if _, err := keys.UnlockIdentity(t.Context(), s.places(nil), identity); !errors.Is(err, record.ErrPassphrase) && !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("another token: got %v, want that it does not open", err)
	}
}
