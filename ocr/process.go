package ocr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"chartvault/ocr/sandbox"
)

// worker is one child process. One goroutine uses it at a time.
type worker struct {
	cmd   *exec.Cmd
	conn  *net.UnixConn
	in    io.WriteCloser // page texts
	out   *bufio.Reader  // answers
	pipe  io.Closer
	mem   int64
	pages int

	mu       sync.Mutex
	dead     bool // it was killed
	deadline time.Time
	cause    error
	stopped  chan struct{} // closed when the present request is over
}

// start runs a worker: empty environment but for the switch that keeps
// Tesseract to one thread, and shut in as mode says.
func start(command []string, mode sandbox.Mode, mem int64) (*worker, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "requests"), os.NewFile(uintptr(fds[1]), "requests")
	defer ours.Close() // FileConn has its own
	defer theirs.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	w := &worker{conn: c.(*net.UnixConn), mem: mem}
	w.cmd = exec.Command(command[0], append(command[1:len(command):len(command)], string(mode))...)
	w.cmd.Env = []string{"OMP_THREAD_LIMIT=1", "MALLOC_ARENA_MAX=1", "GOMAXPROCS=2", "GOGC=200", "LC_ALL=C"}
	w.cmd.Dir = "/"
	w.cmd.ExtraFiles = []*os.File{theirs}
	w.cmd.SysProcAttr = sandbox.Attr(mode)
	stdin, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	// Standard error goes nowhere: a parser's complaint may quote the page.
	if err := w.cmd.Start(); err != nil {
		if mode == sandbox.Strict && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL)) {
			err = fmt.Errorf("%w: sandbox: this system forbids new namespaces (in a container, set sandbox = \"kernel\"): %w", ErrEngine, err)
		}
		return nil, errors.Join(err, c.Close())
	}
	w.in, w.out, w.pipe = stdin, bufio.NewReaderSize(stdout, 64<<10), stdout
	return w, w.ready()
}

// ready waits until the worker says that it is shut in. One that cannot be
// tells why, and nothing is read in it.
func (w *worker) ready() error {
	t := time.AfterFunc(startLimit, w.kill)
	defer t.Stop()
	if _, err := w.answer(nil); err != nil {
		w.discard()
		if !errors.Is(err, ErrEngine) {
			err = fmt.Errorf("%w: it ended before it was ready", ErrEngine)
		}
		return err
	}
	return nil
}

// startLimit is how long a worker may take to be ready.
const startLimit = 30 * time.Second

// begin starts the clock of a request and the watch over it.
func (w *worker) begin(ctx context.Context, limit time.Duration) {
	w.mu.Lock()
	w.deadline, w.cause = time.Now().Add(limit), nil
	w.stopped = make(chan struct{})
	w.mu.Unlock()
	go w.watch(ctx, w.stopped)
}

// extend gives the present request more time.
func (w *worker) extend(d time.Duration) {
	w.mu.Lock()
	w.deadline = w.deadline.Add(d)
	w.mu.Unlock()
}

// end stops the watch. It returns whether the worker lives, and why the watch
// killed it if it did.
func (w *worker) end() (alive bool, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.stopped)
	return !w.dead, w.cause
}

// watch kills the worker at its deadline, over its memory, or when ctx ends.
func (w *worker) watch(ctx context.Context, stopped chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var cause error
		select {
		case <-stopped:
			return
		case <-ctx.Done():
			cause = ctx.Err()
		case <-tick.C:
			w.mu.Lock()
			late := time.Now().After(w.deadline)
			w.mu.Unlock()
			if late {
				cause = ErrTimeout
			} else if resident(w.cmd.Process.Pid) > w.mem {
				cause = fmt.Errorf("%w: over its memory limit of %d bytes", ErrCrashed, w.mem)
			}
		}
		if cause == nil {
			continue
		}
		w.mu.Lock()
		select {
		case <-stopped: // the request ended first; the worker is somebody else's now
			w.mu.Unlock()
			return
		default:
		}
		w.cause = cause
		w.killLocked()
		w.mu.Unlock()
		return
	}
}

// resident returns a process's resident memory in bytes, 0 when it is gone.
func resident(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n * int64(os.Getpagesize())
}

// send passes a request and its source.
func (w *worker) send(req Request, src Source) error {
	req.Source, req.Passwords = src.Key, src.Passwords
	b, err := json.Marshal(req)
	if err != nil {
		return err
	}
	_, _, err = w.conn.WriteMsgUnix(b, unix.UnixRights(int(src.File.Fd())), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	return nil
}

// feed sends the pages of a document request.
func (w *worker) feed(next func() (DocumentPage, error), sent func()) error {
	buf := bufio.NewWriter(w.in)
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.kill() // it would wait for pages for ever
			return err
		}
		if err := WriteJSON(buf, FramePage, p); err != nil {
			return fmt.Errorf("%w: %w", ErrCrashed, err)
		}
		sent()
	}
	if err := WriteFrame(buf, FrameEnd, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	return nil
}

// answer reads frames up to a result. Data frames go to out.
func (w *worker) answer(out io.Writer) ([]byte, error) {
	var total int64
	for {
		kind, b, err := ReadFrame(w.out)
		if err != nil {
			if errors.Is(err, ErrOutput) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", ErrCrashed, err)
		}
		switch kind {
		case FrameResult:
			return b, nil
		case FrameError:
			var f Failure
			if err := json.Unmarshal(b, &f); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrOutput, err)
			}
			switch {
			case f.Format:
				return nil, fmt.Errorf("%w: %s", f.Why.sentinel(), f.Message)
			case f.Engine:
				return nil, fmt.Errorf("%w: %s", ErrEngine, f.Message)
			}
			return nil, failure{f.Message}
		case FrameData:
			if total += int64(len(b)); out == nil || total > maxStream {
				return nil, fmt.Errorf("%w: more data than asked for", ErrOutput)
			}
			if _, err := out.Write(b); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: frame of kind %#x", ErrOutput, kind)
		}
	}
}

// kill ends the worker's whole process group at once.
func (w *worker) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killLocked()
}

func (w *worker) killLocked() {
	w.dead = true
	// The group's id is the worker's, which is ours until Wait reaps it.
	unix.Kill(-w.cmd.Process.Pid, unix.SIGKILL)
}

// discard kills and reaps.
func (w *worker) discard() {
	w.kill()
	w.release()
}

// stop lets an idle worker end by itself, and kills it if it does not.
func (w *worker) stop() {
	w.conn.Close()
	t := time.AfterFunc(2*time.Second, w.kill)
	defer t.Stop()
	w.release()
}

func (w *worker) release() {
	w.conn.Close()
	w.in.Close()
	w.pipe.Close()
	w.cmd.Wait() // the exit status says nothing we do not know
}
