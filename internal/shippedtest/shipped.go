// Package shippedtest builds the program as it is shipped, without the race
// detector, for the tests that run it: a page takes five times as long to read
// under the detector, which has little to find in a process that reads one page
// at a time.
package shippedtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Program builds the program from the sources as they are, and returns its path.
// One process at a time builds it; what is up to date is left as it is.
func Program() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	dir := filepath.Join(root, ".cache", "test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	name := filepath.Join(dir, "chartvault")
	c := exec.Command("go", "build", "-o", name, "./cmd/chartvault")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return name, nil
}
