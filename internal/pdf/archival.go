package pdf

import (
	"encoding/binary"
	"math"
	"strings"
)

// xmp is the metadata packet of a PDF/A-2u file (ISO 19005-2, 6.6.4). It says
// what the file conforms to and nothing of what is in it.
const xmp = "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" +
	`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
	`<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance></rdf:Description>` +
	"</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"

// ArchivalMark stands in clear in every file of this package that is PDF/A-2u.
const ArchivalMark = `<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>`

// Archival returns what a file must hold to be PDF/A-2u besides conforming
// pages: its metadata packet, and the ICC profile of its output intent.
func Archival() (metadata, profile []byte) { return []byte(xmp), srgb() }

// plain reports whether an image's colours are covered by an RGB output
// intent: gray and RGB are, CMYK would need a profile of its printing press
// that no scanner gives.
func plain(colorSpace string) bool { return !strings.Contains(colorSpace, "CMYK") }

// srgb returns an ICC profile of the sRGB colour space: version 2.1, display
// class, a matrix and one curve. Primaries are those of IEC 61966-2-1 adapted to
// D50 as the ICC specification (ICC.1:2001-04) wants them.
func srgb() []byte {
	be := binary.BigEndian
	fixed := func(v float64) uint32 { return uint32(int32(math.Round(v * 65536))) }
	xyz := func(x, y, z float64) []byte {
		b := make([]byte, 20)
		copy(b, "XYZ ")
		be.PutUint32(b[8:], fixed(x))
		be.PutUint32(b[12:], fixed(y))
		be.PutUint32(b[16:], fixed(z))
		return b
	}
	text := append([]byte("text\x00\x00\x00\x00"), "No rights reserved\x00"...)
	name := "sRGB"
	desc := make([]byte, 12+len(name)+1+4+4+2+1+67)
	copy(desc, "desc")
	be.PutUint32(desc[8:], uint32(len(name)+1))
	copy(desc[12:], name)
	curve := make([]byte, 12+2*256)
	copy(curve, "curv")
	be.PutUint32(curve[8:], 256)
	for i := range 256 {
		v := float64(i) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		be.PutUint16(curve[12+2*i:], uint16(math.Round(v*65535)))
	}
	tags := []struct {
		sig  string
		data []byte
	}{
		{"desc", desc}, {"cprt", text}, {"wtpt", xyz(0.9642, 1, 0.8249)},
		{"rXYZ", xyz(0.43607, 0.22249, 0.01392)}, {"gXYZ", xyz(0.38515, 0.71687, 0.09708)}, {"bXYZ", xyz(0.14307, 0.06061, 0.71410)},
		{"rTRC", curve}, {"gTRC", nil}, {"bTRC", nil}, // the three share one curve
	}
	out := make([]byte, 128+4+12*len(tags))
	be.PutUint32(out[8:], 0x02100000)
	copy(out[12:], "mntrRGB XYZ ")
	be.PutUint16(out[24:], 2001) // the date of the specification: a profile needs one
	be.PutUint16(out[26:], 4)
	be.PutUint16(out[28:], 1)
	copy(out[36:], "acsp")
	copy(out[68:], xyz(0.9642, 1, 0.8249)[8:])
	be.PutUint32(out[128:], uint32(len(tags)))
	at, size := 0, 0
	for i, t := range tags {
		if t.data != nil {
			at, size = len(out), len(t.data)
			out = append(out, t.data...)
			out = append(out, make([]byte, -len(out)&3)...)
		}
		e := out[132+12*i:]
		copy(e, t.sig)
		be.PutUint32(e[4:], uint32(at))
		be.PutUint32(e[8:], uint32(size))
	}
	be.PutUint32(out, uint32(len(out)))
	return out
}
