// Package durable is the only writer of files in Chartvault. What it reports
// as written survives a power cut.
//
// The order of system calls is its invariant: create a temporary file beside
// the target, write, fsync the file, link or rename it into place, fsync the
// directory. A reader sees the whole file or none. An error of fsync is wrapped
// in ErrSync: the kernel may have dropped the dirty pages, so the caller must
// give the item up and the process must end; nothing is retried on the same
// descriptor.
//
// Stored form: temporary files are named ".tmp-*" and may be left by a crash;
// Sweep removes them.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrSync marks a failed fsync: what the disk holds is unknown.
var ErrSync = errors.New("fsync failed")

const tmpPrefix = ".tmp-"

// Create writes a new file with r's bytes. It fails with fs.ErrExist, leaving
// the present file alone, when name exists. Missing parent directories are
// made (0700). It returns the number of bytes written.
//
// What exists is durable by then, also where whoever made it was not told so.
func Create(name string, r io.Reader, perm fs.FileMode) (int64, error) {
	n, err := write(name, r, perm, func(tmp string) error {
		return rename(tmp, name)
	})
	if errors.Is(err, fs.ErrExist) {
		if err := SyncDir(filepath.Dir(name)); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Replace writes name with r's bytes, whether it exists or not.
func Replace(name string, r io.Reader, perm fs.FileMode) (int64, error) {
	return write(name, r, perm, func(tmp string) error { return os.Rename(tmp, name) })
}

func write(name string, r io.Reader, perm fs.FileMode, place func(tmp string) error) (n int64, err error) {
	dir := filepath.Dir(name)
	if err := MkdirAll(dir); err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(dir, tmpPrefix+"*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()           // already failing; the first error is the one to tell
			os.Remove(f.Name()) // may be placed already
		}
	}()
	if n, err = io.Copy(f, r); err != nil {
		return n, err
	}
	if err = f.Chmod(perm); err != nil {
		return n, err
	}
	if err = syncFile(f); err != nil {
		return n, err
	}
	if err = f.Close(); err != nil {
		return n, err
	}
	if err = place(f.Name()); err != nil {
		return n, err
	}
	return n, SyncDir(dir)
}

// MkdirAll makes dir (0700) and its missing parents, and makes their names
// durable. The name of a directory that is there may not be, when whoever made
// it was interrupted or is just about to: as long as nothing is in it, it is
// made so again.
func MkdirAll(dir string) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("make directory: %w", fs.ErrExist)
		}
		if used, err := inUse(dir); err != nil || used {
			return err
		}
		return SyncDir(filepath.Dir(dir))
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// inUse reports whether something was finished in a directory, and so after
// its name was durable.
func inUse(dir string) (bool, error) {
	d, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer d.Close() // read-only
	for {
		names, err := d.Readdirnames(16)
		for _, n := range names {
			if !IsTemp(n) {
				return true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Move renames from to to on one file system without overwriting: it fails
// with fs.ErrExist when to exists.
func Move(from, to string) error {
	if err := MkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	if err := rename(from, to); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(from))
}

// rename is the rename that fails when the new name exists.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system without RENAME_NOREPLACE: link and unlink are as safe,
		// but leave two names for one file if the power goes between them.
		if err = os.Link(from, to); err == nil {
			return os.Remove(from)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Remove deletes a file durably; an absent one is no error, and is made sure to
// stay absent: whoever removed it may have been interrupted.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := SyncDir(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nor is its directory there
	}
	return err
}

// RemoveAll deletes a directory and what is in it, durably.
func RemoveAll(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(dir))
}

// Append opens name for appending, creating it (0600) when absent. Every
// Write of the returned file is durable when it returns.
func Append(name string) (*Appender, error) {
	if err := MkdirAll(filepath.Dir(name)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := SyncDir(filepath.Dir(name)); err != nil {
		f.Close() // nothing was written through it
		return nil, err
	}
	return &Appender{f: f}, nil
}

// Appender is a file that only grows, except when its owner cuts a torn tail
// after a crash.
type Appender struct{ f *os.File }

// Write appends p and fsyncs. After an error the file must not be written
// again by this process.
func (a *Appender) Write(p []byte) (int, error) {
	n, err := a.f.Write(p)
	if err != nil {
		return n, err
	}
	return n, syncFile(a.f)
}

// ReadAt reads what is already there.
func (a *Appender) ReadAt(p []byte, off int64) (int, error) { return a.f.ReadAt(p, off) }

// Size returns the file's length in bytes.
func (a *Appender) Size() (int64, error) {
	st, err := a.f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Truncate cuts the file to size, durably.
func (a *Appender) Truncate(size int64) error {
	if err := a.f.Truncate(size); err != nil {
		return err
	}
	return syncFile(a.f)
}

// Close closes the file.
func (a *Appender) Close() error { return a.f.Close() }

func syncFile(f *os.File) error {
	if err := f.Sync(); err != nil {
		return errors.Join(ErrSync, err)
	}
	return nil
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() // read-only
	return syncFile(d)
}

// Sweep removes temporary files that a crash left directly in dir.
func Sweep(dir string) error {
	ents, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, e := range ents {
		if strings.HasPrefix(e.Name(), tmpPrefix) && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// IsTemp reports whether a file name is one of this package's temporary files.
func IsTemp(name string) bool { return strings.HasPrefix(filepath.Base(name), tmpPrefix) }

// Lock takes an exclusive lock on the file name, creating it (0600), and holds
// it until the returned function is called or the process ends. ok is false
// when another process holds it.
func Lock(name string) (unlock func(), ok bool, err error) {
	if err := MkdirAll(filepath.Dir(name)); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close() // the lock was not taken
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	return func() { f.Close() }, true, nil // closing releases the lock
}

// Free returns the bytes an ordinary user may still write on dir's file system.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
