package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"chartvault/ocr/sandbox"
)

// TestMain lets the test binary be the process that is shut in.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "forbidden" {
		os.Exit(try(sandbox.Mode(os.Args[2]), os.Args[3], os.Args[4], os.Args[5]))
	}
	os.Exit(m.Run())
}

// try enters the sandbox, does what it should not be able to do, and reports.
func try(m sandbox.Mode, readable, outside, socket string) int {
	if err := sandbox.Enter(m, sandbox.Limits{Data: 4 << 30, CPU: 60}, readable); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	got := map[string]string{}
	for name, act := range acts(readable, outside, socket) {
		if err := act(); err != nil {
			got[name] = err.Error()
		} else {
			got[name] = ""
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(got); err != nil {
		return 5
	}
	return 0
}

func run(t *testing.T, m sandbox.Mode) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	readable, outside := t.TempDir(), t.TempDir()
	for _, d := range []string{readable, outside} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "file"), []byte("secret"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(outside, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(self, "forbidden", string(m), readable, outside, socket)
	cmd.SysProcAttr = sandbox.Attr(m)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("mode %s: %v: %s", m, err, stderr.Bytes())
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("mode %s: %v in %q", m, err, out)
	}
	return got
}

// TestForbidden: every forbidden act is denied, with and without namespaces;
// without the sandbox most of them succeed, so the test asks something.
func TestForbidden(t *testing.T) {
	free := 0
	for _, msg := range run(t, sandbox.Off) {
		if msg == "" {
			free++
		}
	}
	if free < 20 {
		t.Errorf("without the sandbox %d acts succeed, want at least 20", free)
	}
	for _, m := range []sandbox.Mode{sandbox.Strict, sandbox.Kernel} {
		got := run(t, m)
		if len(got) < 40 {
			t.Errorf("mode %s: %d acts were tried, want at least 40", m, len(got))
		}
		names := make([]string, 0, len(got))
		for n := range got {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			if !denied(got[n]) {
				t.Errorf("mode %s: %s: got %q, want it denied", m, n, got[n])
			}
		}
	}
}

// denied reports whether an error is a refusal, not a remark about what was
// asked for.
func denied(msg string) bool {
	for _, errno := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS} {
		if strings.Contains(msg, errno.Error()) {
			return true
		}
	}
	return false
}

func TestParse(t *testing.T) {
	if _, err := sandbox.Parse("loose"); err == nil {
		t.Error("an unknown mode: got nil, want an error")
	}
	for _, m := range []sandbox.Mode{sandbox.Strict, sandbox.Kernel, sandbox.Off} {
		if got, err := sandbox.Parse(string(m)); err != nil || got != m {
			t.Errorf("parse %s: got %v, %v", m, got, err)
		}
	}
}

// TestFailsClosed: a process that was not given namespaces does not pass for
// one that was.
func TestFailsClosed(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "forbidden", string(sandbox.Strict), t.TempDir(), t.TempDir(), "")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || !bytes.Contains(stderr.Bytes(), []byte("no namespace of its own")) {
		t.Errorf("got %v, %q, want it to refuse", err, stderr.Bytes())
	}
}
