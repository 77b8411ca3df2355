package main

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"chartvault/record"
	"chartvault/web/api"
)

// TestAnswers: what keys were answered is kept, sealed, until it is too old or there
// is too much of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	a := openApp(t, quick)
	s := answers{a}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if _, err := s.Answer(t.Context(), "none"); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("none: got %v, want %v", err, record.ErrNotFound)
	}
	for i := range 4 {
		want := api.Answer{At: at.Add(time.Duration(i) * time.Hour), Sum: [32]byte{1: 2}, Done: i%2 == 0, Status: 200, Kind: "k", Body: []byte("zanzibar")}
		name := fmt.Sprint("key", i)
		for range 2 {
			if err := s.PutAnswer(t.Context(), name, want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Answer(t.Context(), name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if err := s.DropAnswer(t.Context(), "key2"); err != nil {
		t.Fatal(err)
	}
	there := func(want ...bool) {
		t.Helper()
		for i, w := range want {
			if _, err := s.Answer(t.Context(), fmt.Sprint("key", i)); (err == nil) != w {
				t.Errorf("key%d: got %v, want it there: %t", i, err, w)
			}
		}
	}
	there(true, true, false, true)
	if left, err := s.ClearAnswers(t.Context(), at.Add(time.Minute)); err != nil || left != 2 {
		t.Fatalf("got %d left, %v, want 2", left, err)
	}
	there(false, true, false, true)
	if left, err := s.ClearAnswers(t.Context(), at.Add(9*time.Hour)); err != nil || left != 0 {
		t.Fatalf("got %d left, %v, want none", left, err)
	}
}
