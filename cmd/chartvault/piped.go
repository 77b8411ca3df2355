package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"chartvault/internal/durable"
)

// pipedFile is a file that comes in pieces, through the durable writer. It has its
// name only when it is whole.
type pipedFile struct {
	pipe *io.PipeWriter
	done chan error
}

// writable reports whether a file of a name can be begun.
func writable(name string) error {
	probe := filepath.Join(filepath.Dir(name), ".chartvault-"+rand.Text())
	fi, err := os.Stat(filepath.Dir(name)) // the probe would make it
	if err == nil && !fi.IsDir() {
		err = errors.New("it is no directory")
	}
	if err == nil {
		_, err = durable.Create(probe, strings.NewReader(""), 0o600)
	}
	if err != nil {
		return fmt.Errorf("nothing can be written to the directory of %s: %w", name, err)
	}
	return durable.Remove(probe)
}

// pipeTo begins a file.
func pipeTo(name string) *pipedFile {
	r, w := io.Pipe()
	p := &pipedFile{w, make(chan error, 1)}
	go func() {
		_, err := durable.Replace(name, r, 0o600)
		r.CloseWithError(err)
		p.done <- err
	}()
	return p
}

// Write implements io.Writer.
func (p *pipedFile) Write(b []byte) (int, error) { return p.pipe.Write(b) }

// Close says that the file is whole, and waits until it has its name.
func (p *pipedFile) Close() error {
	p.pipe.Close()
	return <-p.done
}

// abandon drops a file that was cut short.
func (p *pipedFile) abandon() {
	p.pipe.CloseWithError(errors.New("cut short"))
	<-p.done
}
