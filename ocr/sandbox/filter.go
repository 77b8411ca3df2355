package sandbox

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data of the kernel's linux/seccomp.h. Both
// processors we run on put the low half of an argument first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// assemble makes the filter's program: what no rule allows is refused. The
// system call's number is loaded anew for every rule, so that no argument can
// pass for a number; the library that writes such filters does not do so after
// a test of an argument, which is why this one is written here.
func assemble(rules []rule) ([]bpf.RawInstruction, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	refuse := func(errno unix.Errno) bpf.RetConstant {
		return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}, // another processor's calls have other numbers
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1},
		refuse(unix.ENOSYS), // the x32 calls of amd64
	}
	call := func(name string) (uint32, bool) {
		n, ok := info.SyscallNames[name]
		return uint32(n), ok
	}
	if n, ok := call("clone3"); ok {
		// glibc asks it first, and its flags lie in memory where no filter
		// sees them; without it glibc uses clone.
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, refuse(unix.ENOSYS))
	}
	for _, r := range rules {
		n, ok := call(r.name)
		if !ok {
			continue // this processor's system has no such call
		}
		prog = append(prog, bpf.LoadAbsolute{Off: offNumber, Size: 4})
		if r.arg < 0 {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, allow)
			continue
		}
		cond := map[test]bpf.JumpTest{has: bpf.JumpBitsSet, hasNot: bpf.JumpBitsNotSet, equals: bpf.JumpEqual}[r.test]
		prog = append(prog,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 3},
			bpf.LoadAbsolute{Off: uint32(offArgs + 8*r.arg), Size: 4},
			bpf.JumpIf{Cond: cond, Val: r.bits, SkipFalse: 1},
			allow)
	}
	return bpf.Assemble(append(prog, refuse(unix.EPERM)))
}

// filter installs the program on all threads of the process, and with it that
// no program may ever give it more rights.
func filter(rules []rule) error {
	raw, err := assemble(rules)
	if err != nil {
		return fmt.Errorf("sandbox: assemble the filter: %w", err)
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("sandbox: no new privileges: %w", err)
	}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&f)))
	switch {
	case errno == unix.ENOSYS, errno == unix.EINVAL:
		return fmt.Errorf("sandbox: this kernel has no seccomp filters: %w", errno)
	case errno != 0:
		return fmt.Errorf("sandbox: seccomp: %w", errno)
	case thread != 0:
		return errors.New("sandbox: seccomp: a thread could not be filtered")
	}
	return nil
}
