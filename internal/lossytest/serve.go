package lossytest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Command is the first argument of the process that serves a file system; the
// test binary's TestMain hands it to Main.
const Command = "lossytest"

// Main serves the file system over a directory, mounted on another, and obeys
// lines on standard input until it ends: arm MODE CALL, count, lose SEED.
func Main(args []string) int {
	if len(args) != 2 {
		return 2
	}
	if err := serve(args[0], args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

func serve(dir, mount string, in io.Reader, out io.Writer) error {
	f := &fsys{back: filepath.Join(dir, "back"), grave: filepath.Join(dir, "grave"), data: map[uint64][]byte{}}
	for _, d := range []string{f.back, f.grave, mount} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	var st syscall.Stat_t
	if err := syscall.Stat(f.back, &st); err != nil {
		return err
	}
	root := &fs.LoopbackRoot{Path: f.back, Dev: st.Dev}
	top := &node{LoopbackNode: fs.LoopbackNode{RootData: root}, f: f}
	root.RootNode = top
	srv, err := fs.Mount(mount, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "lossytest"}})
	if err != nil {
		return err
	}
	defer srv.Unmount() // the test is over
	fmt.Fprintln(out, "mounted")
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var word string
		var mode Mode
		var n uint64
		fmt.Sscan(lines.Text(), &word)
		switch word {
		case "arm":
			fmt.Sscan(lines.Text(), &word, &mode, &n)
			f.arm(mode, int(n))
			fmt.Fprintln(out, "armed")
		case "count":
			f.mu.Lock()
			fmt.Fprintln(out, f.calls, f.name)
			f.mu.Unlock()
		case "lose":
			fmt.Sscan(lines.Text(), &word, &n)
			if err := f.lose(n); err != nil {
				return err
			}
			fmt.Fprintln(out, "lost")
		}
	}
	return nil
}

// FS is a running file system.
type FS struct {
	Dir string // where it is mounted

	t   testing.TB
	in  io.Writer
	out *bufio.Scanner
}

// Start runs a file system for the length of a test. Where none can be mounted
// the test is skipped, and says so.
func Start(t testing.TB) *FS {
	t.Helper()
	dir := t.TempDir()
	f := &FS{Dir: filepath.Join(dir, "mount"), t: t}
	c := exec.Command(os.Args[0], Command, dir, f.Dir)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		syscall.Unmount(f.Dir, syscall.MNT_DETACH) // a handle may still be open
		c.Wait()
	})
	f.in, f.out = in, bufio.NewScanner(out)
	if said := f.line(); said != "mounted" {
		t.Skipf("no FUSE file system can be mounted here (/dev/fuse, and root or fusermount3): %s", said)
	}
	return f
}

func (f *FS) line() string {
	if !f.out.Scan() {
		return "it ended"
	}
	return f.out.Text()
}

func (f *FS) say(format string, args ...any) string {
	f.t.Helper()
	if _, err := fmt.Fprintf(f.in, format+"\n", args...); err != nil {
		f.t.Fatal(err)
	}
	return f.line()
}

// Arm chooses the call that fails, counted from now; 0 for none.
func (f *FS) Arm(mode Mode, at int) {
	f.t.Helper()
	if got := f.say("arm %s %d", mode, at); got != "armed" {
		f.t.Fatalf("lossytest: %s", got)
	}
}

// Calls is how many calls were counted since Arm, and the name of the one that
// failed.
func (f *FS) Calls() (n int, failed string) {
	f.t.Helper()
	got := f.say("count")
	if _, err := fmt.Sscan(got, &n); err != nil {
		f.t.Fatalf("lossytest: %s", got)
	}
	_, failed, _ = strings.Cut(got, " ")
	return n, failed
}

// Lose takes back what was not durable, by the chance of a seed, and lets the
// file system work again.
func (f *FS) Lose(seed uint64) {
	f.t.Helper()
	if got := f.say("lose %d", seed); got != "lost" {
		f.t.Fatalf("lossytest: %s", got)
	}
}
