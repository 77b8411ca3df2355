package sample

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"

	"chartvault/internal/pdf"
	"chartvault/ocr/lept"
	"chartvault/ocr/scan"
)

// JPEG encodes a page.
func JPEG(g *image.Gray, quality int) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, g, &jpeg.Options{Quality: quality})
	return b.Bytes(), err
}

// WritePDF writes pages as a PDF of JPEG images, as a copier does.
func WritePDF(w io.Writer, pages []*image.Gray) error {
	doc := pdf.NewWriter(w)
	for _, g := range pages {
		b, err := JPEG(g, 80)
		if err != nil {
			return err
		}
		err = doc.AddPage(pdf.Page{Width: width * 72 / dpi, Height: height * 72 / dpi, Image: pdf.Image{
			Width: g.Bounds().Dx(), Bits: 8, ColorSpace: "/DeviceGray", Filter: "/DCTDecode",
			Strips: []pdf.Strip{{Rows: g.Bounds().Dy(), Data: b}}}})
		if err != nil {
			return err
		}
	}
	return doc.Close()
}

// WritePGM writes a page as raw samples, for tools that make other formats.
func WritePGM(w io.Writer, g *image.Gray) error {
	if _, err := fmt.Fprintf(w, "P5\n%d %d\n255\n", g.Bounds().Dx(), g.Bounds().Dy()); err != nil {
		return err
	}
	_, err := w.Write(g.Pix)
	return err
}

// WriteTIFF writes pages as one multi-page TIFF, compressed as "g4", "lzw" or
// "jpeg", each page encoded by Leptonica.
func WriteTIFF(w io.Writer, pages []*image.Gray, compression string) error {
	var encoded [][]byte
	for i, g := range pages {
		b, err := encodeTIFF(g, compression)
		if err != nil {
			return fmt.Errorf("sample page %d: %w", i+1, err)
		}
		encoded = append(encoded, b)
	}
	return JoinTIFF(w, encoded)
}

func encodeTIFF(g *image.Gray, compression string) ([]byte, error) {
	p, err := lept.FromGray(g)
	if err != nil {
		return nil, err
	}
	defer func() { p.Close() }()
	if compression == "g4" {
		bw, err := p.Threshold(150)
		if err != nil {
			return nil, err
		}
		p.Close()
		p = bw
	}
	p.SetDPI(dpi, dpi)
	return p.TIFF(compression)
}

// JoinTIFF chains one-page little-endian TIFFs into one file: their
// directories are moved and linked, their data copied.
func JoinTIFF(w io.Writer, files [][]byte) error {
	out := []byte("II*\x00\x00\x00\x00\x00")
	link := 4 // where the offset of the next directory belongs
	le := binary.LittleEndian
	for _, f := range files {
		if !bytes.HasPrefix(f, []byte("II*\x00")) {
			return fmt.Errorf("join tiff: not a little-endian TIFF")
		}
		if _, err := scan.Open(bytes.NewReader(f), int64(len(f)), scan.Options{}); err != nil {
			return fmt.Errorf("join tiff: %w", err)
		}
		base := len(out)
		body := bytes.Clone(f)
		dir := int(le.Uint32(body[4:]))
		n := int(le.Uint16(body[dir:]))
		for i := range n {
			e := body[dir+2+12*i:]
			move(body, e, uint32(base))
		}
		le.PutUint32(out[link:], uint32(base+dir))
		link = base + dir + 2 + 12*n
		le.PutUint32(body[dir+2+12*n:], 0)
		out = append(out, body...)
		if len(out)%2 == 1 {
			out = append(out, 0)
		}
	}
	_, err := w.Write(out)
	return err
}

// move shifts the offsets in a directory entry by base.
func move(file, e []byte, base uint32) {
	le := binary.LittleEndian
	tag, kind, count := le.Uint16(e), le.Uint16(e[2:]), le.Uint32(e[4:])
	size := map[uint16]uint32{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind]
	at := e[8:]
	if size*count > 4 {
		off := le.Uint32(at)
		le.PutUint32(at, off+base)
		at = file[off:]
	}
	if tag == 273 || tag == 324 { // strip and tile offsets
		for i := range count {
			if kind == 3 {
				continue // short offsets would not survive; Leptonica writes long ones
			}
			le.PutUint32(at[4*i:], le.Uint32(at[4*i:])+base)
		}
	}
}

// Patient is one invented patient.
type Patient struct {
	Chart, Name, Born string
}

// Patients are the invented patients of the sample charts.
func Patients() []Patient {
	return []Patient{
		{"9118427", "TESTPATIENT, Alpha", "1952-02-29"},
		{"9237654", "TESTPATIENT, Bravo", "1962-07-14"},
		{"9345178", "TESTPATIENT, Charlie", "2004-11-30"},
	}
}

// Note returns the lines of a note about a patient.
func Note(p Patient, seed int) []string {
	said := []string{
		"Patient seen for follow-up of seasonal cough and mild wheezing.",
		"No fever. Appetite good. Sleeps well with two pillows.",
		"Lungs clear to auscultation on both sides. Heart regular.",
		"Blood pressure 128 over 76, pulse 72, temperature 36.8 Celsius.",
		"Continue metoprolol 25 mg twice daily with breakfast and supper.",
		"Discussed walking for thirty minutes on most days of the week.",
		"Laboratory: sodium 139, potassium 4.1, creatinine 0.9.",
		"Return to clinic in three months, earlier if symptoms worsen.",
		"Wound on left forearm healing well, sutures removed today.",
		"Patient was given written instructions and repeated them back.",
	}
	out := []string{"Chart No.: " + p.Chart, "Patient: " + p.Name, "Date of birth: " + p.Born, ""}
	for i := range 18 {
		out = append(out, said[(i*3+seed)%len(said)])
	}
	return append(out, "", strings.Repeat("_", 30), "Signed: Dr. Sample (fictitious)")
}
