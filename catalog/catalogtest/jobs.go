package catalogtest

import (
	"errors"
	"testing"
	"time"

	"chartvault/catalog"
)

// jobs: one at a time has a job, until it ends or its lease runs out; who lost
// it changes nothing.
func jobs(t *testing.T, c *catalog.DB) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	take := func(at time.Time) (catalog.Job, bool) {
		t.Helper()
		j, ok, err := c.TakeJob(t.Context(), "census", at, 24*time.Hour, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return j, ok
	}
	if _, ok := take(now); ok {
		t.Error("a job nobody put was taken")
	}
	if err := c.PutJob(t.Context(), "census", now.Add(30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	wrong, ok := take(now)
	if !ok {
		t.Error("a job that is due when it never would be put was not taken")
	}
	if err := c.EndJob(t.Context(), wrong, now, time.Time{}, ""); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is no other
		if err := c.PutJob(t.Context(), "census", now); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := take(now.Add(-time.Second)); ok {
		t.Error("a job was taken before it was due")
	}
	j, ok := take(now)
	if j.Fence == wrong.Fence {
		t.Error("a job that is there again has a fence it had")
	}
	if !ok || j.Attempts != 1 || !j.Until.Equal(now.Add(time.Minute)) {
		t.Fatalf("take: got %+v, %v", j, ok)
	}
	if _, ok := take(now.Add(30 * time.Second)); ok {
		t.Error("a job was taken twice")
	}
	if err := c.RenewJob(t.Context(), j, now.Add(50*time.Second), time.Minute); err != nil {
		t.Errorf("renew: got %v", err)
	}
	if _, ok := take(now.Add(100 * time.Second)); ok {
		t.Error("a job whose lease was lengthened was taken")
	}
	late := now.Add(111 * time.Second)
	if err := c.RenewJob(t.Context(), j, late, time.Minute); !errors.Is(err, catalog.ErrLease) {
		t.Errorf("renew a lease that is over: got %v, want %v", err, catalog.ErrLease)
	}
	k, ok := take(late)
	if !ok || k.Fence <= j.Fence || k.Attempts != 2 {
		t.Fatalf("take after the lease: got %+v, %v", k, ok)
	}
	for name, err := range map[string]error{
		"end":   c.EndJob(t.Context(), j, late, late.Add(time.Hour), ""),
		"renew": c.RenewJob(t.Context(), j, late, time.Minute),
		"drop":  c.EndJob(t.Context(), j, late, time.Time{}, ""),
	} {
		if !errors.Is(err, catalog.ErrLease) {
			t.Errorf("%s by who lost it: got %v, want %v", name, err, catalog.ErrLease)
		}
	}
	if err := c.EndJob(t.Context(), k, late, late.Add(time.Minute), "the store is away"); err != nil {
		t.Fatal(err)
	}
	js, err := c.Jobs(t.Context())
	if err != nil || len(js) != 1 || js[0].Error != "the store is away" || js[0].Attempts != 2 || !js[0].Until.IsZero() {
		t.Errorf("jobs: got %+v, %v", js, err)
	}
	if k, ok = take(late.Add(time.Minute)); !ok {
		t.Fatal("a job that went wrong was not taken again")
	}
	if err := c.EndJob(t.Context(), k, late, late.Add(time.Hour), ""); err != nil {
		t.Fatal(err)
	}
	if js, err = c.Jobs(t.Context()); err != nil || js[0].Error != "" || js[0].Attempts != 0 {
		t.Errorf("jobs after it went well: got %+v, %v", js, err)
	}
	jobsEnd(t, c, late, take)
}

// jobsEnd: a job may be done for good; one that is there again, or recalled, is taken.
func jobsEnd(t *testing.T, c *catalog.DB, late time.Time, take func(time.Time) (catalog.Job, bool)) {
	k, ok := take(late.Add(time.Hour))
	if !ok {
		t.Fatal("a job that is due again was not taken")
	}
	if err := c.EndJob(t.Context(), k, late, time.Time{}, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.PutJob(t.Context(), "census", late.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := c.Recall(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if k, ok = take(late); !ok {
		t.Fatal("a job that was recalled was not taken")
	}
	if err := c.EndJob(t.Context(), k, late, time.Time{}, ""); err != nil {
		t.Fatal(err)
	}
	if js, err := c.Jobs(t.Context()); err != nil || len(js) != 0 {
		t.Errorf("jobs after it is done for good: got %+v, %v", js, err)
	}
}

// raise: a number that only grows.
func raise(t *testing.T, c *catalog.DB) {
	for _, tt := range []struct {
		n    int64
		grew bool
	}{{9, true}, {9, false}, {8, false}, {10, true}, {100, true}, {11, false}} {
		if grew, err := c.Raise(t.Context(), "x", tt.n); err != nil || grew != tt.grew {
			t.Errorf("raise to %d: got %v, %v, want %v", tt.n, grew, err, tt.grew)
		}
	}
	if v, err := c.Progress(t.Context(), "x"); err != nil || v != "100" {
		t.Errorf("progress: got %s, %v, want 100", v, err)
	}
}
