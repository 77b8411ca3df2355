package seal

import (
	"bufio"
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
// one for each core, and one for a core that is done with its own meanwhile.
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
	q.next += uint64(chunksIn(int64(len(p.sealed))))
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
	<-p.done
	if p.err != nil {
		return p.err
	}
	q.free = append(q.free, p)
	return out(p)
}

// open decrypts an age file to its end. sealed gets the file, plain what it
// holds, both in order; plain gets nothing that was not authenticated. Errors
// match record.ErrCorrupt when the file is not one that by opens whole.
func open(r io.Reader, by age.Identity, sealed func(b []byte), plain func(b []byte) error) error {
	br := bufio.NewReaderSize(r, HeadSize)
	head, err := br.Peek(HeadSize)
	if err != nil && err != io.EOF {
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

// read fills a piece and reports whether the file ends with it. Only io.EOF itself
// is the end: an answer that broke off is told by errors that wrap it, or by
// io.ErrUnexpectedEOF, and says nothing of the file.
func (p *piece) read(r *bufio.Reader) (end bool, err error) {
	if cap(p.sealed) < pieceSize {
		p.sealed = make([]byte, pieceSize)
	}
	p.sealed = p.sealed[:pieceSize]
	for n := 0; n < pieceSize; {
		k, err := r.Read(p.sealed[n:])
		n += k
		if err == io.EOF {
			p.sealed = p.sealed[:n]
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	if _, err = r.Peek(1); err == io.EOF {
		return true, nil
	}
	return false, err
}
