package ingest

import (
	"context"
	"sync"
)

// Inflight lets one source in at a time: two copies of one scan that arrive
// together wait for each other, and the second finds the batch of the first.
// The zero value is ready; it must not be copied.
type Inflight struct {
	mu   sync.Mutex
	busy map[[32]byte]chan struct{}
}

// Enter waits until nobody works on the source, and takes it.
func (f *Inflight) Enter(ctx context.Context, source [32]byte) (leave func(), err error) {
	for {
		f.mu.Lock()
		if f.busy == nil {
			f.busy = map[[32]byte]chan struct{}{}
		}
		wait, taken := f.busy[source]
		if !taken {
			done := make(chan struct{})
			f.busy[source] = done
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.busy, source)
				f.mu.Unlock()
				close(done)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
