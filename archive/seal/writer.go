package seal

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// errComplete is a write to a file that was closed.
var errComplete = errors.New("the sealed file is complete")

// Writer encrypts a stream, counts both sides of it and hashes what it writes.
type Writer struct {
	cipher payload
	queue  pieces
	now    *piece // being filled
	dst    io.Writer
	meter  *meter
	plain  int64
	err    error // of dst; nothing can follow
}

// NewWriter returns a Writer that seals to the recipient into dst. Close it
// to complete the file; dst stays open, and Write and Close alone write to it. A
// Writer that is not wanted any more may be dropped.
func NewWriter(dst io.Writer, to age.Recipient) (*Writer, error) {
	header, cipher, err := newHeader(to)
	if err == nil {
		_, err = dst.Write(header)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	w := &Writer{cipher: cipher, dst: dst, meter: newMeter()}
	w.meter.write(header)
	w.now = w.queue.new()
	return w, nil
}

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (n int, err error) {
	for n < len(b) && w.err == nil {
		// Only when more is to come is a full piece known not to be the last.
		if len(w.now.sealed) == pieceSize {
			w.flush(false)
			continue
		}
		k := w.now.fill(b[n:])
		n, w.plain = n+k, w.plain+int64(k)
	}
	return n, w.err
}

// Close completes the age file.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if len(w.now.sealed) == 0 {
		w.now.fill(nil) // an empty file has one empty chunk
	}
	w.flush(true)
	if w.err != nil {
		return w.err
	}
	w.err = errComplete
	return nil
}

// Sums returns sizes and hashes; it is valid after Close.
func (w *Writer) Sums() Sums { return w.meter.sums(w.plain) }

// flush begins the piece that was filled, and writes what is done.
func (w *Writer) flush(end bool) {
	w.queue.begin(w.now, func(p *piece) error {
		w.cipher.seal(p.sealed, p.first, end)
		return nil
	}, w.meter.write)
	for w.err == nil && (len(w.queue.begun) > inWork() || end && len(w.queue.begun) > 0) {
		w.err = w.queue.take(func(p *piece) error {
			_, err := w.dst.Write(p.sealed)
			return err
		})
	}
	w.now = w.queue.new()
}

// fill takes in plaintext, up to the end of a chunk, and leaves room for what
// sealing adds behind it.
func (p *piece) fill(b []byte) int {
	used := len(p.sealed)
	if used%sealedChunk != 0 || used == 0 {
		used = max(used-tagSize, 0)
	}
	n := min(len(b), chunkSize-used%sealedChunk)
	// A document of one chunk is not given the memory of many.
	if need := used + n + tagSize; need > cap(p.sealed) {
		size := sealedChunk
		if need > size {
			size = pieceSize
		}
		p.sealed = append(make([]byte, 0, size), p.sealed...)
	}
	p.sealed = p.sealed[:used+n+tagSize]
	copy(p.sealed[used:], b[:n])
	return n
}
