package ingest

import (
	"os"
	"slices"
	"sync"
)

// line is where claimed sources wait for their turn. Small ones go first, and
// have one place of their own, so that a few urgent pages never wait behind a
// backfile. While enough is claimed, large sources stay in the watched folder,
// where people see that they wait.
type line struct {
	left chan struct{} // somebody is done

	mu      sync.Mutex
	waiting []queued
	busy    int
	express bool // the small ones' own place is taken
	places  int
}

type queued struct {
	path string
	size int64
}

// smallSource is how many bytes a source may have to count as small: some
// twenty bilevel pages.
const smallSource = 2 << 20

func newLine(places int) *line {
	return &line{left: make(chan struct{}, 1), places: max(places, 1)}
}

// join adds a claimed source, once.
func (l *line) join(path string) {
	size := int64(0)
	if st, err := os.Stat(path); err == nil {
		size = st.Size()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.waiting, func(q queued) bool { return q.path == path }) {
		l.waiting = append(l.waiting, queued{path, size})
		slices.SortStableFunc(l.waiting, func(a, b queued) int { return int(min(max(a.size-b.size, -1), 1)) })
	}
}

// full reports whether a source of this size should stay where it is for now.
func (l *line) full(size int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return size > smallSource && len(l.waiting) >= 2*l.places
}

// next returns the source whose turn it is; ok is false when nobody waits or no
// place is free. The caller calls leave when it is done.
func (l *line) next() (path string, leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return "", nil, false
	}
	q := l.waiting[0]
	express := l.busy >= l.places
	if express && (l.express || q.size > smallSource) {
		return "", nil, false
	}
	l.waiting = l.waiting[1:]
	if express {
		l.express = true
	} else {
		l.busy++
	}
	return q.path, func() { l.leave(express) }, true
}

func (l *line) leave(express bool) {
	l.mu.Lock()
	if express {
		l.express = false
	} else {
		l.busy--
	}
	l.mu.Unlock()
	select {
	case l.left <- struct{}{}:
	default:
	}
}
