package record_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"chartvault/record"
)

func TestID(t *testing.T) {
	id, err := record.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	back, err := record.ParseID(id.String())
	if err != nil || back != id {
		t.Errorf("round trip: got %v, %v, want %v", back, err, id)
	}
	for _, s := range []string{"", "short", strings.ToUpper(id.String()), id.String() + "a", "aaaaaaaaaaaaaaaaaaaaaaaaab", "../aaaaaaaaaaaaaaaaaaaaaaa"} {
		if _, err := record.ParseID(s); err == nil {
			t.Errorf("parse %q: got nil, want an error", s)
		}
	}
}

// TestPrivatePrintsNothing tries every way a private value could get into a
// log, exported or not, behind a pointer or not.
func TestPrivatePrintsNothing(t *testing.T) {
	const canary = "CANARY4711"
	n, err := record.ParseChartNumber(canary)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Public  record.ChartNumber
		private record.Private
	}
	values := []any{n, &n, record.NewPrivate(canary), holder{n, record.NewPrivate(canary)}, &holder{n, record.NewPrivate(canary)},
		[]record.ChartNumber{n}, map[string]record.Private{"x": record.NewPrivate(canary)}, fmt.Errorf("wrap: %v", n)}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(strings.ToUpper(s), canary) || strings.Contains(s, "43414e41") {
				t.Errorf("%s of %T: got %q", verb, v, s)
			}
		}
		for _, h := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(h(&b)).Info("x", "v", v)
			if strings.Contains(b.String(), canary) {
				t.Errorf("slog of %T: got %s", v, b.String())
			}
		}
		if b, _ := json.Marshal(v); strings.Contains(string(b), canary) {
			t.Errorf("json of %T: got %s", v, b)
		}
	}
	if n.Reveal() != canary {
		t.Errorf("reveal: got %q, want %q", n.Reveal(), canary)
	}
}

func TestChartNumber(t *testing.T) {
	for in, want := range map[string]string{"0012": "0012", " ng-139 537 ": "NG139537", "1043321-7": "10433217", "A.1/2": "A12"} {
		n, err := record.ParseChartNumber(in)
		if err != nil || n.Canonical() != want {
			t.Errorf("%q: got %q, %v, want %q", in, n.Canonical(), err, want)
		}
	}
	for _, in := range []string{"", "   ", "NODIGIT", "12'--", "1\n2", strings.Repeat("1", 65), "１２"} {
		if _, err := record.ParseChartNumber(in); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", in, err)
		}
	}
}

func TestDate(t *testing.T) {
	tests := []struct {
		in    string
		years int
		want  string
	}{
		{"2016-02-29", 7, "2023-03-01"},
		{"2016-02-29", 4, "2020-02-29"},
		{"1998", 10, "2008-12-31"},
		{"1987-02", 0, "1987-02-28"},
		{"1999-12-31", 1, "2000-12-31"},
	}
	for _, tt := range tests {
		d, err := record.ParseDate(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.AddYears(tt.years).String(); got != tt.want {
			t.Errorf("%s + %d years: got %s, want %s", tt.in, tt.years, got, tt.want)
		}
	}
	for _, in := range []string{"2023-02-29", "2023-13", "23-01-01", "2023-1-1", "2023-01-01-01", "0000", "abcd"} {
		if _, err := record.ParseDate(in); err == nil {
			t.Errorf("%q: got nil, want an error", in)
		}
	}
}

func FuzzChartNumber(f *testing.F) {
	f.Add("1043321-7")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := record.ParseChartNumber(s)
		if err != nil {
			if len(s) > 6 && strings.Contains(err.Error(), s) {
				t.Errorf("the error repeats the input: %v", err)
			}
			return
		}
		again, err := record.ParseChartNumber(n.Canonical())
		if err != nil || again.Canonical() != n.Canonical() {
			t.Errorf("the canonical form of %q does not stand for itself: %v", s, err)
		}
	})
}

func FuzzDate(f *testing.F) {
	f.Add("2004-02-29")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := record.ParseDate(s)
		if err != nil {
			return
		}
		back, err := record.ParseDate(d.String())
		if err != nil || back != d {
			t.Errorf("%q: got %v back, %v", s, back, err)
		}
	})
}
