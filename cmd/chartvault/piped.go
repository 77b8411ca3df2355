package main

import (
	"errors"
	"io"

	"chartvault/internal/durable"
)

// pipedFile is a file that comes in pieces, through the durable writer. It has its
// name only when it is whole.
type pipedFile struct {
	pipe *io.PipeWriter
	done chan error
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
