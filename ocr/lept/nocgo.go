//go:build !cgo

// Package lept needs cgo; this build has none, so every operation fails.
package lept

import (
	"errors"
	"image"
)

var errNoCgo = errors.New("this binary was built without OCR (CGO_ENABLED=0)")

// Shapes is what the components of a page look like.
type Shapes struct{ Marks, Bars, Squares, Finders, Stripes int }

// Pix cannot be made in this build.
type Pix struct{}

func Quiet()                                      {}
func Decode([]byte) (*Pix, error)                 { return nil, errNoCgo }
func FromGray(*image.Gray) (*Pix, error)          { return nil, errNoCgo }
func (p *Pix) Close()                             {}
func (p *Pix) Width() int                         { return 0 }
func (p *Pix) Height() int                        { return 0 }
func (p *Pix) Depth() int                         { return 0 }
func (p *Pix) Gray() (*Pix, error)                { return nil, errNoCgo }
func (p *Pix) Half() (*Pix, error)                { return nil, errNoCgo }
func (p *Pix) Scale(float64) (*Pix, error)        { return nil, errNoCgo }
func (p *Pix) ScaleXY(_, _ float64) (*Pix, error) { return nil, errNoCgo }
func (p *Pix) Turn(int) (*Pix, error)             { return nil, errNoCgo }
func (p *Pix) Normalize() (*Pix, error)           { return nil, errNoCgo }
func (p *Pix) Otsu() (*Pix, error)                { return nil, errNoCgo }
func (p *Pix) Threshold(int) (*Pix, error)        { return nil, errNoCgo }
func (p *Pix) Specks(_, _ int) (*Pix, error)      { return nil, errNoCgo }
func (p *Pix) Skew() (float64, bool)              { return 0, false }
func (p *Pix) Rotate(float64) (*Pix, error)       { return nil, errNoCgo }
func (p *Pix) Orientation(bool) (int, bool)       { return 0, false }
func (p *Pix) Solid(int) (int, error)             { return 0, errNoCgo }
func (p *Pix) Lines() float64                     { return 1 }
func (p *Pix) Image() *image.Gray                 { return image.NewGray(image.Rectangle{}) }
func (p *Pix) SetDPI(_, _ int)                    {}
func (p *Pix) PNM() ([]byte, error)               { return nil, errNoCgo }
func (p *Pix) TIFF(string) ([]byte, error)        { return nil, errNoCgo }
func FromRGBA(*image.RGBA) (*Pix, error)          { return nil, errNoCgo }
func (p *Pix) Reduce() (*Pix, error)              { return nil, errNoCgo }
func (p *Pix) Unframe(_, _ int) (*Pix, error)     { return nil, errNoCgo }
func (p *Pix) Sauvola() (*Pix, error)             { return nil, errNoCgo }
func (p *Pix) Median() (*Pix, error)              { return nil, errNoCgo }

// Boxes stands for the components of an image.
type Boxes struct{}

func (p *Pix) Boxes() (*Boxes, error)                                   { return nil, errNoCgo }
func (p *Pix) Without(*Boxes) (*Pix, error)                             { return nil, errNoCgo }
func (p *Pix) Third() (*Pix, error)                                     { return nil, errNoCgo }
func (b *Boxes) Close()                                                 {}
func (b *Boxes) Count() int                                             { return 0 }
func (b *Boxes) Larger(_, _ int) int                                    { return 0 }
func (b *Boxes) Heights() (h [200]int)                                  { return h }
func (b *Boxes) Shapes(_, _, _, _ int) (Shapes, error)                  { return Shapes{}, errNoCgo }
func (b *Boxes) Uncovered([]image.Rectangle, int, int) (float64, error) { return 0, errNoCgo }
