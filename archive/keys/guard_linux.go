package keys

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Guard keeps the process's memory, where keys lie, out of core files and out
// of swap as far as the system lets it, and returns what it could not do, in
// words for the person who runs the machine. Memory is only locked where the
// limit on it is lifted: below one, allocations fail later.
func Guard() (left []string) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		left = append(left, fmt.Sprintf("core files cannot be turned off: %v", err))
	}
	// A program that takes cores over a pipe is not bound by the limit; without
	// any mapping there is nothing to give it.
	if err := emptyCores(); err != nil {
		left = append(left, fmt.Sprintf("core files cannot be emptied: %v", err))
	}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lim); err != nil || lim.Cur != unix.RLIM_INFINITY {
		return append(left, "keys in memory may be swapped: give the service LimitMEMLOCK=infinity, or encrypt the swap space")
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		left = append(left, fmt.Sprintf("keys in memory may be swapped: %v", err))
	}
	return left
}

func emptyCores() error {
	f, err := os.OpenFile("/proc/self/coredump_filter", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("0")
	return errors.Join(err, f.Close())
}
