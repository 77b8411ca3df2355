//go:build !cgo

// Package tesseract needs cgo; this build has none, so New fails.
package tesseract

import (
	"errors"

	"chartvault/ocr"
)

// Image is an image.
type Image interface {
	Width() int
	Height() int
}

// Engine cannot be made in this build.
type Engine struct{}

// New fails in this build.
func New(...string) (*Engine, error) {
	return nil, errors.New("this binary was built without OCR (CGO_ENABLED=0)")
}

// Version returns "none" in this build.
func Version() string { return "none" }

// Read cannot be called: New fails.
func (e *Engine) Read(Image, Look) ([]ocr.Word, error) { return nil, nil }

// Close does nothing.
func (e *Engine) Close() error { return nil }

// Known knows nothing.
func (*Engine) Known(string) bool { return false }
