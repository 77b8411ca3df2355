package seal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"

	"filippo.io/age"

	"chartvault/record"
)

// pieceSize is how many bytes of a sealed file one core is given at once: two
// chunks. Smaller pieces cost more in handing over than they gain, larger ones
// leave cores idle at both ends of a document.
const pieceSize = 2 * sealedChunk

// inWork is how many pieces are begun before the first of them is waited for:
// one for each core, and one that is ready when the caller has hashed another.
func inWork() int { return runtime.GOMAXPROCS(0) + 1 }

// piece is a part of a payload.
type piece struct {
	sealed []byte // chunks in their sealed size, at most pieceSize
	plain  []byte // what they open to; of an opener only
	first  uint64 // number of the first chunk
	done   chan struct{}
	err    error // of work, once it is done
}

// pieces are begun in order, worked on beside each other, and taken in order.
// Nobody has to end them: what is not taken ends by itself.
type pieces struct {
	begun []*piece      // not taken yet
	free  []*piece      // taken; their memory is used again
	next  uint64        // number of the next chunk
	last  chan struct{} // of the piece that was begun last
}

// new returns a piece to be filled.
func (q *pieces) new() *piece {
	if n := len(q.free); n > 0 {
		p := q.free[n-1]
		q.free = q.free[:n-1]
		p.sealed, p.plain = p.sealed[:0], p.plain[:0]
		return p
	}
	return &piece{}
}

// begin has another core work on a piece, and hash it when all before it are
// hashed: it lies in that core's cache by then.
func (q *pieces) begin(p *piece, work func(p *piece) error, hash func(b []byte)) {
	before, done := q.last, make(chan struct{})
	p.first, p.done, q.last = q.next, done, done
	q.next += uint64((len(p.sealed) + sealedChunk - 1) / sealedChunk)
	q.begun = append(q.begun, p)
	go func() {
		p.err = work(p)
		if before != nil {
			<-before
		}
		hash(p.sealed)
		close(done)
	}()
}

// take waits for the oldest piece, hands it out and keeps its memory.
func (q *pieces) take(out func(p *piece) error) error {
	p := q.begun[0]
	q.begun = q.begun[1:]
	if <-p.done; p.err != nil {
		return p.err
	}
	q.free = append(q.free, p)
	return out(p)
}

// sealer encrypts what is written to it into dst.
type sealer struct {
	payload
	pieces
	now   *piece // being filled
	dst   io.Writer
	meter *meter
	err   error // of dst; nothing can follow
}

func newSealer(dst io.Writer, to age.Recipient) (*sealer, error) {
	header, p, err := newHeader(to)
	if err == nil {
		_, err = dst.Write(header)
	}
	if err != nil {
		return nil, err
	}
	s := &sealer{payload: p, dst: dst, meter: newMeter()}
	s.meter.write(header)
	s.now = s.pieces.new()
	return s, nil
}

// Write implements io.Writer.
func (s *sealer) Write(b []byte) (int, error) {
	for n := 0; n < len(b); {
		// Only when more is to come is a full piece known not to be the last.
		if len(s.now.sealed) == pieceSize {
			if s.flush(false); s.err != nil {
				return n, s.err
			}
		}
		n += s.now.fill(b[n:])
	}
	return len(b), s.err
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

// flush begins the piece that was filled, and writes what is done.
func (s *sealer) flush(end bool) {
	s.begin(s.now, func(p *piece) error {
		s.seal(p.sealed, p.first, end)
		return nil
	}, s.meter.write)
	for s.err == nil && (len(s.begun) > inWork() || end && len(s.begun) > 0) {
		s.err = s.take(func(p *piece) error {
			_, err := s.dst.Write(p.sealed)
			return err
		})
	}
	s.now = s.pieces.new()
}

// Close ends the file.
func (s *sealer) Close() error {
	if s.err != nil {
		return s.err
	}
	if len(s.now.sealed) == 0 {
		s.now.fill(nil) // an empty file has one empty chunk
	}
	if s.flush(true); s.err != nil {
		return s.err
	}
	s.err = errors.New("the sealed file is complete")
	return nil
}

// open decrypts an age file to its end. sealed gets the file, plain what it
// holds, both in order; plain gets nothing that was not authenticated. Errors
// match record.ErrCorrupt when the file is not one that by opens whole.
func open(r io.Reader, by age.Identity, sealed func(b []byte), plain func(b []byte) error) error {
	br := bufio.NewReaderSize(r, HeadSize)
	head, err := br.Peek(HeadSize)
	if err != nil && !ends(err) {
		return err
	}
	n, cipher, err := openHeader(head, by)
	if err != nil {
		return fmt.Errorf("%w: %w", record.ErrCorrupt, err)
	}
	sealed(head[:n])
	if _, err := br.Discard(n); err != nil {
		return err
	}
	var q pieces
	for end := false; !end || len(q.begun) > 0; {
		if !end {
			p := q.new()
			if end, err = p.read(br); err != nil {
				return err
			}
			last := end
			q.begin(p, func(p *piece) (err error) {
				p.plain, err = cipher.open(p.plain, p.sealed, p.first, last)
				return err
			}, sealed)
		}
		if end || len(q.begun) > inWork() {
			if err := q.take(func(p *piece) error { return plain(p.plain) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// read fills a piece and reports whether the file ends with it.
func (p *piece) read(r *bufio.Reader) (bool, error) {
	if cap(p.sealed) < pieceSize {
		p.sealed = make([]byte, pieceSize)
	}
	n, err := io.ReadFull(r, p.sealed[:pieceSize])
	if p.sealed = p.sealed[:n]; err != nil && !ends(err) {
		return false, err
	}
	if err == nil {
		_, err = r.Peek(1)
	}
	if err != nil && !ends(err) {
		return false, err
	}
	return err != nil, nil
}

// ends reports whether an error is the end of what is read, and none of reading.
func ends(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
