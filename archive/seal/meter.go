package seal

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// pieceSize is how many bytes are hashed at once. Smaller pieces cost more in
// waking the other core than they gain.
const pieceSize = 512 << 10

// hasher hashes one piece while the next is made, because hashing costs as much
// as the cipher.
type hasher struct {
	n    int64
	head []byte

	h    hash.Hash
	done chan struct{} // the piece that was begun last is hashed; nil before the first
}

func newHasher() hasher { return hasher{h: sha256.New()} }

// begin hashes a piece, which must not change before the next wait.
func (h *hasher) begin(p []byte) {
	h.wait()
	h.n += int64(len(p))
	if room := HeadSize - len(h.head); room > 0 {
		h.head = append(h.head, p[:min(len(p), room)]...)
	}
	h.done = make(chan struct{})
	go func() {
		h.h.Write(p) // never fails
		close(h.done)
	}()
}

func (h *hasher) wait() {
	if h.done != nil {
		<-h.done
	}
}

// sums is what the bytes were, plain of which were sealed.
func (h *hasher) sums(plain int64) Sums {
	h.wait()
	head := sha256.Sum256(h.head)
	return Sums{h.n, h.h.Sum(nil), plain, head[:]}
}

// meterWriter hashes what is written through it. Flush passes the rest on.
type meterWriter struct {
	hasher
	w    io.Writer
	next []byte // the piece that is being filled
	busy []byte // the piece that is being hashed
}

func newMeterWriter(w io.Writer) *meterWriter {
	return &meterWriter{hasher: newHasher(), w: w}
}

// Write implements io.Writer.
func (m *meterWriter) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if m.next == nil {
			m.next = make([]byte, 0, pieceSize)
		}
		k := min(len(p)-n, pieceSize-len(m.next))
		m.next = append(m.next, p[n:n+k]...)
		n += k
		if len(m.next) == pieceSize {
			if err := m.flush(); err != nil {
				return n, err
			}
		}
	}
	return len(p), nil
}

// flush passes on what has come.
func (m *meterWriter) flush() error {
	m.begin(m.next)
	m.next, m.busy = m.busy[:0], m.next
	if cap(m.next) == 0 {
		m.next = nil
	}
	_, err := m.w.Write(m.busy)
	return err
}

// meterReader hashes what is read through it.
type meterReader struct {
	hasher
	r    io.Reader
	now  []byte // the piece that was read last
	last []byte // the piece before, which may still be being hashed
	left []byte // of the piece that was read last
	err  error  // after it
}

func newMeterReader(r io.Reader) *meterReader {
	return &meterReader{hasher: newHasher(), r: r}
}

// Read implements io.Reader.
func (m *meterReader) Read(p []byte) (int, error) {
	for len(m.left) == 0 {
		if m.err != nil {
			return 0, m.err
		}
		m.fill()
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// fill reads the next piece, and has it hashed while it is used.
func (m *meterReader) fill() {
	m.now, m.last = m.last, m.now
	if m.now == nil {
		m.now = make([]byte, pieceSize)
	}
	n, err := io.ReadFull(m.r, m.now)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	m.left, m.err = m.now[:n], err
	m.begin(m.left)
}
