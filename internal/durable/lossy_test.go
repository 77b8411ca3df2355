package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chartvault/internal/durable"
	"chartvault/internal/lossytest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == lossytest.Command {
		os.Exit(lossytest.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// TestLossy: on a file system that loses whatever was not made durable, every
// function of this package is stopped at each of its calls in three ways. What
// it reported as done is there; what it did not is there whole, or as before.
func TestLossy(t *testing.T) {
	f := lossytest.Start(t)
	old, fresh := strings.Repeat("old", 3000), strings.Repeat("fresh", 3000)
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return "absent"
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	put := func(name, text string) {
		t.Helper()
		if _, err := durable.Replace(name, strings.NewReader(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		before func(dir string)       // what is there
		do     func(dir string) error // the call
		after  func(dir string) string
		was    string // what after says when nothing was done
		is     string // and when it was
	}{
		"create": {func(string) {}, func(d string) error {
			_, err := durable.Create(filepath.Join(d, "new", "x"), strings.NewReader(fresh), 0o600)
			return err
		}, func(d string) string { return read(filepath.Join(d, "new", "x")) }, "absent", fresh},
		"replace": {func(d string) { put(filepath.Join(d, "x"), old) }, func(d string) error {
			_, err := durable.Replace(filepath.Join(d, "x"), strings.NewReader(fresh), 0o600)
			return err
		}, func(d string) string { return read(filepath.Join(d, "x")) }, old, fresh},
		"move": {func(d string) { put(filepath.Join(d, "x"), old) }, func(d string) error {
			return durable.Move(filepath.Join(d, "x"), filepath.Join(d, "to", "y"))
		}, func(d string) string {
			return read(filepath.Join(d, "x")) + "|" + read(filepath.Join(d, "to", "y"))
		}, old + "|absent", "absent|" + old},
		"remove": {func(d string) { put(filepath.Join(d, "x"), old) }, func(d string) error {
			return durable.Remove(filepath.Join(d, "x"))
		}, func(d string) string { return read(filepath.Join(d, "x")) }, old, "absent"},
	} {
		for _, mode := range []lossytest.Mode{lossytest.Once, lossytest.Full, lossytest.Cut} {
			calls := 0
			for n, more := 1, true; more; n++ {
				for seed := range uint64(4) {
					dir := filepath.Join(f.Dir, fmt.Sprintf("%s-%s-%d-%d", name, mode, n, seed))
					if err := durable.MkdirAll(dir); err != nil {
						t.Fatal(err)
					}
					c.before(dir)
					f.Arm(mode, n)
					err := c.do(dir)
					var failed string
					calls, failed = f.Calls()
					more = calls >= n
					f.Arm(mode, 0)
					if err != nil && mode != lossytest.Cut && name != "move" { // which finds nothing to move
						if err = c.do(dir); errors.Is(err, fs.ErrExist) {
							err = nil // and is durable
						}
					}
					// The power goes now, at the latest.
					f.Lose(seed)
					got := c.after(dir)
					if got != c.was && got != c.is {
						t.Errorf("%s, %s at call %d (%s), seed %d: got %d bytes that are neither before nor after: %.40q", name, mode, n, failed, seed, len(got), got)
					}
					if err == nil && got != c.is {
						t.Errorf("%s, %s at call %d (%s), seed %d: reported as done, and lost", name, mode, n, failed, seed)
					}
					if !more && err != nil {
						t.Fatalf("%s: no call failed: got %v", name, err)
					}
				}
			}
			if calls < 2 {
				t.Errorf("%s: got %d calls, want more", name, calls)
			}
		}
	}
}

// TestLossyAppend: every write that an Appender reported is there after the
// power went, and after it at most a torn tail.
func TestLossyAppend(t *testing.T) {
	f := lossytest.Start(t)
	for n := 1; n < 12; n++ {
		for seed := range uint64(4) {
			name := filepath.Join(f.Dir, fmt.Sprintf("log-%d-%d", n, seed))
			f.Arm(lossytest.Cut, n)
			var want []byte
			a, err := durable.Append(name)
			for i := 0; err == nil && i < 5; i++ {
				line := bytes.Repeat([]byte{byte('a' + i)}, 1000)
				if _, err = a.Write(line); err == nil {
					want = append(want, line...)
				}
			}
			f.Lose(seed)
			got, rerr := os.ReadFile(name)
			if rerr != nil && len(want) > 0 {
				t.Fatalf("cut at call %d, seed %d: %d bytes were reported: %v", n, seed, len(want), rerr)
			}
			if !bytes.HasPrefix(got, want) || len(got) > len(want)+1000 {
				t.Errorf("cut at call %d, seed %d: got %d bytes, want %d and at most a torn line", n, seed, len(got), len(want))
			}
		}
	}
}
