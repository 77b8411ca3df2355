package sandbox_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raw makes a system call for its error.
func raw(number uintptr, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

// closed makes an act of opening something.
func closed(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// acts are what a captured parser might try. They do no harm where they are
// not denied: what would ask for something that is not there.
func acts(readable, outside, socket string) map[string]func() error {
	in, out := filepath.Join(readable, "file"), filepath.Join(outside, "file")
	all := map[string]func() error{}
	for _, group := range []map[string]func() error{files(readable, in, out), network(socket), processes(), kernel(outside)} {
		for n, a := range group {
			all[n] = a
		}
	}
	return all
}

func files(readable, in, out string) map[string]func() error {
	open := func(name string, flags int) func() error {
		return func() error { return closed(unix.Open(name, flags|unix.O_CLOEXEC, 0o600)) }
	}
	fresh := filepath.Join(readable, "fresh")
	return map[string]func() error{
		"read a file outside":             open(out, unix.O_RDONLY),
		"read /etc/passwd":                open("/etc/passwd", unix.O_RDONLY),
		"read /proc/self/environ":         open("/proc/self/environ", unix.O_RDONLY),
		"read the parent's memory map":    open("/proc/1/maps", unix.O_RDONLY),
		"list the root":                   func() error { _, err := os.ReadDir("/"); return err },
		"write a file outside":            open(out, unix.O_WRONLY),
		"write what may be read":          open(in, unix.O_WRONLY),
		"write and read what may be read": open(in, unix.O_RDWR),
		"truncate by opening":             open(in, unix.O_RDONLY|unix.O_TRUNC),
		"create a file":                   open(fresh, unix.O_CREAT|unix.O_WRONLY),
		"create a file for reading":       open(fresh+"2", unix.O_CREAT|unix.O_RDONLY),
		"create a nameless file":          open(readable, unix.O_TMPFILE|unix.O_RDWR),
		"open a path only":                open("/", unix.O_PATH),
		"truncate a file":                 func() error { return unix.Truncate(in, 0) },
		"remove a file":                   func() error { return unix.Unlink(in + "-none") },
		"rename a file":                   func() error { return unix.Rename(in+"-none", in+"2") },
		"link a file":                     func() error { return unix.Link(in, in+"3") },
		"make a symbolic link":            func() error { return unix.Symlink("/etc", filepath.Join(readable, "etc")) },
		"make a folder":                   func() error { return unix.Mkdir(filepath.Join(readable, "dir"), 0o700) },
		"make a pipe with a name":         func() error { return unix.Mkfifo(filepath.Join(readable, "fifo"), 0o600) },
		"change a file's mode":            func() error { return unix.Chmod(in, 0o777) },
		"change a file's owner":           func() error { return unix.Chown(in, os.Getuid(), os.Getgid()) },
		"change the folder":               func() error { return unix.Chdir("/") },
		"watch files":                     func() error { return closed(unix.InotifyInit()) },
		"open_by_handle_at":               raw(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(99), 0, 0),
		"openat2":                         func() error { return closed(unix.Openat2(unix.AT_FDCWD, in, &unix.OpenHow{Flags: unix.O_RDONLY})) },
	}
}

func network(socket string) map[string]func() error {
	sock := func(domain, kind, proto int) func() error {
		return func() error { return closed(unix.Socket(domain, kind, proto)) }
	}
	return map[string]func() error{
		"a TCP socket":           sock(unix.AF_INET, unix.SOCK_STREAM, 0),
		"a TCP socket over IPv6": sock(unix.AF_INET6, unix.SOCK_STREAM, 0),
		"a multipath TCP socket": sock(unix.AF_INET, unix.SOCK_STREAM, 262),
		"a UDP socket":           sock(unix.AF_INET, unix.SOCK_DGRAM, 0),
		"a raw socket":           sock(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP),
		"a netlink socket":       sock(unix.AF_NETLINK, unix.SOCK_RAW, 0),
		"a packet socket":        sock(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"a vsock socket":         sock(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"connect to a unix socket": func() error {
			c, err := net.Dial("unix", socket)
			if err == nil {
				c.Close()
			}
			return err
		},
		"a pair of sockets": func() error {
			p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err == nil {
				unix.Close(p[0])
				unix.Close(p[1])
			}
			return err
		},
		"listen": func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				l.Close()
			}
			return err
		},
	}
}

func processes() map[string]func() error {
	return map[string]func() error{
		"run a program":         func() error { return exec.Command("/bin/true").Run() },
		"run itself":            func() error { return exec.Command("/proc/self/exe", "-test.run=^$").Run() },
		"replace itself":        raw(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&[]byte("/nothing\x00")[0])), 0, 0),
		"fork":                  forked,
		"signal the parent":     func() error { return unix.Kill(os.Getppid(), 0) },
		"signal everybody":      func() error { return unix.Kill(-1, 0) },
		"signal a thread":       func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) },
		"trace a process":       raw(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 0x7ffffff0),
		"read another's memory": raw(unix.SYS_PROCESS_VM_READV, uintptr(os.Getppid()), 0, 0, 0, 0, 0),
		"open a process":        func() error { return closed(unix.PidfdOpen(os.Getppid(), 0)) },
		"raise a limit":         func() error { return syscall.Setrlimit(unix.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}) },
		"change its priority":   func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, 5) },
		"new namespaces":        raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"enter a namespace":     raw(unix.SYS_SETNS, 0, 0),
		"leave its group":       func() error { _, err := unix.Setsid(); return err },
		"change its user":       raw(unix.SYS_SETUID, uintptr(os.Getuid())),
		"hide its memory":       raw(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0),
	}
}

// forked makes a process by the number, as code injected into a parser would.
func forked() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	var ws unix.WaitStatus
	_, err := unix.Wait4(int(pid), &ws, 0, nil)
	return err
}

func kernel(outside string) map[string]func() error {
	return map[string]func() error{
		"mount":                func() error { return unix.Mount("none", outside, "nosuchfs", 0, "") },
		"change the root":      func() error { return unix.Chroot(filepath.Join(outside, "none")) },
		"io_uring":             raw(unix.SYS_IO_URING_SETUP, 1, 0),
		"bpf":                  raw(unix.SYS_BPF, 0, 0, 0),
		"performance counters": raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0),
		"userfaultfd":          func() error { return raw(unix.SYS_USERFAULTFD, 1)() },
		"a key ring":           raw(unix.SYS_KEYCTL, 0, 0),
		"add a key":            raw(unix.SYS_ADD_KEY, 0, 0, 0, 0, 0),
		"load a module":        raw(unix.SYS_FINIT_MODULE, 0, 0, 0),
		"set the clock":        raw(unix.SYS_SETTIMEOFDAY, 0, 0),
		"set the host's name":  raw(unix.SYS_SETHOSTNAME, 0, 0),
		"memory as a file":     func() error { return closed(unix.MemfdCreate("x", 0)) },
		"shared memory":        raw(unix.SYS_SHMGET, 1, 4096, unix.IPC_CREAT|0o600),
		"a message queue":      raw(unix.SYS_MSGGET, 1, unix.IPC_CREAT|0o600),
		"device control":       raw(unix.SYS_IOCTL, 0, unix.TCGETS, 0),
		"weaken the filter":    raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_STRICT, 1, 0),
	}
}
