package seal

import (
	"fmt"
	"io"
	"math"
	"sync"

	"filippo.io/age"

	"chartvault/record"
)

// readAhead is how many bytes of plaintext are opened at once when reading goes
// on where it stopped. Somebody who reads here and there pays for one chunk.
const readAhead = 4 * chunkSize

// random reads a sealed file from anywhere. It remembers what it opened last.
type random struct {
	cipher payload
	src    io.ReaderAt // of the payload
	sealed int64       // bytes of the payload
	size   int64       // bytes of plaintext

	mu     sync.Mutex
	failed error  // of src, once reading it failed
	from   int64  // of what is remembered, in the plaintext; a multiple of chunkSize
	plain  []byte // what is remembered
	spare  []byte // memory for ciphertext
}

// newRandom opens an age file of size bytes. It reads its header and its last
// chunk, which authenticates how long the file is.
func newRandom(src io.ReaderAt, size int64, by age.Identity) (*random, error) {
	if size < 0 || size > math.MaxInt64-sealedChunk {
		return nil, fmt.Errorf("%w: it cannot have %d bytes", record.ErrCorrupt, size)
	}
	head := make([]byte, min(HeadSize, size))
	if n, err := src.ReadAt(head, 0); n < len(head) {
		return nil, damaged(err)
	}
	n, cipher, err := openHeader(head, by)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", record.ErrCorrupt, err)
	}
	r := &random{cipher: cipher, src: io.NewSectionReader(src, int64(n), size-int64(n)), sealed: size - int64(n)}
	chunks := chunksIn(r.sealed)
	if chunks == 0 {
		return nil, fmt.Errorf("%w: it ends with its header", record.ErrCorrupt)
	}
	r.size = r.sealed - chunks*tagSize
	return r, r.load((chunks-1)*chunkSize, chunkSize)
}

// ReadAt implements io.ReaderAt. Errors match record.ErrCorrupt when what is
// there is not what was sealed.
func (r *random) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: before the beginning", off)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(p) && off < r.size {
		at := off - r.from
		if at < 0 || at >= int64(len(r.plain)) {
			ahead := int64(chunkSize)
			if at == int64(len(r.plain)) {
				ahead = readAhead
			}
			if err := r.load(off-off%chunkSize, ahead); err != nil {
				return n, err
			}
			at = off - r.from
		}
		k := copy(p[n:], r.plain[at:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// load opens up to ahead bytes of plaintext from the chunk that begins at from.
func (r *random) load(from, ahead int64) error {
	first := from / chunkSize
	b := r.take(int(min(ahead/chunkSize*sealedChunk, r.sealed-first*sealedChunk)))
	if n, err := r.src.ReadAt(b, first*sealedChunk); n < len(b) {
		r.failed = damaged(err)
		return r.failed
	}
	end := first*sealedChunk+int64(len(b)) == r.sealed
	r.from, r.plain = from, r.plain[:0] // nothing is remembered while it is written over
	plain, err := r.openBoth(b, uint64(first), end)
	if err != nil {
		return err
	}
	r.plain = plain
	return nil
}

// take returns n bytes of memory.
func (r *random) take(n int) []byte {
	if cap(r.spare) < n {
		r.spare = make([]byte, n)
	}
	return r.spare[:n]
}

// openBoth opens chunks, half of them on another core when there are several.
func (r *random) openBoth(b []byte, first uint64, end bool) ([]byte, error) {
	half := int(chunksIn(int64(len(b)))) / 2
	at := half * sealedChunk
	if half == 0 {
		return r.cipher.open(r.plain, b, first, end)
	}
	if cap(r.plain) < readAhead {
		r.plain = make([]byte, 0, readAhead)
	}
	room := r.plain[:half*chunkSize]
	done := make(chan error)
	go func() {
		_, err := r.cipher.open(room[:0], b[:at], first, false)
		done <- err
	}()
	rest, err := r.cipher.open(room[len(room):], b[at:], first+uint64(half), end)
	if other := <-done; err == nil {
		err = other
	}
	return r.plain[:len(room)+len(rest)], err
}

// damaged marks an object that ended before its size. Only io.EOF itself says so:
// an answer that broke off is told by other errors.
func damaged(err error) error {
	if err == nil || err == io.EOF {
		return fmt.Errorf("%w: it ends too early", record.ErrCorrupt)
	}
	return err
}
