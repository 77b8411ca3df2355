// Package lossytest is a file system for tests that fails on purpose and loses
// what was not made durable.
//
// It is a FUSE file system over a directory. Every call that changes something
// (create, write, truncate, fsync, fsync of a directory, rename, link, unlink,
// mkdir, rmdir) is counted, and one of them can be made to fail once, to be the
// first on a full disk, or to be the one in which the power goes: then nothing
// works any more, and Lose takes back what no fsync had made durable, as a
// careless disk may: of the names a suffix of what happened to them, of the
// bytes of each file all, some or none. The program under test may be sure of
// what POSIX promises and of nothing else.
//
// It runs in a process of its own: Main serves it, Start starts the test binary
// as that process.
package lossytest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Mode is how the chosen call fails.
type Mode string

// Modes of failing.
const (
	Once Mode = "once" // it fails with EIO; the next one does not
	Full Mode = "full" // from it on nothing can be written: ENOSPC
	Cut  Mode = "cut"  // the power goes: from it on every call fails
)

// fsys is what the nodes share.
type fsys struct {
	back  string // the directory
	grave string // what was unlinked or renamed over, until that is durable

	mu     sync.Mutex
	mode   Mode
	at     int
	calls  int
	name   string // of the call that failed
	state  Mode   // Full or Cut from the moment on; "" before
	buried int
	names  []change          // of names, that are not durable yet, in order
	data   map[uint64][]byte // by inode: durable content of files that have other content now
}

// change is a change of names that is durable when its directory is.
type change struct {
	dir  uint64 // inode
	undo func() error
}

// gate counts a call and says whether it fails.
func (f *fsys) gate(call, path string) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == Cut {
		return syscall.EIO
	}
	f.calls++
	if f.calls == f.at {
		rel, err := filepath.Rel(f.back, path)
		if err != nil {
			rel = path
		}
		f.name = call + " " + rel
		if f.mode != Once {
			f.state = f.mode
		}
		if f.mode != Full {
			return syscall.EIO
		}
	}
	if f.state == Full && call != "unlink" && call != "fsync" && call != "fsyncdir" && call != "rmdir" {
		return syscall.ENOSPC
	}
	return 0
}

// arm chooses the call that fails, counted from now; 0 for none. A full disk has
// room again.
func (f *fsys) arm(mode Mode, at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode, f.at, f.calls, f.name = mode, at, 0, ""
	if f.state == Full { // somebody made room
		f.state = ""
	}
}

// changing keeps a file's durable content before it is changed for the first
// time since. f.mu is held.
func (f *fsys) changing(path string) {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return
	}
	if _, known := f.data[st.Ino]; known {
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		panic(fmt.Sprintf("lossytest: %v", err))
	}
	f.data[st.Ino] = b
}

// created notes a file that has no durable content.
func (f *fsys) created(ino uint64) { f.data[ino] = []byte{} }

// synced notes that a file's content is durable.
func (f *fsys) synced(ino uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.data, ino)
}

// syncedDir notes that the names in a directory are durable.
func (f *fsys) syncedDir(ino uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []change
	for _, c := range f.names {
		if c.dir != ino {
			left = append(left, c)
		}
	}
	f.names = left
}

// bury keeps a file that loses its name, and returns where. f.mu is held.
func (f *fsys) bury(path string) (string, error) {
	f.buried++
	to := filepath.Join(f.grave, fmt.Sprint(f.buried))
	return to, os.Link(path, to)
}

// inode returns a path's inode, 0 when it is not there.
func inode(path string) uint64 {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// lose takes back what was not durable when the power went, and lets the file
// system work again.
func (f *fsys) lose(seed uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := rand.New(rand.NewPCG(seed, 1))
	keep := 0
	if r.IntN(2) == 0 {
		keep = r.IntN(len(f.names) + 1)
	}
	for i := len(f.names) - 1; i >= keep; i-- {
		if err := f.names[i].undo(); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(f.back, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if volatile(path) { // shared memory of processes that are gone
			return os.Remove(path)
		}
		old, changed := f.data[inode(path)]
		if !changed {
			return nil
		}
		return degrade(path, old, r)
	})
	f.names, f.data, f.state, f.mode, f.at = nil, map[uint64][]byte{}, "", "", 0
	return err
}

// page is what a file grows by when it is written in whole pages: no file
// system tears one of those in its length, only in its content.
const page = 4096

// degrade leaves of a file its durable content, what it has now, or of what
// was appended only a part, or only zeros from somewhere on.
func degrade(path string, old []byte, r *rand.Rand) error {
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content := now
	grown := len(now) > len(old) && string(now[:len(old)]) == string(old)
	switch r.IntN(4) {
	case 0:
		content = old
	case 1:
		if grown {
			at := len(old) + r.IntN(len(now)-len(old)+1)
			if len(now)%page == 0 && len(old)%page == 0 {
				at -= at % page
			}
			content = now[:at]
		}
	case 2:
		if grown {
			clear(content[len(old)+r.IntN(len(now)-len(old)):])
		}
	}
	return os.WriteFile(path, content, 0o600)
}
