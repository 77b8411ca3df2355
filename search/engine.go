package search

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
)

// asyncName is what the engine knows watching.failed by.
const asyncName = "chartvault"

// lastBreath is how long an engine that stopped gets to close its files.
const lastBreath = 2 * time.Second

// engine is bleve under watch. Where its own background work panics, as it can
// on a disk that fails, it stops without a word, and whoever writes would wait
// for ever.
type engine struct {
	bleve.Index
	once sync.Once
	dead chan struct{} // closed when it stopped
	why  error         // set before dead is closed
}

// died notes that the engine stopped.
func (e *engine) died(why error) {
	e.once.Do(func() {
		e.why = why
		close(e.dead)
	})
}

// stopped is the error of an engine that stopped.
func (e *engine) stopped() error {
	return fmt.Errorf("the search engine stopped, as after a failure of the disk (%w): start again, and run verify --index", e.why)
}

func (e *engine) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// within runs what asks the engine's background work for something. What the
// engine never answers is left behind.
func (e *engine) within(f func() error) error {
	if e.isDead() {
		return e.stopped()
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-e.dead:
		return e.stopped()
	}
}

// shut closes the engine. One that stopped has a lock that nobody gives back, so
// that only what is below it can be closed, and not even that for certain.
func (e *engine) shut() error {
	end := e.Close
	if e.isDead() {
		low, err := e.Advanced()
		if err != nil {
			return errors.Join(e.stopped(), err)
		}
		end = low.Close
	}
	done := make(chan error, 1)
	go func() { done <- end() }()
	select {
	case err := <-done:
		return err
	case <-e.dead:
	}
	select {
	case err := <-done:
		return errors.Join(e.stopped(), err)
	case <-time.After(lastBreath):
		return e.stopped()
	}
}

// watching knows the engines that are open, by directory.
type watching struct {
	mu      sync.Mutex
	engines map[string]*engine
}

// watch begins to watch over the engine of a directory.
func (w *watching) watch(dir string) *engine {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := &engine{dead: make(chan struct{})}
	w.engines[dir] = e
	return e
}

// leave ends the watch over the engine of a directory.
func (w *watching) leave(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.engines, dir)
}

// failed is the engine's hook for what goes wrong in its background work. Errors
// it also gives to whoever waits; after a panic it gives nothing any more.
func (w *watching) failed(err error, path string) {
	if !errors.Is(err, scorch.ErrAsyncPanic) {
		return
	}
	w.mu.Lock()
	e := w.engines[path]
	if e == nil {
		e = w.engines[filepath.Dir(path)] // the engine's files are a level below the index's
	}
	w.mu.Unlock()
	if e != nil {
		e.died(err)
	}
}
