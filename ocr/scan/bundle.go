package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// bundle is several PDF files whose pages follow each other: documents of the
// archive, from which corrected ones are put together.
type bundle struct {
	*engine
	parts    []*pdfFile
	archival bool // every one of them says that it is PDF/A-2u
}

func openBundle(r io.ReaderAt, size int64, o Options) (_ File, err error) {
	head := make([]byte, 8*(1+ocr.MostBundled))
	at := int64(len(ocr.BundleMagic))
	n, err := r.ReadAt(head, at)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	if n < 8 {
		return nil, fmt.Errorf("open bundle: %w: cut short", ocr.ErrFormat)
	}
	count := binary.BigEndian.Uint64(head)
	if count == 0 || count > ocr.MostBundled || n < int(8*(1+count)) {
		return nil, fmt.Errorf("open bundle: %w: %d documents", ocr.ErrFormat, count)
	}
	e, err := startEngine(o.CacheDir)
	if err != nil {
		return nil, err
	}
	b := &bundle{engine: e, archival: true}
	defer func() {
		if err != nil {
			b.Close() // the opening error is the one to tell
		}
	}()
	at += int64(8 * (1 + count))
	for i := range int(count) {
		length := int64(binary.BigEndian.Uint64(head[8*(i+1):]))
		if length <= 0 || length > size-at {
			return nil, fmt.Errorf("open bundle: %w: document %d is cut short", ocr.ErrFormat, i+1)
		}
		part := io.NewSectionReader(r, at, length)
		f, err := e.openPDF(part, length, o.Passwords)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		b.parts = append(b.parts, f)
		says, err := saysArchival(part)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		b.archival = b.archival && says
		at += length
	}
	if b.Pages() > MaxPages {
		return nil, fmt.Errorf("open bundle: %w: %d pages", ocr.ErrLimit, b.Pages())
	}
	return b, nil
}

// saysArchival reports whether a PDF carries the mark of PDF/A-2u, which stands
// in clear in a file that conforms.
func saysArchival(r *io.SectionReader) (bool, error) {
	mark := []byte(pdf.ArchivalMark)
	buf := make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(buf) - len(mark)) {
		n, err := r.ReadAt(buf, at)
		if bytes.Contains(buf[:n], mark) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Kind implements File.
func (b *bundle) Kind() string { return "pdf" }

// Pages implements File.
func (b *bundle) Pages() int {
	n := 0
	for _, p := range b.parts {
		n += p.Pages()
	}
	return n
}

// find returns the part that has page n, and its number there.
func (b *bundle) find(n int) (*pdfFile, int, error) {
	rest := n
	for _, p := range b.parts {
		if rest <= p.Pages() && rest >= 1 {
			return p, rest, nil
		}
		rest -= p.Pages()
	}
	return nil, 0, fmt.Errorf("page %d of %d: %w", n, b.Pages(), ocr.ErrFormat)
}

// Decode implements File.
func (b *bundle) Decode(n int) (Side, error) {
	p, n, err := b.find(n)
	if err != nil {
		return Side{}, err
	}
	return p.Decode(n)
}

// Extract implements Documents. Pages of one part that follow each other are
// copied together.
func (b *bundle) Extract(w io.Writer, pages iter.Seq2[ocr.DocumentPage, error]) error {
	out, plain := newJoiner(w), true
	var from *pdfFile
	var some []ocr.DocumentPage
	flush := func() error {
		if len(some) == 0 {
			return nil
		}
		err := from.extract(out, some)
		some = nil
		return err
	}
	for p, err := range pages {
		if err != nil {
			return err
		}
		part, n, err := b.find(p.Number)
		if err != nil {
			return err
		}
		if part != from || len(some) == piece {
			if err := flush(); err != nil {
				return fmt.Errorf("extract pdf pages: %w", err)
			}
		}
		p.Number, from = n, part
		plain = plain && p.Plain()
		some = append(some, p)
	}
	if err := flush(); err != nil {
		return fmt.Errorf("extract pdf pages: %w", err)
	}
	if !out.begun() {
		return fmt.Errorf("extract pdf pages: %w: none asked for", ocr.ErrFormat)
	}
	out.archival = b.archival && plain
	return out.close()
}
