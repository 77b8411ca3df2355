// Package scan opens the files scanners deliver: TIFF, JPEG, JPEG 2000, PNG and
// PDF. It counts their sides, decodes one at a time, and hands out the images
// as they were encoded.
//
// It parses hostile input and runs in the worker only. Its invariant: limits
// are checked before memory is taken, an offset is never followed twice, and a
// file is never loaded whole where a page will do. Every failure that will
// fail again matches ocr.ErrFormat.
package scan

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"iter"
	"strconv"
	"strings"

	"chartvault/internal/pdf"
	"chartvault/ocr"
	"chartvault/ocr/lept"
)

// Limits of what is opened. A3 at 600 dpi is 70 million pixels.
const (
	MaxFile    = 2 << 30   // bytes
	MaxPages   = 5000      // sides a file
	MaxPixels  = 200 << 20 // a side
	MaxSide    = 32767     // pixels; beyond it Tesseract fails
	maxEncoded = 256 << 20 // bytes of one encoded page
)

// File is an open scan file.
type File interface {
	// Kind is "tiff", "jpeg", "jp2", "png" or "pdf".
	Kind() string
	// Pages is the number of sides, at least 1.
	Pages() int
	// Decode returns side n, counting from 1. The caller closes its Pix.
	Decode(n int) (Side, error)
	// Close releases what the file holds.
	Close() error
}

// Side is one decoded side.
type Side struct {
	Pix   *lept.Pix // the image as scanned
	Turn  int       // clockwise quarter turns to show it, as the file says
	DPIX  float64   // pixels an inch across; guessed when the file does not say
	DPIY  float64
	Words []ocr.Word // text of a born-digital page, in pixels of Pix; nil when the page is an image
}

// Images is a File whose sides are images that a PDF can carry as they are.
type Images interface {
	File
	// Image returns side n for a PDF, its turn, and whether it is the source's
	// own encoding; when not, the pixels are the same.
	Image(n int) (im pdf.Image, turn int, exact bool, err error)
	// Original writes the given sides in the file's own format and returns the
	// usual ending of its name.
	Original(w io.Writer, pages []int) (ext string, err error)
}

// Documents is a File that is a PDF.
type Documents interface {
	File
	// Extract writes the given sides as a PDF, with their texts, where they are
	// recognised, laid invisibly over them. It holds a few dozen at a time; an
	// error among them ends it.
	Extract(w io.Writer, pages iter.Seq2[ocr.DocumentPage, error]) error
}

// Pictures is a File whose sides can be drawn for a screen.
type Pictures interface {
	// Picture draws side n as it is displayed, in grays, at about so many dots an
	// inch, or fewer where it would not fit.
	Picture(n, dpi int) (*image.Gray, error)
}

// Options are what opening a file may need.
type Options struct {
	CacheDir  string   // where compiled code of the PDF engine lies; "" for nowhere
	Passwords []string // tried on an encrypted PDF
}

// Damaged is a File of which more was there than could be had.
type Damaged interface {
	// Damage says what is missing, in a technician's words; "" for nothing.
	Damage() string
}

// Open finds out what r holds and opens it. A PDF that cannot be opened any
// more is searched for the images that are whole.
func Open(r io.ReaderAt, size int64, o Options) (File, error) {
	if size == 0 {
		return nil, fmt.Errorf("open scan: %w: empty file", ocr.ErrFormat)
	}
	if size > MaxFile {
		return nil, fmt.Errorf("open scan: %w: %d bytes, limit %d", ocr.ErrLimit, size, int64(MaxFile))
	}
	head := make([]byte, min(size, 1024))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("open scan: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")),
		bytes.HasPrefix(head, []byte("II+\x00")), bytes.HasPrefix(head, []byte("MM\x00+")):
		return openTIFF(r, size)
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return openJPEG(r, size)
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return openPNG(r, size)
	case bytes.HasPrefix(head, []byte(ocr.BundleMagic)):
		return openBundle(r, size, o)
	case bytes.Contains(head, []byte("%PDF-")):
		f, err := openPDF(r, size, o)
		if errors.Is(err, ocr.ErrFormat) && !errors.Is(err, ocr.ErrPassword) {
			if s, serr := salvage(r, size); serr == nil {
				return s, nil
			}
		}
		return f, err
	case bytes.HasPrefix(head, []byte("\x00\x00\x00\x0cjP  \r\n\x87\n")), bytes.HasPrefix(head, []byte("\xff\x4f\xff\x51")):
		return openJP2(r, size)
	}
	return nil, fmt.Errorf("open scan: %w", ocr.ErrForeign)
}

// checkSize refuses what would not fit before anything is decoded.
func checkSize(w, h int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("%w: image of %d by %d pixels", ocr.ErrFormat, w, h)
	}
	if w > MaxSide || h > MaxSide || int64(w)*int64(h) > MaxPixels {
		return fmt.Errorf("%w: image of %d by %d pixels", ocr.ErrLimit, w, h)
	}
	return nil
}

// resolution returns usable dots an inch: what the file says where it is
// plausible, else what makes the image a letter page.
func resolution(x, y float64, w, h int) (float64, float64) {
	ok := func(v float64) bool { return v >= 50 && v <= 2400 }
	switch {
	case ok(x) && ok(y):
		return x, y
	case ok(x):
		return x, x
	case ok(y):
		return y, y
	}
	guess := min(max(float64(min(w, h))/8.5, 50), 1200)
	return guess, guess
}

// decode turns encoded bytes into a Pix.
func decode(data []byte) (*lept.Pix, error) {
	p, err := lept.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode: %w: %w", ocr.ErrFormat, err)
	}
	if err := checkSize(p.Width(), p.Height()); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// recode returns a decoded image for a PDF without loss: bilevel as Group 4,
// the rest as deflated samples.
func recode(p *lept.Pix) (pdf.Image, error) {
	if p.Depth() == 1 {
		b, err := p.TIFF("g4")
		if err != nil {
			return pdf.Image{}, err
		}
		t, err := openTIFF(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return pdf.Image{}, err
		}
		im, _, _, err := t.Image(1)
		return im, err
	}
	b, err := p.PNM()
	if err != nil {
		return pdf.Image{}, err
	}
	magic, w, h, err := pnmHead(b)
	if err != nil {
		return pdf.Image{}, err
	}
	space, n := "/DeviceGray", 1
	if magic == "P6" {
		space, n = "/DeviceRGB", 3
	}
	if len(b) < w*h*n {
		return pdf.Image{}, fmt.Errorf("recode: short samples: %w", ocr.ErrFormat)
	}
	return pdf.Image{Width: w, Bits: 8, ColorSpace: space, Filter: "/FlateDecode",
		Strips: []pdf.Strip{{Rows: h, Data: pdf.Deflate(b[len(b)-w*h*n:])}}}, nil
}

// pnmHead reads the head of a binary PGM or PPM of 8 bits a sample. Lines that
// begin with '#' are comments.
func pnmHead(b []byte) (magic string, w, h int, err error) {
	var fields []string
	for line := range bytes.Lines(b[:min(len(b), 512)]) {
		if line[0] != '#' {
			fields = append(fields, strings.Fields(string(line))...)
		}
		if len(fields) >= 4 {
			break
		}
	}
	if len(fields) < 4 || fields[0] != "P5" && fields[0] != "P6" || fields[3] != "255" {
		return "", 0, 0, fmt.Errorf("recode: unexpected samples: %w", ocr.ErrFormat)
	}
	w, werr := strconv.Atoi(fields[1])
	h, herr := strconv.Atoi(fields[2])
	return fields[0], w, h, errors.Join(werr, herr)
}

// single is what the one-image formats share.
type single struct {
	data       []byte
	w, h       int
	turn       int
	dpix, dpiy float64
	ext        string
}

func (s *single) Pages() int   { return 1 }
func (s *single) Close() error { return nil }

func (s *single) Decode(int) (Side, error) {
	p, err := decode(s.data)
	if err != nil {
		return Side{}, err
	}
	return Side{Pix: p, Turn: s.turn, DPIX: s.dpix, DPIY: s.dpiy}, nil
}

// pixels is the image for a PDF where its own encoding does not fit one.
func (s *single) pixels() (im pdf.Image, turn int, exact bool, err error) {
	p, err := decode(s.data)
	if err != nil {
		return pdf.Image{}, 0, false, err
	}
	defer p.Close()
	im, err = recode(p)
	return im, 0, false, err
}

// Original writes the file: it is its only side.
func (s *single) Original(w io.Writer, _ []int) (string, error) {
	_, err := w.Write(s.data)
	return s.ext, err
}

func readWhole(r io.ReaderAt, size int64) ([]byte, error) {
	if size > maxEncoded {
		return nil, fmt.Errorf("open image: %w: %d bytes, limit %d", ocr.ErrLimit, size, maxEncoded)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), b); err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	return b, nil
}
