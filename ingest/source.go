package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"chartvault/record"
)

// Refusals of things in the watched folder that are no scans. They stay where
// they are and are shown.
var (
	ErrNotRegular = errors.New("neither a file nor a folder: a link, a pipe or a device")
	ErrLinked     = errors.New("it has more than one name: hard links are not taken")
	ErrEmpty      = errors.New("it is empty")
	ErrWriting    = errors.New("it is still being written")
	ErrTurn       = errors.New("it waits for its turn: enough is being read")
)

// ErrSource is a source that could be opened, and not read to its end.
var ErrSource = errors.New("the file cannot be read to its end")

// OpenSource opens a scan for reading without following a link or waiting for
// a pipe. The errors are the refusals above, or the system's.
func OpenSource(name string) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
			return nil, nil, ErrNotRegular
		}
		return nil, nil, reason(err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		f.Close() // nothing was read
		return nil, nil, reason(err)
	}
	return f, st, nil
}

// reason drops the path from a system error: a scan's name may name a patient.
func reason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// links returns the number of names a file has.
func links(st os.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// written reports whether some process on this machine has the file open for
// writing: a read lease cannot be had then. Where leases are not supported it
// reports false, and the settling time decides alone.
func written(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return err != nil
	}
	return errors.Is(err, unix.EAGAIN)
}

// complete looks at the end of a file for what its format ends with. An
// unknown format counts as complete; a file that lacks its end may be one that
// is still growing.
func complete(f io.ReaderAt, size int64) bool {
	head, tail := make([]byte, 8), make([]byte, min(size, 2048))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	switch {
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return bytes.Contains(tail, []byte("%%EOF"))
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return bytes.Contains(tail, []byte("\xff\xd9"))
	case bytes.HasPrefix(head, []byte("\x89PNG")):
		return bytes.Contains(tail, []byte("IEND"))
	}
	return true
}

// unchanged reports whether the file is still the one that was taken in.
func unchanged(f *os.File, want record.Batch) error {
	sum, size, err := digest(f)
	if err != nil {
		return err
	}
	if size != want.Size || sum != want.SHA256 {
		return fmt.Errorf("the source of batch %s changed while it was read", want.ID)
	}
	return nil
}
