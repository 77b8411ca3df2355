package scan

import (
	"bytes"
	"fmt"
	"io"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// salvaged is what is left of a PDF that no longer opens: the JPEG images that
// are whole, in the order they lie in the file, which is that of the pages in
// what scanners write.
type salvaged struct{ images []*jpegFile }

// leastSide is how many pixels an image has to be wide and high to be a page:
// smaller ones are logos.
const leastSide = 400

// salvage searches a broken PDF for page images.
func salvage(r io.ReaderAt, size int64) (File, error) {
	b, err := readWhole(r, size)
	if err != nil {
		return nil, err
	}
	s := &salvaged{}
	for at := 0; len(s.images) < MaxPages; {
		i := bytes.Index(b[at:], []byte("stream"))
		if i < 0 {
			break
		}
		at += i + len("stream")
		body := bytes.TrimLeft(b[at:min(at+2, len(b))], "\r\n")
		start := at + min(2, len(b)-at) - len(body)
		if start+3 > len(b) || !bytes.HasPrefix(b[start:], []byte("\xff\xd8\xff")) {
			continue
		}
		end := bytes.Index(b[start:], []byte("endstream"))
		if end < 0 {
			break // the last one is cut off
		}
		f, err := openJPEG(bytes.NewReader(b[start:start+end]), int64(end))
		if j, ok := f.(*jpegFile); err == nil && ok && j.w >= leastSide && j.h >= leastSide {
			s.images = append(s.images, j)
		}
		at = start + end
	}
	if len(s.images) == 0 {
		return nil, fmt.Errorf("open pdf: %w: nothing in it is whole", ocr.ErrFormat)
	}
	return s, nil
}

// Kind implements File.
func (s *salvaged) Kind() string { return "pdf" }

// Pages implements File.
func (s *salvaged) Pages() int { return len(s.images) }

// Close implements File.
func (s *salvaged) Close() error { return nil }

// Damage implements Damaged.
func (s *salvaged) Damage() string { return "the PDF is broken; the images that are whole were saved" }

func (s *salvaged) image(n int) (*jpegFile, error) {
	if n < 1 || n > len(s.images) {
		return nil, fmt.Errorf("salvaged page %d of %d: %w", n, len(s.images), ocr.ErrFormat)
	}
	return s.images[n-1], nil
}

// Decode implements File.
func (s *salvaged) Decode(n int) (Side, error) {
	f, err := s.image(n)
	if err != nil {
		return Side{}, err
	}
	return f.Decode(1)
}

// Image implements Images.
func (s *salvaged) Image(n int) (pdf.Image, int, bool, error) {
	f, err := s.image(n)
	if err != nil {
		return pdf.Image{}, 0, false, err
	}
	return f.Image(1)
}

// Original implements Images: there is no format that holds several JPEGs, and
// each is in the document's PDF as it is.
func (s *salvaged) Original(io.Writer, []int) (string, error) {
	return "", fmt.Errorf("salvaged pages: %w: they have no file of their own", ocr.ErrFormat)
}
