package keys_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"

	"chartvault/archive/keys"
	"chartvault/record"
)

func splitIdentity(t testing.TB, need, of int) (string, []keys.Share) {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	shares, err := keys.Split("# kept offline\n"+id.String()+"\n", need, of)
	if err != nil {
		t.Fatal(err)
	}
	return id.String(), shares
}

// TestSplit: every set of enough shares opens, none of fewer does, and shares
// survive being typed.
func TestSplit(t *testing.T) {
	for _, c := range []struct{ need, of int }{{2, 2}, {2, 3}, {3, 5}, {5, 7}} {
		want, shares := splitIdentity(t, c.need, c.of)
		for mask := range 1 << c.of {
			var some []keys.Share
			for i, s := range shares {
				if mask&(1<<i) == 0 {
					continue
				}
				typed, err := keys.ParseShare(" " + strings.ToUpper(s.Text()[:30]) + "\n " + s.Text()[30:] + "\n")
				if err != nil {
					t.Fatalf("%d of %d: share %d typed: %v", c.need, c.of, i+1, err)
				}
				some = append(some, typed)
			}
			got, err := keys.Combine(some)
			if len(some) >= c.need && (err != nil || got != want) {
				t.Errorf("%d of %d, %b: got %v", c.need, c.of, mask, err)
			}
			if len(some) < c.need && !errors.Is(err, record.ErrInvalid) {
				t.Errorf("%d of %d, %b: got %v, want that more are needed", c.need, c.of, mask, err)
			}
		}
	}
}

// TestSplitRefuses: what is not a share, shares of two sets, and one share
// given twice.
func TestSplitRefuses(t *testing.T) {
	_, one := splitIdentity(t, 2, 3)
	_, other := splitIdentity(t, 2, 3)
	for name, some := range map[string][]keys.Share{"two sets": {one[0], other[1]}, "one twice": {one[0], one[0]}, "none": nil} {
		if _, err := keys.Combine(some); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	text := one[0].Text()
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	for i := range text {
		next := letters[(strings.IndexByte(letters, text[i])+1)%len(letters)]
		if _, err := keys.ParseShare(text[:i] + string(next) + text[i+1:]); err == nil {
			t.Fatalf("character %d mistyped: got no error", i)
		}
	}
	for _, need := range []int{0, 1, 4, 17} {
		if _, err := keys.Split(one[0].Text(), need, 3); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%d of 3: got %v, want ErrInvalid", need, err)
		}
	}
	if got := fmt.Sprintf("%v %+v", one[0], one[0]); strings.Contains(got, text) || !strings.Contains(got, "share 1 of 3") {
		t.Errorf("printed: got %s", got)
	}
}

// FuzzParseShare: any text is a share or an error.
func FuzzParseShare(f *testing.F) {
	_, shares := splitIdentity(f, 2, 3)
	for _, s := range shares {
		f.Add(s.Text())
	}
	f.Add("cvshare1-")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keys.ParseShare(text)
		if err == nil && (s.Number < 1 || s.Number > s.Of || s.Need > s.Of) {
			t.Errorf("got %v", s)
		}
	})
}
