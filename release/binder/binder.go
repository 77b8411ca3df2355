// Package binder makes packages of requests: cover, index and the chosen pages,
// each stamped with the request and its place, what is blacked out burnt in, as
// one PDF, or that in a ZIP file, in clear, with a password or to an age recipient.
//
// Its invariants: what it puts in is what the request chose, page for page, of
// documents that were verified to their end; a page of which something is blacked
// out goes in as an image of what is left, without text; and nothing of a package
// is ever in a file: it is made in memory, by the reading process and this one.
//
// It stores nothing.
package binder

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"chartvault/archive"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/release"
)

// Formats of packages.
const (
	PDF = "pdf"
	ZIP = "zip"
)

// most bounds the sealed documents of one package, in bytes: it is made in memory.
const most = 1 << 30

// Writer writes the pages of a PDF or a bundle; ocr.Pool is one.
type Writer interface {
	Bind(ctx context.Context, src ocr.Source, password string, next func() (ocr.DocumentPage, error), w io.Writer) error
}

// Binder makes packages.
type Binder struct {
	Archive *archive.Archive
	Writer  Writer
	Now     func() time.Time
}

// Wish is how a package is to be.
type Wish struct {
	Format    string // PDF or ZIP
	Password  string // of the PDF; "" for none
	Recipient string // an age recipient the whole is encrypted to; "" for none
}

// minPassword is how long a package's password is, in characters: it guards a
// file that may be copied.
const minPassword = 12

// Check refuses a wish that cannot be had: record.ErrInvalid.
func (w Wish) Check() error {
	switch {
	case w.Format != PDF && w.Format != ZIP:
		return fmt.Errorf("package: %w: it is pdf or zip", record.ErrInvalid)
	case w.Password != "" && w.Recipient != "":
		return fmt.Errorf("package: %w: a password or an age recipient, not both", record.ErrInvalid)
	case w.Password != "" && len([]rune(w.Password)) < minPassword:
		return fmt.Errorf("package: %w: a password has at least %d characters", record.ErrInvalid, minPassword)
	case w.Recipient != "":
		_, err := recipient(w.Recipient)
		return err
	}
	return nil
}

func recipient(s string) (age.Recipient, error) {
	rs, err := age.ParseRecipients(strings.NewReader(s))
	if err != nil || len(rs) != 1 {
		return nil, fmt.Errorf("package: %w: this is not one age recipient (age1...)", record.ErrInvalid)
	}
	return rs[0], nil
}

// Bound is a package that was made. The caller closes it.
type Bound struct {
	*os.File // in memory, at its beginning
	Name     string
	Package  release.Package
	Used     []*archive.Stored // the documents that are in it
}

// Bind makes the package of a request. versions are those of the chosen
// documents as they are filed.
func (b *Binder) Bind(ctx context.Context, front release.Front, versions map[record.ID]int, wish Wish) (*Bound, error) {
	if err := wish.Check(); err != nil {
		return nil, err
	}
	j := &job{Binder: b, front: front}
	defer j.close()
	for _, c := range front.Request.Chosen {
		if err := j.open(ctx, c, versions[c.Document]); err != nil {
			return nil, fmt.Errorf("package of request %s: %w", front.Request.ID, err)
		}
	}
	out, err := j.bind(ctx, wish)
	if err != nil {
		return nil, fmt.Errorf("package of request %s: %w", front.Request.ID, err)
	}
	return out, nil
}

// Plain makes a package of a PDF that is made elsewhere, such as an accounting.
func (b *Binder) Plain(ctx context.Context, id string, pdf []byte, pages int, wish Wish) (*Bound, error) {
	if err := wish.Check(); err != nil {
		return nil, err
	}
	j := &job{Binder: b, front: release.Front{Request: release.Request{ID: id}}, cover: pdf, pages: pages}
	out, err := j.bind(ctx, wish)
	if err != nil {
		return nil, fmt.Errorf("package of request %s: %w", id, err)
	}
	return out, nil
}

// job makes one package.
type job struct {
	*Binder
	front release.Front
	docs  []document
	size  int64
	cover []byte // cover and index, as PDF
	pages int    // of them
}

// document is a chosen document, verified to its end.
type document struct {
	*archive.Stored
	*archive.Package
	choice release.Choice
}

func (j *job) close() {
	for _, d := range j.docs {
		d.Close() // read-only
	}
}

func (j *job) open(ctx context.Context, c release.Choice, version int) error {
	stored, pkg, err := j.Archive.OpenWhole(ctx, c.Document, version)
	if err != nil {
		return err
	}
	d := document{Stored: stored, Package: pkg, choice: c}
	j.docs = append(j.docs, d)
	if n := pkg.Size("document.pdf"); n < 0 {
		return fmt.Errorf("document %s has pages that could not be read: %w", c.Document, record.ErrUnreadable)
	} else if j.size += n; j.size > most {
		return fmt.Errorf("%w: it would hold more than %d MiB: release it in parts", record.ErrInvalid, most>>20)
	}
	for _, p := range c.Pages {
		if p < 1 || p > len(stored.Manifest.Pages) {
			return fmt.Errorf("document %s has no page %d: %w", c.Document, p, record.ErrInvalid)
		}
	}
	return nil
}

// bind makes cover, index and pages, and wraps them.
func (j *job) bind(ctx context.Context, wish Wish) (*Bound, error) {
	if j.cover == nil {
		if err := j.face(); err != nil {
			return nil, err
		}
	}
	src, err := ocr.InMemory(j.bundle)
	if err != nil {
		return nil, err
	}
	defer src.Close() // it was memory
	pages, err := j.list()
	if err != nil {
		return nil, err
	}
	out := &Bound{Name: j.front.Request.ID + "." + wish.Format, Package: release.Package{Format: wish.Format, Pages: len(pages)}}
	for _, d := range j.docs {
		out.Used = append(out.Used, d.Stored)
	}
	write := func(w io.Writer) error {
		rest := pages
		next := func() (ocr.DocumentPage, error) {
			if len(rest) == 0 {
				return ocr.DocumentPage{}, io.EOF
			}
			p := rest[0]
			rest = rest[1:]
			return p, nil
		}
		// The key is of this package alone, so that no worker takes it for another.
		key := fmt.Sprintf("package-%s-%d", j.front.Request.ID, j.Now().UnixNano())
		return j.Writer.Bind(ctx, ocr.Source{Key: key, File: src, Pages: len(pages)}, wish.Password, next, w)
	}
	if wish.Format == ZIP {
		inner := write
		write = func(w io.Writer) error { return j.zip(w, inner, wish.Password == "") }
	}
	if wish.Recipient != "" {
		inner := write
		out.Name, out.Package.Format = out.Name+".age", wish.Format+", to an age recipient"
		write = func(w io.Writer) error { return sealed(w, wish.Recipient, inner) }
	}
	if wish.Password != "" {
		out.Package.Format += ", with a password"
	}
	h, n := sha256.New(), int64(0)
	out.File, err = ocr.InMemory(func(w io.Writer) error {
		return write(writerFunc(func(b []byte) (int, error) {
			h.Write(b) // never fails
			n += int64(len(b))
			return w.Write(b)
		}))
	})
	out.Package.SHA256, out.Package.Bytes = hex.EncodeToString(h.Sum(nil)), n
	return out, err
}

// face prints cover and index: once to see how many pages they have, and once
// with where everything stands.
func (j *job) face() error {
	for range 2 {
		j.front.Index = j.index(j.pages)
		var b bytes.Buffer
		n, err := j.front.Print(&b)
		if err != nil {
			return err
		}
		j.cover, j.pages = b.Bytes(), n
	}
	return nil
}

// index lists the documents; before is how many pages come before the first.
func (j *job) index(before int) []release.Entry {
	var out []release.Entry
	first := before + 1
	for _, d := range j.docs {
		m := d.Manifest
		e := release.Entry{Holding: release.Holding{ID: m.ID, Type: m.Type, Service: m.ServiceDate, Pages: len(m.Pages)}, Taken: d.choice.Pages, First: first}
		for _, h := range j.front.Index {
			if h.ID == m.ID { // as it is filed now
				e.Type, e.Service = h.Type, h.Service
			}
		}
		for _, p := range e.Taken {
			if len(j.front.Request.Black(m.ID, p)) > 0 {
				e.Black++
			}
		}
		first += len(e.Taken)
		out = append(out, e)
	}
	return out
}

func (j *job) bundle(w io.Writer) error {
	parts := []ocr.Part{{Size: int64(len(j.cover)), Write: func(w io.Writer) error { _, err := w.Write(j.cover); return err }}}
	for _, d := range j.docs {
		parts = append(parts, ocr.Part{Size: d.Size("document.pdf"), Write: func(w io.Writer) error { return d.Copy("document.pdf", w) }})
	}
	if len(parts) > ocr.MostBundled {
		return fmt.Errorf("%w: more than %d documents: release it in parts", record.ErrInvalid, ocr.MostBundled-1)
	}
	return ocr.WriteBundle(w, parts)
}

// list lists the package's pages.
func (j *job) list() ([]ocr.DocumentPage, error) {
	var out []ocr.DocumentPage
	for n := 1; n <= j.pages; n++ {
		out = append(out, ocr.DocumentPage{Number: n, Text: ocr.PageText{Origin: ocr.FromFile}, Made: true})
	}
	before := j.pages
	for _, d := range j.docs {
		for _, n := range d.choice.Pages {
			p := ocr.DocumentPage{Number: before + n, Text: ocr.PageText{Origin: ocr.FromFile}, Black: j.front.Request.Black(d.Manifest.ID, n)}
			if len(p.Black) > 0 {
				var t ocr.PageText
				if err := json.Unmarshal(d.Manifest.Pages[n-1].Text, &t); err != nil {
					return nil, fmt.Errorf("text of page %d of %s: %w", n, d.Manifest.ID, record.ErrCorrupt)
				}
				p.Text.Width, p.Text.Height = t.Width, t.Height
			}
			out = append(out, p)
		}
		before += len(d.Manifest.Pages)
	}
	for i := range out {
		out[i].Stamp = fmt.Sprintf("%s  page %d of %d", j.front.Request.ID, i+1, len(out))
	}
	return out, nil
}

// zip puts a PDF into a ZIP file, with its sum and, where the PDF can be read by
// whoever has the file, a list of what it holds.
func (j *job) zip(w io.Writer, pdf func(io.Writer) error, listed bool) error {
	zw := zip.NewWriter(w)
	name := j.front.Request.ID + ".pdf"
	add := func(name string, write func(io.Writer) error) error {
		f, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: j.Now().UTC()})
		if err != nil {
			return err
		}
		return write(f)
	}
	h := sha256.New()
	err := add(name, func(f io.Writer) error { return pdf(io.MultiWriter(f, h)) })
	if err != nil {
		return err
	}
	err = add("SHA256SUMS", func(f io.Writer) error { _, err := fmt.Fprintf(f, "%x  %s\n", h.Sum(nil), name); return err })
	if err == nil && listed {
		err = add("contents.csv", j.contents)
	}
	return errors.Join(err, zw.Close())
}

func (j *job) contents(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"page", "document", "date of service", "pages"})
	for _, e := range j.index(j.pages) {
		c.Write([]string{strconv.Itoa(e.First), release.Words(e.Type), e.Service.String(), record.FormatPages(e.Taken)})
	}
	c.Flush()
	return c.Error()
}

// sealed encrypts what write writes to an age recipient.
func sealed(w io.Writer, to string, write func(io.Writer) error) error {
	r, err := recipient(to)
	if err != nil {
		return err
	}
	a, err := age.Encrypt(w, r)
	if err != nil {
		return err
	}
	if err := write(a); err != nil {
		return err
	}
	return a.Close()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
