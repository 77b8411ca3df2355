// Package sandbox shuts the process that reads hostile files in: what it
// cannot reach it cannot leak, whatever a parser is made to do.
//
// Its invariant is that it fails closed. Strict asks for everything below, and
// Enter returns an error when the kernel lacks any of it; a site that must run
// without says so in its configuration.
//
//   - namespaces of its own for users, network, mounts, host name and shared
//     memory: the parent gives them at the start (Attr). Processes have no
//     namespace of their own, because Landlock is put on every thread by its
//     number, which must be the one /proc shows; that it sees and signals no
//     other process is the filter's doing;
//   - no new privileges, ever;
//   - Landlock: of the file system only the folders named, for reading; the
//     version the kernel has, whole, never a best effort;
//   - seccomp: a list of the system calls that reading, computing and threads
//     need. Everything else is refused with EPERM: sockets, programs,
//     processes, signals to others, changes to files, keys, tracing, modules;
//   - limits on memory, open files, core dumps and file sizes.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Mode says how much of the sandbox a site wants.
type Mode string

// Modes. Kernel is for containers, whose own runtime forbids new namespaces.
const (
	Strict Mode = "strict" // namespaces, Landlock, seccomp, limits
	Kernel Mode = "kernel" // Landlock, seccomp, limits
	Off    Mode = "off"    // limits only
)

// Parse checks a mode's name.
func Parse(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Strict, Kernel, Off:
		return m, nil
	}
	return "", fmt.Errorf("sandbox %q: there are strict, kernel and off", s)
}

// nobody is who a worker is in its own user namespace: nobody with rights.
const nobody = 65534

// Attr is how a worker must be started: in its own process group, dying with
// its parent, and in Strict mode in its own namespaces.
func Attr(m Mode) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if m == Strict {
		a.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNS
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// Limits bound a worker's own use of the machine, as a last resort: the parent
// watches it more closely.
type Limits struct {
	Data uint64 // bytes of memory it may ask for
	CPU  uint64 // seconds of processor time in its whole life
}

// Enter shuts the calling process in for good, all its threads. readable are
// the folders it may read; one that does not exist is left out.
func Enter(m Mode, l Limits, readable ...string) error {
	if err := limit(l); err != nil {
		return err
	}
	if m == Off {
		return nil
	}
	if m == Strict && os.Getuid() != nobody {
		return errors.New("sandbox: the process has no namespace of its own")
	}
	if err := confine(readable); err != nil {
		return err
	}
	return filter(policy(os.Getpid()))
}

// limit forbids core dumps, which would hold patient data, and files.
func limit(l Limits) error {
	for _, r := range []struct {
		what int
		max  uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_NOFILE, 64},
		{unix.RLIMIT_DATA, l.Data},
		{unix.RLIMIT_CPU, l.CPU},
	} {
		if err := unix.Setrlimit(r.what, &unix.Rlimit{Cur: r.max, Max: r.max}); err != nil {
			return fmt.Errorf("sandbox: limit %d: %w", r.what, err)
		}
	}
	return nil
}

// confine applies Landlock at the kernel's own version: asking for less than
// it can do would leave doors open, asking for more would be refused.
func confine(readable []string) error {
	abi, err := landlockVersion()
	if err != nil {
		return fmt.Errorf("sandbox: this kernel has no Landlock (it is in Linux 5.13 and later, when enabled): %w", err)
	}
	cfg, ok := map[int]landlock.Config{2: landlock.V2, 3: landlock.V3, 4: landlock.V4, 5: landlock.V5, 6: landlock.V6}[min(abi, 6)]
	if !ok {
		return fmt.Errorf("sandbox: this kernel's Landlock is of version %d; 2 is needed (Linux 5.19)", abi)
	}
	rule := landlock.RODirs(readable...).IgnoreIfMissing()
	if err := cfg.Restrict(rule); err != nil {
		return fmt.Errorf("sandbox: landlock: %w", err)
	}
	return nil
}

func landlockVersion() (int, error) {
	const askVersion = 1 // LANDLOCK_CREATE_RULESET_VERSION
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, askVersion)
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}
