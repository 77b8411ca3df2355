package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// front stands before a server and can be cut off from it, as by a pulled
// cable.
type front struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	off   bool
	conns map[net.Conn]bool
}

func newFront(t *testing.T, to string) *front {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{ln: ln, to: to, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { ln.Close(); f.cut() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go f.carry(c)
		}
	}()
	return f
}

func (f *front) addr() string { return f.ln.Addr().String() }

func (f *front) carry(c net.Conn) {
	defer c.Close()
	f.mu.Lock()
	off := f.off
	f.mu.Unlock()
	if off {
		return
	}
	s, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer s.Close()
	f.mu.Lock()
	f.conns[c], f.conns[s] = true, true
	f.mu.Unlock()
	go func() { io.Copy(s, c); s.Close() }()
	io.Copy(c, s)
}

func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	for c := range f.conns {
		c.Close()
	}
	f.conns = map[net.Conn]bool{}
}

func (f *front) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = false
}

// syncBuffer collects what several write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
