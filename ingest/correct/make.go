package correct

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"io/fs"
	"slices"

	"chartvault/archive"
	"chartvault/archive/seal"
	"chartvault/ocr"
	"chartvault/record"
)

// maxPreview bounds a preview, in pixels: a page at 100 dpi.
const maxPreview = 1 << 24

// Maker makes the documents of corrections.
type Maker struct {
	Archive *archive.Archive
	Reader  ocr.Reader
}

// Make deposits the documents of a correction that are not yet stored, of
// sources as they are filed now. It may be repeated.
func (m *Maker) Make(ctx context.Context, c Correction, sources map[record.ID]record.Document) error {
	for _, r := range c.Results {
		if err := m.result(ctx, c, r, sources); err != nil {
			return fmt.Errorf("correction %s: document %s: %w", c.ID, r.ID, err)
		}
	}
	return nil
}

// filed is how a result is filed: as its pages were, with what was doubted of
// them, unless a person said otherwise. Of several dates it has the latest, so
// that no page is kept for a shorter time than before.
func filed(c Correction, r Result, sources map[record.ID]record.Document) seal.Manifest {
	man := seal.Manifest{ID: r.ID, Chart: r.Chart, Type: r.Type, State: record.DocumentFiled}
	for _, p := range r.Pages {
		d := sources[p.Document]
		if man.Batch.IsZero() {
			man.Batch, man.FiledAt = d.Batch, d.FiledAt
		}
		if d.ServiceDate.After(man.ServiceDate) {
			man.ServiceDate = d.ServiceDate
		}
		if c.Moves(r) {
			continue
		}
		if d.State == record.DocumentQA {
			man.State = record.DocumentQA
		}
		for _, x := range d.Doubts {
			if !slices.Contains(man.Doubts, x) {
				man.Doubts = append(man.Doubts, x)
			}
		}
	}
	if !r.Date.IsZero() {
		man.ServiceDate = r.Date
	}
	if r.Chart == "" && len(man.Doubts) == 0 {
		man.State, man.Doubts = record.DocumentQA, []record.Doubt{record.DoubtNoChartNumber}
	}
	return man
}

func (m *Maker) result(ctx context.Context, c Correction, r Result, sources map[record.ID]record.Document) error {
	if _, err := m.Archive.Load(ctx, r.ID, 1); err == nil {
		return nil
	}
	j := &job{Maker: m, result: r}
	defer j.close()
	for _, p := range r.Pages {
		if err := j.source(ctx, p.Document, sources[p.Document].Version); err != nil {
			return err
		}
	}
	man := filed(c, r, sources)
	man.Batch, man.Facility = j.sources[0].Manifest.Batch, j.sources[0].Manifest.Facility
	for _, p := range r.Pages {
		page := j.of(p.Document).Manifest.Pages[p.Number-1]
		if slices.Contains(page.Doubts, record.DoubtUnreadPage) {
			return fmt.Errorf("page %d of %s could not be read, and cannot be put together anew: scan it again: %w", p.Number, p.Document, record.ErrUnreadable)
		}
		var err error
		if page.Text, err = turned(page.Text, p.Turn); err != nil {
			return fmt.Errorf("text of page %d of %s: %w", p.Number, p.Document, record.ErrCorrupt)
		}
		man.Pages = append(man.Pages, page)
	}
	_, err := m.Archive.Deposit(ctx, man, func(zw *zip.Writer, man *seal.Manifest) error { return j.write(ctx, zw, man) })
	return err
}

// job makes one document.
type job struct {
	*Maker
	result  Result
	sources []*source
}

// source is an open source: its package, verified to the end.
type source struct {
	*archive.Stored
	*archive.Package
	before int // pages of sources before it in the bundle
}

func (j *job) of(id record.ID) *source {
	for _, s := range j.sources {
		if s.Manifest.ID == id {
			return s
		}
	}
	return nil
}

func (j *job) source(ctx context.Context, id record.ID, version int) error {
	if j.of(id) != nil {
		return nil
	}
	stored, pkg, err := j.Archive.OpenWhole(ctx, id, version)
	if err != nil {
		return err
	}
	before := 0
	for _, s := range j.sources {
		before += len(s.Manifest.Pages)
	}
	j.sources = append(j.sources, &source{stored, pkg, before})
	if pkg.Size("document.pdf") < 0 {
		return fmt.Errorf("document %s has pages that could not be read, and cannot be put together anew: scan it again: %w", id, record.ErrUnreadable)
	}
	return nil
}

func (j *job) close() {
	for _, s := range j.sources {
		s.Close() // read-only
	}
}

// write writes the members of the package: the PDF, the previews, and the pages
// in their own format where a source keeps them so.
func (j *job) write(ctx context.Context, zw *zip.Writer, man *seal.Manifest) error {
	if err := j.pdf(ctx, zw, man); err != nil {
		return err
	}
	for i, p := range j.result.Pages {
		if err := j.preview(zw, i+1, p); err != nil {
			return err
		}
	}
	return j.originals(ctx, zw, man)
}

func (j *job) pdf(ctx context.Context, zw *zip.Writer, man *seal.Manifest) error {
	var parts []ocr.Part
	for _, s := range j.sources {
		parts = append(parts, ocr.Part{Size: s.Size("document.pdf"), Write: func(w io.Writer) error { return s.Copy("document.pdf", w) }})
	}
	f, err := ocr.InMemory(func(w io.Writer) error { return ocr.WriteBundle(w, parts) })
	if err != nil {
		return err
	}
	defer f.Close() // it was memory
	w, err := seal.AddPart(zw, "document.pdf")
	if err != nil {
		return err
	}
	h, rest := sha256.New(), j.result.Pages
	_, err = j.Reader.Document(ctx, ocr.Source{Key: j.result.ID.String(), File: f, Pages: len(rest)}, func() (ocr.DocumentPage, error) {
		if len(rest) == 0 {
			return ocr.DocumentPage{}, io.EOF
		}
		p := rest[0]
		rest = rest[1:]
		// The text is in the page already.
		return ocr.DocumentPage{Number: j.of(p.Document).before + p.Number, Text: ocr.PageText{Turn: p.Turn, Origin: ocr.FromFile}}, nil
	}, io.MultiWriter(w, h))
	man.PDF = h.Sum(nil)
	return err
}

func (j *job) preview(zw *zip.Writer, n int, p Page) error {
	var b bytes.Buffer
	err := j.of(p.Document).Copy(fmt.Sprintf("preview/%04d.png", p.Number), &b)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.Turn != 0 {
		if err := turnPNG(&b, p.Turn); err != nil {
			return fmt.Errorf("preview of page %d of %s: %w", p.Number, p.Document, err)
		}
	}
	w, err := seal.AddPart(zw, fmt.Sprintf("preview/%04d.png", n))
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// original is where pages lie in their own format: a member of a source's
// package, and which of its pages, each with its place in the result.
type original struct {
	of     *source
	member string
	pages  []int // in the member, from 1
	places []int // of them in the result, from 0
}

// kept lists the originals of the result's pages.
func (j *job) kept() (out []original) {
	for i, p := range j.result.Pages {
		s := j.of(p.Document)
		member, page := "source.original", p.Number
		if o := s.Manifest.Pages[p.Number-1].Original; o != nil {
			member, page = o.Member, o.Page
		} else if s.Size(member) < 0 || slices.ContainsFunc(s.Manifest.Pages, func(p seal.Page) bool { return p.Original != nil }) {
			continue // the PDF carries it as it is
		}
		k := slices.IndexFunc(out, func(o original) bool { return o.of == s && o.member == member })
		if k < 0 {
			out = append(out, original{of: s, member: member})
			k = len(out) - 1
		}
		out[k].pages, out[k].places = append(out[k].pages, page), append(out[k].places, i)
	}
	return out
}

// originals keeps pages in their own format where a source does, and notes in
// the manifest where each lies.
func (j *job) originals(ctx context.Context, zw *zip.Writer, man *seal.Manifest) error {
	for i := range man.Pages {
		man.Pages[i].Original = nil
	}
	for i, o := range j.kept() {
		f, err := ocr.InMemory(func(w io.Writer) error { return o.of.Copy(o.member, w) })
		if err != nil {
			return err
		}
		name := "source.original"
		if i > 0 {
			name = fmt.Sprintf("source-%d.original", i+1)
		}
		w, err := seal.AddPart(zw, name)
		if err == nil {
			_, err = j.Reader.Original(ctx, ocr.Source{Key: fmt.Sprintf("%s-%d", j.result.ID, i), File: f, Pages: len(o.pages)}, o.pages, w)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		for k, place := range o.places {
			man.Pages[place].Original = &seal.Original{Member: name, Page: k + 1}
		}
	}
	return nil
}

// turned is a page's text after clockwise quarter turns.
func turned(text json.RawMessage, turn int) (json.RawMessage, error) {
	if turn == 0 || len(text) == 0 {
		return text, nil
	}
	var t ocr.PageText
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	return json.Marshal(t.Turned(turn))
}

// turnPNG turns a preview clockwise by quarter turns.
func turnPNG(b *bytes.Buffer, turn int) error {
	c, err := png.DecodeConfig(bytes.NewReader(b.Bytes()))
	if err != nil || c.Width*c.Height > maxPreview {
		return errors.Join(record.ErrCorrupt, err)
	}
	im, err := png.Decode(b)
	if err != nil {
		return errors.Join(record.ErrCorrupt, err)
	}
	in := image.NewNRGBA(image.Rect(0, 0, c.Width, c.Height))
	draw.Draw(in, in.Bounds(), im, im.Bounds().Min, draw.Src)
	for range turn {
		w, h := in.Bounds().Dx(), in.Bounds().Dy()
		out := image.NewNRGBA(image.Rect(0, 0, h, w))
		for y := range h {
			for x := range w {
				out.SetNRGBA(h-1-y, x, in.NRGBAAt(x, y))
			}
		}
		in = out
	}
	b.Reset()
	gray := image.NewGray(in.Bounds())
	draw.Draw(gray, gray.Bounds(), in, image.Point{}, draw.Src)
	return png.Encode(b, gray)
}
