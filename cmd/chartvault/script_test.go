package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"chartvault/internal/lossytest"
	"chartvault/ocr/scan"
	"chartvault/ocr/worker"
)

// TestMain makes the test binary the program: the command under test, and the
// worker the command executes itself as.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "worker" {
		// Reading goes on in the program as it is shipped, where it was built: the
		// race detector has nothing to find in a process that reads one page at a
		// time, and its own tests run under it.
		if plain, err := plainBeside(); err == nil {
			_ = syscall.Exec(plain, os.Args, os.Environ()) // returns only where there is none
		}
		os.Exit(worker.Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == lossytest.Command {
		os.Exit(lossytest.Main(os.Args[2:]))
	}
	if os.Getenv("CHARTVAULT_TEST_COMMAND") != "" {
		main()
		return
	}
	testscript.Main(tidy{m}, map[string]func(){"chartvault": main})
}

// tidy removes what tests share when they are over.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	code := m.M.Run()
	if template.dir != "" {
		if err := os.RemoveAll(template.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

// TestScripts tells the command's stories.
func TestScripts(t *testing.T) {
	// The compiled PDF engine is the same for every archive; it is compiled before
	// the scripts, which run side by side.
	cache, err := warmCache()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("WASM", cache)
			// Commands that follow each other are run as they are shipped: the race
			// detector would find nothing, and take three times as long.
			e.Setenv("PATH", filepath.Dir(binary)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			return os.WriteFile(filepath.Join(e.WorkDir, "pass"), []byte("a passphrase for tests\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"flip":     flip,
			"absent":   absent,
			"copytree": copytree,
		},
	})
}

// plainBeside names the link to the program as it is shipped that lies beside
// the test binary: a reading process is told nothing else of where it is.
func plainBeside() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), "chartvault.plain"), err
}

// warmCache compiles the PDF engine into a folder that all tests copy.
func warmCache() (string, error) {
	cache, err := filepath.Abs("../../.cache/wasm")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	return cache, scan.WarmPDF(cache)
}

// exits runs a command and wants an exit code: exits 7 chartvault ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := err.(*exec.ExitError); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if got != want {
		ts.Fatalf("exit code: got %d, want %d", got, want)
	}
}

// flip inverts a bit in the middle of every file that matches: flip 'glob'
func flip(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("flip: no file matches %s", args[0])
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		ts.Check(err)
		b[len(b)/2] ^= 1
		ts.Check(os.WriteFile(f, b, 0o600))
	}
}

// absent wants that no file under a folder holds any of the words, in any
// case, in its content or its name: absent dir word...
func absent(ts *testscript.TestScript, neg bool, args []string) {
	found := ""
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hay := []byte(path)
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			hay = append(hay, b...)
		}
		hay = bytes.ToLower(hay)
		for _, w := range args[1:] {
			if bytes.Contains(hay, []byte(strings.ToLower(w))) {
				found = fmt.Sprintf("%q is in %s", w, path)
			}
		}
		return nil
	})
	ts.Check(err)
	if found != "" && !neg {
		ts.Fatalf("absent: %s", found)
	}
	if found == "" && neg {
		ts.Fatalf("absent: none of %v is there, but some should be", args[1:])
	}
}

// copytree copies a folder: copytree from to
func copytree(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}
