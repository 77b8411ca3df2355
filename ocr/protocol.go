package ocr

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Request is what the pool sends a worker over its socket; the source's file
// descriptor travels beside it. Only the worker package reads it.
type Request struct {
	Op        string   `json:"op"` // "probe", "page", "picture", "document" or "original"
	Source    string   `json:"source"`
	Passwords []string `json:"passwords,omitempty"`
	Page      int      `json:"page,omitempty"`
	Pages     []int    `json:"pages,omitempty"`
	Options   *Options `json:"options,omitempty"`
	Lock      string   `json:"lock,omitempty"` // the password a document is encrypted with; "" for none
}

// Frame kinds of a worker's answers, and of the page texts that follow a
// document request.
const (
	FrameResult = 'r' // JSON: the answer, and its end
	FrameData   = 'd' // bytes of a stream
	FrameError  = 'e' // JSON: Failure, and the end
	FramePage   = 'p' // JSON: DocumentPage, from the pool
	FrameEnd    = 'z' // no more pages
)

// Failure is a worker's error as it crosses the pipe.
type Failure struct {
	Format  bool   `json:"format"` // it will fail again: ErrFormat
	Why     Why    `json:"why"`    // of an ErrFormat
	Engine  bool   `json:"engine"` // it is about the machine: ErrEngine
	Message string `json:"message"`
}

// maxFrame bounds one frame, in bytes.
const maxFrame = 256 << 20

// WriteFrame sends one frame: kind, length as 4 bytes big-endian, payload.
func WriteFrame(w io.Writer, kind byte, payload []byte) error {
	head := [5]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(payload)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// WriteJSON sends v as one frame.
func WriteJSON(w io.Writer, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteFrame(w, kind, b)
}

// ReadFrame receives one frame. A length over the limit is an error before
// anything is allocated; the buffer grows only with what arrives.
func ReadFrame(r io.Reader) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("frame of %d bytes: %w", n, ErrOutput)
	}
	payload, err = io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(payload) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], payload, err
}
