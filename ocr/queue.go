package ocr

import (
	"container/heap"
	"context"
	"sync"
)

// queue hands out workers: to whoever asks when one is free, and to the
// smallest source first when none is. A few urgent pages go before a backfile
// of thousands, which goes on between them.
type queue struct {
	mu      sync.Mutex
	free    []*worker // nil for a worker yet to be started
	waiting waiters
	asked   uint64
}

// waiter is a request without a worker yet.
type waiter struct {
	size  int
	turn  uint64 // first come, first served among equals
	given chan *worker
	index int // in the heap; -1 once it has been served or given up
}

func newQueue(size int) *queue { return &queue{free: make([]*worker, size)} }

// take waits for a worker on behalf of a source of size pages.
func (q *queue) take(ctx context.Context, size int) (*worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	if n := len(q.free); n > 0 {
		w := q.free[n-1]
		q.free = q.free[:n-1]
		q.mu.Unlock()
		return w, nil
	}
	q.asked++
	me := &waiter{size: size, turn: q.asked, given: make(chan *worker, 1)}
	heap.Push(&q.waiting, me)
	q.mu.Unlock()
	select {
	case w := <-me.given:
		return w, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	served := me.index < 0
	if !served {
		heap.Remove(&q.waiting, me.index)
	}
	q.mu.Unlock()
	if served { // at the same moment: it is somebody else's turn
		q.give(<-me.given)
	}
	return nil, ctx.Err()
}

// give puts a worker back, nil for one that is gone.
func (q *queue) give(w *worker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		heap.Pop(&q.waiting).(*waiter).given <- w
		return
	}
	q.free = append(q.free, w)
}

// waiters is a heap.
type waiters []*waiter

func (h waiters) Len() int { return len(h) }

func (h waiters) Less(i, j int) bool {
	if h[i].size != h[j].size {
		return h[i].size < h[j].size
	}
	return h[i].turn < h[j].turn
}

func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiters) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.index = -1
	return w
}
