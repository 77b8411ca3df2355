package ocr

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// The queue is tested from inside: it is the pool's own, and its order shows
// nowhere else without a clock.

// TestQueue: small sources go first, equal ones in the order they came, and
// one that gives up leaves its turn to the next.
func TestQueue(t *testing.T) {
	q := newQueue(1)
	held, err := q.take(t.Context(), 1)
	if err != nil || held != nil {
		t.Fatalf("got %v, %v, want a place without a worker", held, err)
	}
	order := make(chan int, 8)
	join := func(ctx context.Context, name, size int) {
		before := q.length()
		go func() {
			w, err := q.take(ctx, size)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("waiter %d: %v", name, err)
				}
				return
			}
			order <- name
			q.give(w)
		}()
		for q.length() == before {
			time.Sleep(time.Millisecond)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	join(t.Context(), 1, 1000)
	join(t.Context(), 2, 3)
	join(gone, 3, 1)
	join(t.Context(), 4, 3)
	cancel()
	for q.length() > 3 {
		time.Sleep(time.Millisecond)
	}
	q.give(held)
	var got []int
	for range 3 {
		got = append(got, <-order)
	}
	if want := []int{2, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("got the order %v, want %v", got, want)
	}
	if _, err := q.take(gone, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: got %v", err)
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
