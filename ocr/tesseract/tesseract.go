//go:build cgo

// Package tesseract reads the words of a page image with Tesseract through
// gosseract. It belongs in the worker process: gosseract redirects the whole
// process's standard error while it starts, and Tesseract can crash.
//
// The invariants that answer gosseract's known traps: exactly one recognition
// a page (GetBoundingBoxesVerbose); page segmentation set as a variable,
// because a mode set before the first recognition is lost; the resolution
// always given, because an image without one is read as 70 dpi; no image with
// a side over MaxSide, on which Tesseract dereferences NULL; and the image
// handed over as it lies in memory, neither encoded nor decoded again.
package tesseract

/*
#cgo pkg-config: tesseract
#include <stdlib.h>
#include <tesseract/capi.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/otiai10/gosseract/v2"

	"chartvault/ocr"
)

// Engine is one Tesseract client. It is not safe for concurrent use.
type Engine struct {
	client *gosseract.Client
	last   Look
}

// New returns an engine for the given languages ("eng"); the models are
// Debian's. It loads them at the first page.
func New(languages ...string) (*Engine, error) {
	e := &Engine{client: gosseract.NewClient()}
	if err := e.client.SetLanguage(languages...); err != nil {
		return nil, fmt.Errorf("start tesseract: %w", err)
	}
	for k, v := range map[gosseract.SettableVariable]string{
		"tessedit_pageseg_mode": "3",
		"debug_file":            "/dev/null",
	} {
		if err := e.client.SetVariable(k, v); err != nil {
			return nil, fmt.Errorf("start tesseract: %w", err)
		}
	}
	return e, nil
}

// Version returns Tesseract's version.
func Version() string { return gosseract.Version() }

// Image is a Leptonica image, which stays its owner's.
type Image interface {
	Width() int
	Height() int
	Pointer() unsafe.Pointer // Leptonica's PIX
}

// Read recognises an image. Boxes are in its pixels.
func (e *Engine) Read(img Image, look Look) ([]ocr.Word, error) {
	w, h := img.Width(), img.Height()
	if w <= 0 || h <= 0 || w > MaxSide || h > MaxSide {
		return nil, fmt.Errorf("read page: image of %d by %d pixels", w, h)
	}
	if err := e.set(look); err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	if err := e.hold(img.Pointer()); err != nil {
		return nil, fmt.Errorf("read page: %w: %w", ocr.ErrEngine, err)
	}
	boxes, err := e.client.GetBoundingBoxesVerbose()
	if herr := e.hold(nil); herr != nil && err == nil { // gosseract would free it
		err = herr
	}
	if err != nil { // it fails only while it loads its model
		return nil, fmt.Errorf("read page: %w: %w", ocr.ErrEngine, err)
	}
	words := make([]ocr.Word, 0, len(boxes))
	line, last := -1, [3]int{-1, -1, -1}
	for _, b := range boxes {
		if strings.TrimSpace(b.Word) == "" || b.Box.Empty() { // ruled lines come as blanks
			continue
		}
		if at := [3]int{b.BlockNum, b.ParNum, b.LineNum}; at != last {
			line, last = line+1, at
		}
		words = append(words, ocr.Word{Text: b.Word, Box: b.Box, Confidence: int(b.Confidence), Line: line})
	}
	return words, nil
}

// hold gives gosseract an image it does not own. It offers files and encoded
// bytes only; both cost a second encoding and decoding of every page.
func (e *Engine) hold(pix unsafe.Pointer) error {
	f := reflect.ValueOf(e.client).Elem().FieldByName("pixImage")
	if !f.IsValid() || f.Kind() != reflect.UnsafePointer {
		return errors.New("this version of gosseract keeps its image elsewhere")
	}
	*(*unsafe.Pointer)(f.Addr().UnsafePointer()) = pix
	return nil
}

func (e *Engine) set(look Look) error {
	if look.DPI != e.last.DPI {
		if err := e.client.SetVariable("user_defined_dpi", strconv.Itoa(look.DPI)); err != nil {
			return err
		}
	}
	if first := e.last.DPI == 0; first || look.White != e.last.White {
		invert := "0"
		if look.White {
			invert = "1"
		}
		if err := e.client.SetVariable("tessedit_do_invert", invert); err != nil {
			return err
		}
	}
	e.last = look
	return nil
}

// Known reports whether a word is in the dictionary of the language model.
// gosseract does not offer the question, so it is asked of Tesseract itself
// through the handle that gosseract holds; it must have read a page before.
func (e *Engine) Known(word string) bool {
	api := reflect.ValueOf(e.client).Elem().FieldByName("api").UnsafePointer()
	if api == nil || word == "" {
		return false
	}
	w := C.CString(word)
	defer C.free(unsafe.Pointer(w))
	return C.TessBaseAPIIsValidWord((*C.TessBaseAPI)(api), w) != 0
}

// Close frees the engine.
func (e *Engine) Close() error { return e.client.Close() }
