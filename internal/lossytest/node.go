package lossytest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is a file or directory. What only reads is the loopback's.
type node struct {
	fs.LoopbackNode
	f *fsys
}

func (n *node) path() string { return filepath.Join(n.f.back, n.Path(n.Root())) }

// WrapChild implements fs.NodeWrapChilder: what is below is like this.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: ops.(*fs.LoopbackNode).RootData}, f: n.f}
}

// volatile reports whether nobody relies on a file after a crash: shared
// memory, whose writes come when the kernel likes.
func volatile(path string) bool { return strings.HasSuffix(path, "-shm") }

func (n *node) gate(call, name string) syscall.Errno {
	if volatile(name) {
		return 0
	}
	return n.f.gate(call, filepath.Join(n.path(), name))
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.gate("create", name); e != 0 {
		return nil, nil, 0, e
	}
	path := filepath.Join(n.path(), name)
	had := inode(path) != 0
	in, fh, fl, e := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if e != 0 {
		return in, fh, fl, e
	}
	if ino := inode(path); !had && !volatile(name) {
		n.f.mu.Lock()
		defer n.f.mu.Unlock()
		n.f.created(ino)
		n.f.names = append(n.f.names, change{inode(n.path()), func() error {
			if inode(path) == ino {
				return os.Remove(path)
			}
			return nil // it has another name by now
		}})
	}
	return in, &handle{LoopbackFile: fh.(*fs.LoopbackFile), f: n.f, path: path, ino: inode(path)}, fl, 0
}

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path := n.path()
	if flags&unix.O_TRUNC != 0 && !volatile(path) {
		if e := n.f.gate("truncate", path); e != 0 {
			return nil, 0, e
		}
		n.f.mu.Lock()
		n.f.changing(path)
		n.f.mu.Unlock()
	}
	fh, fl, e := n.LoopbackNode.Open(ctx, flags)
	if e != 0 {
		return fh, fl, e
	}
	return &handle{LoopbackFile: fh.(*fs.LoopbackFile), f: n.f, path: path, ino: inode(path)}, fl, 0
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	path := n.path()
	if _, ok := in.GetSize(); ok && !volatile(path) {
		if e := n.f.gate("truncate", path); e != 0 {
			return e
		}
		n.f.mu.Lock()
		n.f.changing(path)
		n.f.mu.Unlock()
	}
	if h, ok := fh.(*handle); ok {
		fh = h.LoopbackFile
	}
	return n.LoopbackNode.Setattr(ctx, fh, in, out)
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, fh fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := fh.(*handle); ok {
		fh = h.LoopbackFile
	}
	return n.LoopbackNode.Getattr(ctx, fh, out)
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.gate("mkdir", name); e != 0 {
		return nil, e
	}
	path := filepath.Join(n.path(), name)
	in, e := n.LoopbackNode.Mkdir(ctx, name, mode, out)
	if e == 0 {
		ino := inode(path)
		n.f.mu.Lock()
		defer n.f.mu.Unlock()
		n.f.names = append(n.f.names, change{inode(n.path()), func() error {
			if inode(path) != ino {
				return nil // it was removed, and another one made
			}
			return os.RemoveAll(path)
		}})
	}
	return in, e
}

// Rmdir implements fs.NodeRmdirer. That an empty directory comes back is no
// loss, and is not acted out.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if e := n.gate("rmdir", name); e != 0 {
		return e
	}
	ino := inode(filepath.Join(n.path(), name))
	e := n.LoopbackNode.Rmdir(ctx, name)
	if e == 0 {
		n.f.syncedDir(ino) // what was to become of names in it is of no account, and its number is free
	}
	return e
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if e := n.gate("unlink", name); e != 0 {
		return e
	}
	path := filepath.Join(n.path(), name)
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	buried, err := n.f.bury(path)
	if err != nil {
		return fs.ToErrno(err)
	}
	if e := n.LoopbackNode.Unlink(ctx, name); e != 0 {
		return e
	}
	if !volatile(name) {
		n.f.names = append(n.f.names, change{inode(n.path()), func() error { return raise(buried, path) }})
	}
	return 0
}

// raise brings a buried file back under its name, unless another has it or its
// directory is gone.
func raise(buried, path string) error {
	err := os.Link(buried, path)
	if os.IsExist(err) || inode(filepath.Dir(path)) == 0 {
		return nil
	}
	return err
}

// Rename implements fs.NodeRenamer. It is durable with the directory of the new
// name.
func (n *node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if e := n.gate("rename", name); e != 0 {
		return e
	}
	to := newParent.(*node)
	oldPath, newPath := filepath.Join(n.path(), name), filepath.Join(to.path(), newName)
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	buried := ""
	if inode(newPath) != 0 && flags&unix.RENAME_NOREPLACE == 0 {
		var err error
		if buried, err = n.f.bury(newPath); err != nil {
			return fs.ToErrno(err)
		}
	}
	ino := inode(oldPath)
	// The loopback's own refuses flags.
	if err := unix.Renameat2(unix.AT_FDCWD, oldPath, unix.AT_FDCWD, newPath, uint(flags)); err != nil {
		return fs.ToErrno(err)
	}
	n.f.names = append(n.f.names, change{inode(to.path()), func() error {
		if inode(newPath) != ino {
			return nil
		}
		if err := os.Rename(newPath, oldPath); err != nil {
			// Its old directory is not there any more.
			return os.Remove(newPath)
		}
		if buried != "" {
			return raise(buried, newPath)
		}
		return nil
	}})
	return 0
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.gate("link", name); e != 0 {
		return nil, e
	}
	path := filepath.Join(n.path(), name)
	in, e := n.LoopbackNode.Link(ctx, target, name, out)
	if e == 0 {
		n.f.mu.Lock()
		defer n.f.mu.Unlock()
		n.f.names = append(n.f.names, change{inode(n.path()), func() error { return os.Remove(path) }})
	}
	return in, e
}

// CopyFileRange implements fs.NodeCopyFileRanger: the kernel copies by writing.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}

// OpendirHandle implements fs.NodeOpendirHandler.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fh, fl, e := n.LoopbackNode.OpendirHandle(ctx, flags)
	if e != 0 {
		return fh, fl, e
	}
	return &dirHandle{fh.(stream), n}, fl, 0
}

// stream is what the loopback's directories can do.
type stream interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileReleasedirer
}

// dirHandle is an open directory.
type dirHandle struct {
	stream
	n *node
}

// Fsyncdir implements fs.FileFsyncdirer.
func (d *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno {
	if e := d.n.gate("fsyncdir", ""); e != 0 {
		return e
	}
	d.n.f.syncedDir(inode(d.n.path()))
	return 0
}

// handle is an open file.
type handle struct {
	*fs.LoopbackFile
	f    *fsys
	path string
	ino  uint64
}

// PassthroughFd hides the file from the kernel, which would write past us.
func (h *handle) PassthroughFd() (int, bool) { return 0, false }

// Write implements fs.FileWriter.
func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if !volatile(h.path) {
		if e := h.f.gate("write", h.path); e != 0 {
			return 0, e
		}
		h.f.mu.Lock()
		if inode(h.path) == h.ino {
			h.f.changing(h.path)
		}
		h.f.mu.Unlock()
	}
	return h.LoopbackFile.Write(ctx, data, off)
}

// Allocate implements fs.FileAllocater.
func (h *handle) Allocate(context.Context, uint64, uint64, uint32) syscall.Errno {
	return syscall.ENOTSUP
}

// Fsync implements fs.FileFsyncer.
func (h *handle) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	if volatile(h.path) {
		return 0
	}
	if e := h.f.gate("fsync", h.path); e != 0 {
		return e
	}
	h.f.synced(h.ino)
	return 0
}
