package ocr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"chartvault/ocr/sandbox"
)

// Limits bound what one request may cost.
type Limits struct {
	Page    time.Duration // wall clock for probing a source or reading one page
	Stream  time.Duration // wall clock for writing a document, plus Page for every 50 pages
	Memory  int64         // resident bytes of a worker
	Recycle int           // pages after which a worker is replaced, against its libraries' leaks
}

// DefaultLimits are generous to a dense page and short for a hanging one.
func DefaultLimits() Limits {
	return Limits{Page: 2 * time.Minute, Stream: 5 * time.Minute, Memory: 2 << 30, Recycle: 100}
}

// maxStream bounds the bytes one document may come to.
const maxStream = 8 << 30

// Pool is a Reader over worker processes. It starts one when it is first
// needed and keeps up to size of them. It is safe for concurrent use; at most
// size requests run at once, the others wait.
type Pool struct {
	command []string
	mode    sandbox.Mode
	limits  Limits
	size    int
	queue   *queue
	crashes atomic.Int64
}

// NewPool returns a pool of up to size workers, each started with command
// (program and arguments, to which the sandbox's mode is added). Close ends
// them.
func NewPool(size int, limits Limits, mode sandbox.Mode, command ...string) *Pool {
	p := &Pool{command: command, mode: mode, limits: limits, size: size, queue: newQueue(size)}
	return p
}

// Crashes counts workers lost so far, for the metrics.
func (p *Pool) Crashes() int64 { return p.crashes.Load() }

// Size is the number of requests that may run at once.
func (p *Pool) Size() int { return p.size }

// Close ends the workers that are idle and waits for those that are not.
func (p *Pool) Close() error {
	for range p.size {
		w, err := p.queue.take(context.Background(), math.MaxInt)
		if err != nil {
			return err
		}
		if w != nil {
			w.stop()
		}
	}
	return nil
}

// Probe implements Reader.
func (p *Pool) Probe(ctx context.Context, src Source) (pr Probe, err error) {
	for range 2 { // a crash may have been an earlier file's doing
		err = p.once(ctx, Request{Op: "probe"}, src, p.limits.Page, &pr)
		if !errors.Is(err, ErrCrashed) || ctx.Err() != nil {
			break
		}
	}
	if err == nil && pr.Pages < 1 {
		err = ErrOutput
	}
	return pr, wrapOp("probe", err)
}

// Page implements Reader. A page whose worker crashes is tried once more in a
// fresh one, because the crash may have been an earlier page's doing.
func (p *Pool) Page(ctx context.Context, src Source, n int, o Options) (pg Page, err error) {
	for range 2 {
		pg = Page{}
		o.Careful = o.Careful || err != nil
		err = p.once(ctx, Request{Op: "page", Page: n, Options: &o}, src, p.limits.Page, &pg)
		if !errors.Is(err, ErrCrashed) || ctx.Err() != nil {
			break
		}
	}
	return pg, wrapOp(fmt.Sprintf("read page %d", n), err)
}

// Picture draws side n of a PDF for a screen, at about 200 dots an inch: a PNG.
func (p *Pool) Picture(ctx context.Context, src Source, n int) (png []byte, err error) {
	err = p.once(ctx, Request{Op: "picture", Page: n}, src, p.limits.Page, &png)
	return png, wrapOp(fmt.Sprintf("draw page %d", n), err)
}

func wrapOp(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

// once sends a request whose answer is one JSON value.
func (p *Pool) once(ctx context.Context, req Request, src Source, limit time.Duration, out any) error {
	return p.with(ctx, src.Pages, limit, func(w *worker) error {
		if err := w.send(req, src); err != nil {
			return err
		}
		b, err := w.answer(nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, out); err != nil {
			return fmt.Errorf("%w: %w", ErrOutput, err)
		}
		w.pages++
		return nil
	})
}

// Document implements Reader.
func (p *Pool) Document(ctx context.Context, src Source, next func() (DocumentPage, error), out io.Writer) (Document, error) {
	return p.document(ctx, src, "", next, out)
}

// Bind is Document for what leaves the archive: of a PDF or a bundle, with
// stamps and black boxes, encrypted with a password unless that is "" (AES-256).
// An encrypted document is in the reading process' memory whole.
func (p *Pool) Bind(ctx context.Context, src Source, password string, next func() (DocumentPage, error), out io.Writer) error {
	_, err := p.document(ctx, src, password, next, out)
	return err
}

func (p *Pool) document(ctx context.Context, src Source, password string, next func() (DocumentPage, error), out io.Writer) (doc Document, err error) {
	err = p.with(ctx, src.Pages, p.limits.Stream, func(w *worker) error {
		if err := w.send(Request{Op: "document", Lock: password}, src); err != nil {
			return err
		}
		// Texts go in while the document comes out.
		sent := make(chan error, 1)
		go func() { sent <- w.feed(next, func() { w.extend(p.limits.Page / 50) }) }()
		b, err := w.answer(out)
		if err != nil && !errors.Is(err, ErrFormat) && !isFailure(err) {
			w.kill() // unblocks the feeding goroutine; a healthy worker reads on by itself
		}
		if ferr := <-sent; ferr != nil && err == nil {
			return ferr
		} else if ferr != nil && !errors.Is(err, ErrFormat) {
			err = errors.Join(err, ferr)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &doc)
	})
	return doc, wrapOp("write document", err)
}

// Original implements Reader.
func (p *Pool) Original(ctx context.Context, src Source, pages []int, out io.Writer) (ext string, err error) {
	err = p.with(ctx, src.Pages, p.limits.Stream, func(w *worker) error {
		if err := w.send(Request{Op: "original", Pages: pages}, src); err != nil {
			return err
		}
		b, err := w.answer(out)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &ext)
	})
	return ext, wrapOp("copy pages", err)
}

// with runs f on a worker under a wall-clock limit and decides afterwards
// whether the worker may live on.
func (p *Pool) with(ctx context.Context, size int, limit time.Duration, f func(*worker) error) error {
	w, err := p.queue.take(ctx, size)
	if err != nil {
		return err
	}
	keep := (*worker)(nil)
	defer func() { p.queue.give(keep) }()
	if w == nil {
		if w, err = start(p.command, p.mode, p.limits.Memory); err != nil {
			return fmt.Errorf("start the reading process: %w", err)
		}
	}
	w.begin(ctx, limit)
	err = f(w)
	alive, cause := w.end()
	switch {
	case err == nil, errors.Is(err, ErrFormat), errors.Is(err, ErrEngine), isFailure(err):
		switch {
		case !alive:
			w.discard()
		case w.pages < p.limits.Recycle:
			keep = w
		default:
			w.stop()
		}
		return err
	case ctx.Err() != nil:
		w.discard()
		return ctx.Err()
	}
	w.discard()
	p.crashes.Add(1)
	if cause != nil {
		return cause
	}
	return err
}

// failure is an error the worker reported in good health.
type failure struct{ msg string }

func (f failure) Error() string { return f.msg }

func isFailure(err error) bool {
	_, ok := errors.AsType[failure](err)
	return ok
}
