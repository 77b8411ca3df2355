package pdf

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Image is one page image in one or more horizontal strips.
type Image struct {
	Width      int
	Bits       int    // a component
	ColorSpace string // a PDF colour space: "/DeviceGray", "[/Indexed ...]"
	Filter     string // "/CCITTFaxDecode", "/DCTDecode", "/FlateDecode"
	Parms      string // the dictionary of DecodeParms; "%d" stands for a strip's rows; "" for none
	Decode     string // the Decode array; "" for the default
	Strips     []Strip
}

// Strip is a run of rows of an image, encoded.
type Strip struct {
	Rows int
	Data []byte
}

// Height is the number of rows.
func (im Image) Height() int {
	n := 0
	for _, s := range im.Strips {
		n += s.Rows
	}
	return n
}

// Page is one page to write.
type Page struct {
	Width, Height float64 // points, as displayed
	Image         Image
	Turn          int    // clockwise quarter turns from the image to the page as displayed
	Words         []Word // points, origin bottom left
}

// Writer writes a document page by page. It keeps offsets only; images go
// straight through.
type Writer struct {
	w       io.Writer
	sum     hash.Hash
	off     int64
	offsets []int64 // of object i+1
	pages   []int
	other   bool // some image has colours that PDF/A does not allow here
	err     error
}

// Object numbers that are fixed; the font follows.
const (
	objCatalog = 1
	objPages   = 2
	objFont    = 3
)

// NewWriter begins a document.
func NewWriter(w io.Writer) *Writer {
	p := &Writer{w: w, sum: sha256.New()}
	p.printf("%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n")
	p.offsets = make([]int64, objFont-1)
	for _, o := range Font() {
		refs := make([]any, len(o.Refs))
		for i, r := range o.Refs {
			refs[i] = objFont + r
		}
		body := fmt.Sprintf(o.Body, refs...)
		if o.Stream == nil {
			p.object("<< " + body + " >>")
		} else {
			p.stream(strings.TrimSpace(fmt.Sprintf("%s /Length1 %d", body, len(o.Stream))), deflate(o.Stream), "/FlateDecode")
		}
	}
	return p
}

// AddPage writes one page.
func (p *Writer) AddPage(pg Page) error {
	var xobjects, content strings.Builder
	fmt.Fprintf(&content, "q %s cm\n", placement(pg))
	rows, total := 0, pg.Image.Height()
	if total == 0 || pg.Image.Width == 0 {
		return errors.New("write pdf page: image without pixels")
	}
	p.other = p.other || !plain(pg.Image.ColorSpace)
	for i, s := range pg.Image.Strips {
		n := p.image(pg.Image, s)
		fmt.Fprintf(&xobjects, "/I%d %d 0 R ", i, n)
		// A strip fills its share of the unit square, counted from the top.
		bottom := 1 - float64(rows+s.Rows)/float64(total)
		fmt.Fprintf(&content, "q 1 0 0 %.8f 0 %.8f cm /I%d Do Q\n", float64(s.Rows)/float64(total), bottom, i)
		rows += s.Rows
	}
	content.WriteString("Q\n")
	if len(pg.Words) > 0 {
		content.Write(TextLayer(pg.Words, [6]float64{1, 0, 0, 1, 0, 0}))
	}
	c := p.stream("", deflate([]byte(content.String())), "/FlateDecode")
	p.pages = append(p.pages, p.object(fmt.Sprintf(
		"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R /Resources << /XObject << %s>> /Font << /%s %d 0 R >> >> >>",
		objPages, pg.Width, pg.Height, c, xobjects.String(), FontName, objFont)))
	return p.err
}

// placement is the matrix that lays the unit square of the image on the page,
// turned clockwise.
func placement(pg Page) string {
	w, h := pg.Width, pg.Height
	m := [4][6]float64{
		{w, 0, 0, h, 0, 0},
		{0, -h, w, 0, 0, h},
		{-w, 0, 0, -h, w, h},
		{0, h, -w, 0, w, 0},
	}[((pg.Turn%4)+4)%4]
	return fmt.Sprintf("%.4f %.4f %.4f %.4f %.4f %.4f", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (p *Writer) image(im Image, s Strip) int {
	d := fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s /BitsPerComponent %d",
		im.Width, s.Rows, im.ColorSpace, im.Bits)
	if im.Parms != "" {
		parms := im.Parms
		if strings.Contains(parms, "%d") {
			parms = fmt.Sprintf(parms, s.Rows)
		}
		d += " /DecodeParms << " + parms + " >>"
	}
	if im.Decode != "" {
		d += " /Decode " + im.Decode
	}
	return p.stream(d, s.Data, im.Filter)
}

// Close writes what follows the last page.
func (p *Writer) Close() error {
	if len(p.pages) == 0 {
		return errors.New("write pdf: no pages")
	}
	var kids strings.Builder
	for _, n := range p.pages {
		fmt.Fprintf(&kids, "%d 0 R ", n)
	}
	p.place(objPages, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(p.pages), kids.String()))
	p.place(objCatalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R %s>>", objPages, p.archival()))
	xref, id := p.off, p.sum.Sum(nil)[:16]
	p.printf("xref\n0 %d\n0000000000 65535 f \n", len(p.offsets)+1)
	for _, off := range p.offsets {
		p.printf("%010d 00000 n \n", off)
	}
	p.printf("trailer\n<< /Size %d /Root %d 0 R /ID [<%x> <%x>] >>\nstartxref\n%d\n%%%%EOF\n",
		len(p.offsets)+1, objCatalog, id, id, xref)
	return p.err
}

// archival writes what makes the file PDF/A-2u and returns what the catalogue
// says of it; "" when it is none.
func (p *Writer) archival() string {
	if p.other {
		return ""
	}
	icc := p.stream("/N 3", deflate(srgb()), "/FlateDecode")
	intent := p.object(fmt.Sprintf("<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB) /DestOutputProfile %d 0 R >>", icc))
	meta := p.stream("/Type /Metadata /Subtype /XML", []byte(xmp), "") // in clear, as 6.6.2 wants it
	return fmt.Sprintf("/Metadata %d 0 R /OutputIntents [%d 0 R] ", meta, intent)
}

func (p *Writer) object(body string) int {
	p.offsets = append(p.offsets, 0)
	n := len(p.offsets)
	p.place(n, body)
	return n
}

func (p *Writer) place(n int, body string) {
	p.offsets[n-1] = p.off
	p.printf("%d 0 obj\n%s\nendobj\n", n, body)
}

func (p *Writer) stream(dict string, data []byte, filter string) int {
	p.offsets = append(p.offsets, p.off)
	n := len(p.offsets)
	if filter != "" {
		dict += " /Filter " + filter
	}
	p.printf("%d 0 obj\n<< %s /Length %d >>\nstream\n", n, dict, len(data))
	p.write(data)
	p.printf("\nendstream\nendobj\n")
	return n
}

func (p *Writer) printf(format string, args ...any) { p.write(fmt.Appendf(nil, format, args...)) }

func (p *Writer) write(b []byte) {
	if p.err != nil {
		return
	}
	n, err := p.w.Write(b)
	p.sum.Write(b[:n])
	p.off += int64(n)
	if err != nil {
		p.err = fmt.Errorf("write pdf: %w", err)
	}
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	z.Write(b) // a bytes.Buffer takes everything
	z.Close()
	return out.Bytes()
}

// Deflate compresses raw samples for a /FlateDecode strip.
func Deflate(b []byte) []byte { return deflate(b) }
