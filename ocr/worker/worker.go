// Package worker is the child's side of the ocr package: the only code that
// parses hostile files. Main is entered when the binary is executed as
// "chartvault worker"; it must be reached before anything else of the program
// runs.
//
// The process has no keys and an empty environment. Its requests come over a
// Unix socket (descriptor 3), each with the read-only descriptor of one source;
// the texts of a document come on standard input, and its answers go to
// standard output, both pipes, in the frames of ocr's protocol. It ends when
// the socket does.
package worker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"chartvault/internal/pdf"
	"chartvault/ocr"
	"chartvault/ocr/lept"
	"chartvault/ocr/sandbox"
	"chartvault/ocr/scan"
)

// socketFD is the descriptor the pool leaves the request socket on.
const socketFD = 3

// maxRequest bounds a request's JSON, in bytes: a list of 5000 pages fits.
const maxRequest = 1 << 16

// Main serves requests until the socket closes and returns the exit code. args
// are what follows "worker": the folder with the compiled PDF engine, "" for
// none, and the sandbox's mode. The first frame it sends says whether it is
// shut in and ready.
func Main(args []string) int {
	// One thread makes one heap of C memory: pages that wander between threads
	// leave a hundred megabytes of holes behind.
	runtime.LockOSThread()
	lept.Quiet()
	f := os.NewFile(socketFD, "requests")
	c, err := net.FileConn(f)
	f.Close() // FileConn has its own
	if err != nil {
		return 3
	}
	conn, ok := c.(*net.UnixConn)
	if !ok || len(args) != 2 {
		return 3
	}
	s := &server{conn: conn, pages: bufio.NewReader(os.Stdin), out: os.Stdout, cacheDir: args[0]}
	if err := shutIn(args[0], args[1]); err != nil {
		ocr.WriteJSON(s.out, ocr.FrameError, ocr.Failure{Engine: true, Message: err.Error()}) // nobody reads it, nobody cares
		return 3
	}
	if err := ocr.WriteJSON(s.out, ocr.FrameResult, struct{}{}); err != nil {
		return 3
	}
	for {
		err := s.serve()
		if errors.Is(err, io.EOF) {
			return 0
		}
		if err != nil {
			return 3
		}
	}
}

// shutIn enters the sandbox. What stays readable are the language models and
// the compiled PDF engine.
func shutIn(cacheDir, mode string) error {
	m, err := sandbox.Parse(mode)
	if err != nil {
		return err
	}
	readable := []string{"/usr/share/tesseract-ocr", "/usr/share/tessdata"}
	if cacheDir != "" {
		readable = append(readable, cacheDir)
	}
	return sandbox.Enter(m, sandbox.Limits{Data: 6 << 30, CPU: 6 * 3600}, readable...)
}

type server struct {
	conn     *net.UnixConn
	pages    *bufio.Reader // frames that follow a document request
	ended    bool          // the last of them has been read
	out      io.Writer
	cacheDir string
	reader   reader

	key  string // of the open source
	src  *os.File
	file scan.File
}

// serve answers one request.
func (s *server) serve() error {
	req, f, err := s.receive()
	if err != nil {
		return err
	}
	if err := s.answer(req, f); err != nil {
		fail := ocr.Failure{Format: errors.Is(err, ocr.ErrFormat), Why: ocr.Reason(err), Engine: errors.Is(err, ocr.ErrEngine), Message: err.Error()}
		return ocr.WriteJSON(s.out, ocr.FrameError, fail)
	}
	return nil
}

// receive reads a request and the descriptor that comes with it.
func (s *server) receive() (ocr.Request, *os.File, error) {
	buf, oob := make([]byte, maxRequest), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := s.conn.ReadMsgUnix(buf, oob)
	if err != nil {
		return ocr.Request{}, nil, err
	}
	if n == 0 {
		return ocr.Request{}, nil, io.EOF
	}
	var req ocr.Request
	if err := json.Unmarshal(buf[:n], &req); err != nil {
		return req, nil, fmt.Errorf("request: %w", err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		return req, nil, errors.New("request without a source")
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return req, nil, errors.New("request without a source")
	}
	unix.CloseOnExec(fds[0])
	return req, os.NewFile(uintptr(fds[0]), "source"), nil
}

func (s *server) answer(req ocr.Request, f *os.File) error {
	s.ended = req.Op != "document"
	if err := s.open(req.Source, f, req.Passwords); err != nil {
		return errors.Join(err, s.drain())
	}
	switch req.Op {
	case "probe":
		return ocr.WriteJSON(s.out, ocr.FrameResult, ocr.Probe{Kind: s.file.Kind(), Pages: s.file.Pages(), Damage: damage(s.file)})
	case "page":
		side, err := s.file.Decode(req.Page)
		if err != nil {
			return err
		}
		var o ocr.Options
		if req.Options != nil {
			o = *req.Options
		}
		pg, err := s.reader.read(side, o)
		if err != nil {
			return fmt.Errorf("page %d: %w", req.Page, err)
		}
		return ocr.WriteJSON(s.out, ocr.FrameResult, pg)
	case "picture":
		return s.picture(req.Page)
	case "document":
		return s.document(req.Lock)
	case "original":
		return s.original(req.Pages)
	}
	return fmt.Errorf("no such request: %q", req.Op)
}

// pictureDPI is what a page is drawn at for whoever looks closely.
const pictureDPI = 200

// picture draws a page for a screen.
func (s *server) picture(n int) error {
	p, ok := s.file.(scan.Pictures)
	if !ok {
		return fmt.Errorf("a %s is not drawn", s.file.Kind())
	}
	g, err := p.Picture(n, pictureDPI)
	if err != nil {
		return err
	}
	b, err := sixteen(g)
	if err != nil {
		return err
	}
	return ocr.WriteJSON(s.out, ocr.FrameResult, b)
}

// damage says what of a file could not be had, "" for nothing.
func damage(f scan.File) string {
	if d, ok := f.(scan.Damaged); ok {
		return d.Damage()
	}
	return ""
}

// open makes f the current source, unless it is already.
func (s *server) open(key string, f *os.File, passwords []string) error {
	if s.file != nil && key == s.key {
		return f.Close()
	}
	s.close()
	st, err := f.Stat()
	if err != nil {
		f.Close() // nothing was read
		return err
	}
	file, err := scan.Open(f, st.Size(), scan.Options{CacheDir: s.cacheDir, Passwords: passwords})
	if err != nil {
		f.Close() // nothing was read
		return err
	}
	s.key, s.src, s.file = key, f, file
	return nil
}

func (s *server) close() {
	if s.file != nil {
		s.file.Close() // it only frees memory
		s.src.Close()
	}
	s.key, s.src, s.file = "", nil, nil
}

// stream sends what is written to it as data frames.
type stream struct{ w io.Writer }

func (s stream) Write(p []byte) (int, error) {
	if err := ocr.WriteFrame(s.w, ocr.FrameData, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// document reads the pages the pool sends and writes them as one PDF, encrypted
// where a password is given.
func (s *server) document(password string) error {
	out := bufio.NewWriterSize(stream{s.out}, 256<<10)
	var exact bool
	var err error
	if password == "" {
		exact, err = s.assemble(out)
	} else {
		var whole bytes.Buffer
		if exact, err = s.assemble(&whole); err == nil {
			err = scan.Lock(out, whole.Bytes(), password)
		}
	}
	if err != nil {
		// What the pool still sends belongs to this request.
		return errors.Join(err, s.drain())
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return ocr.WriteJSON(s.out, ocr.FrameResult, ocr.Document{Exact: exact})
}

// drain reads what the pool still sends for a request that failed.
func (s *server) drain() error {
	for !s.ended {
		if _, _, err := s.next(); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) next() (ocr.DocumentPage, bool, error) {
	var p ocr.DocumentPage
	kind, b, err := ocr.ReadFrame(s.pages)
	if err != nil || kind == ocr.FrameEnd {
		s.ended = true
		return p, false, err
	}
	return p, true, json.Unmarshal(b, &p)
}

func (s *server) assemble(w io.Writer) (exact bool, err error) {
	images, ok := s.file.(scan.Images)
	if !ok {
		return true, s.extract(w)
	}
	exact = true
	doc := pdf.NewWriter(w)
	for {
		p, ok, err := s.next()
		if err != nil {
			return false, err
		}
		if !ok {
			return exact, doc.Close()
		}
		if !p.Plain() {
			return false, fmt.Errorf("page %d: a %s cannot be stamped or blacked out", p.Number, s.file.Kind())
		}
		im, turn, same, err := images.Image(p.Number)
		if err != nil {
			return false, fmt.Errorf("page %d: %w", p.Number, err)
		}
		exact = exact && same
		if err := doc.AddPage(layout(im, turn, p.Text)); err != nil {
			return false, fmt.Errorf("page %d: %w", p.Number, err)
		}
	}
}

// layout makes a page of an image and what was read on it. A page that was
// never read is shown at its guessed size.
func layout(im pdf.Image, turn int, t ocr.PageText) pdf.Page {
	if t.Width == 0 || t.Height == 0 || t.DPI == 0 {
		t = ocr.PageText{Width: im.Width, Height: im.Height(), DPI: max(float64(im.Width)/8.5, 50), Turn: turn}
		if turn%2 != 0 {
			t.Width, t.Height = t.Height, t.Width
		}
	}
	dx, dy := t.DPI, t.DPI
	if t.DPIY > 0 {
		dy = t.DPIY
	}
	return pdf.Page{
		Width: float64(t.Width) / dx * 72, Height: float64(t.Height) / dy * 72,
		Image: im, Turn: t.Turn, Words: scan.Words(t, 72/dx, 72/dy),
	}
}

func (s *server) extract(w io.Writer) error {
	docs, ok := s.file.(scan.Documents)
	if !ok {
		return fmt.Errorf("a %s makes no document", s.file.Kind())
	}
	return docs.Extract(w, func(yield func(ocr.DocumentPage, error) bool) {
		for {
			p, ok, err := s.next()
			if err == nil && !ok || !yield(p, err) || err != nil {
				return
			}
		}
	})
}

func (s *server) original(pages []int) error {
	images, ok := s.file.(scan.Images)
	if !ok {
		return fmt.Errorf("a %s has no pages of its own format", s.file.Kind())
	}
	if n := len(pages); n == 0 || n > s.file.Pages() {
		return fmt.Errorf("%d pages asked for of a file that has %d", n, s.file.Pages())
	}
	out := bufio.NewWriterSize(stream{s.out}, 256<<10)
	ext, err := images.Original(out, pages)
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return ocr.WriteJSON(s.out, ocr.FrameResult, ext)
}
