package ocr

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// BundleMagic begins a bundle: several PDF documents handed to the worker as
// one source, whose pages follow each other. It is followed by the number of
// documents and the size of each, as 8 bytes big-endian, and the documents. It
// is made for one request and never stored.
const BundleMagic = "CVBUNDLE1\n"

// MostBundled bounds the documents of a bundle.
const MostBundled = 1000

// Part is one document of a bundle.
type Part struct {
	Size  int64 // bytes
	Write func(io.Writer) error
}

// WriteBundle writes documents as one source.
func WriteBundle(w io.Writer, parts []Part) error {
	if len(parts) == 0 || len(parts) > MostBundled {
		return fmt.Errorf("bundle %d documents: %w: at most %d go together", len(parts), ErrLimit, MostBundled)
	}
	head := binary.BigEndian.AppendUint64([]byte(BundleMagic), uint64(len(parts)))
	for _, p := range parts {
		head = binary.BigEndian.AppendUint64(head, uint64(p.Size))
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, p := range parts {
		c := &counter{w: w}
		if err := p.Write(c); err != nil {
			return err
		}
		if c.n != p.Size {
			return fmt.Errorf("bundle document %d: %d bytes where %d were said", i+1, c.n, p.Size)
		}
	}
	return nil
}

// InMemory is a source that no file system has: what write writes, open for
// reading only. The caller closes it.
func InMemory(write func(io.Writer) error) (*os.File, error) {
	fd, err := unix.MemfdCreate("document", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for a document: %w", err)
	}
	f := os.NewFile(uintptr(fd), "document")
	defer f.Close() // the reading descriptor keeps it
	if err := write(f); err != nil {
		return nil, err
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd)) // for reading only
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
