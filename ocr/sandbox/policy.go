package sandbox

import "golang.org/x/sys/unix"

// rule allows one system call. With arg, only when the test of that argument
// holds.
type rule struct {
	name string
	arg  int // -1 for any arguments
	test test
	bits uint32
}

// test is what a rule asks of the low half of an argument.
type test int

const (
	has    test = iota // all of it set: bits is a single flag
	hasNot             // none of them set
	equals
)

// policy allows what a process needs that computes on what it was handed, given
// that Landlock decides what can be opened. Tested by reading every kind of
// scan under it, and by trying everything else.
func policy(pid int) []rule {
	var out []rule
	for _, n := range []string{
		// what was handed in, and the pipes back
		"read", "write", "readv", "writev", "pread64", "preadv", "close", "lseek", "fstat", "newfstatat", "statx", "fcntl",
		"recvmsg", "recvfrom", "getsockopt", "getsockname", "getpeername", "shutdown",
		"getdents64", "readlinkat", "faccessat", "faccessat2", "access", "stat", "lstat",
		// memory
		"mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "membarrier",
		// threads, waiting and time
		"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
		"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "epoll_pwait2", "eventfd2", "pipe2", "poll", "ppoll", "select", "pselect6",
		"set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit", "exit_group", "restart_syscall",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "setitimer", "timer_create", "timer_settime", "timer_delete",
		// who and where
		"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "getrandom", "getrusage", "times", "getcwd", "getrlimit",
	} {
		out = append(out, rule{name: n, arg: -1})
	}
	return append(out,
		// A thread of this process, not another process: the kernel lets
		// CLONE_THREAD stand only with shared memory and signal handlers.
		rule{"clone", 0, has, unix.CLONE_THREAD},
		rule{"tgkill", 0, equals, uint32(pid)},
		rule{"openat", 2, hasNot, unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND | unix.O_PATH},
		rule{"prlimit64", 2, equals, 0}, // reading limits, not setting them
	)
}
