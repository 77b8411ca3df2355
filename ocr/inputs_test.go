package ocr_test

import (
	"bytes"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"

	"chartvault/internal/sample"
	"chartvault/ocr"
)

// tool runs one of the programs of scripts/deps.sh and returns what it said.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v (scripts/deps.sh test installs it): %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestInputs reads one page out of everything a scanner, a copier or a
// converter may have made of it, and files it as PDF/A.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	page := sample.Page("PROGRESS NOTE", sample.Note(sample.Patients()[0], 0))
	put := func(name string, print func(w *bytes.Buffer) error) {
		t.Helper()
		var b bytes.Buffer
		if err := print(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(in(name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("bw.tif", func(w *bytes.Buffer) error { return sample.WriteTIFF(w, []*image.Gray{page}, "g4") })
	put("gray.tif", func(w *bytes.Buffer) error { return sample.WriteTIFF(w, []*image.Gray{page}, "lzw") })
	put("page.pdf", func(w *bytes.Buffer) error { return sample.WritePDF(w, []*image.Gray{page}) })
	put("page.pgm", func(w *bytes.Buffer) error { return sample.WritePGM(w, page) })
	for name, args := range map[string][]string{
		"none.tif": {"-c", "none", in("bw.tif")}, "g3.tif": {"-c", "g3", in("bw.tif")}, "g3-2d.tif": {"-c", "g3:2d", in("bw.tif")}, "g4-strips.tif": {"-c", "g4", "-r", "100", in("bw.tif")},
		"packbits.tif": {"-c", "packbits", in("bw.tif")}, "zip.tif": {"-c", "zip", in("gray.tif")}, "zip-predictor.tif": {"-c", "zip:2", in("gray.tif")}, "jpeg.tif": {"-c", "jpeg:80", "-r", "64", in("gray.tif")},
		"big.tif": {"-8", "-c", "g4", in("bw.tif")}, "motorola.tif": {"-B", "-c", "lzw", in("gray.tif")}, "lsb.tif": {"-f", "lsb2msb", "-c", "g4", in("bw.tif")},
		"tiled-zip.tif": {"-t", "-w", "256", "-l", "256", "-c", "zip", in("gray.tif")}, "tiled-jpeg.tif": {"-t", "-w", "256", "-l", "256", "-c", "jpeg:80", in("gray.tif")},
	} {
		tool(t, "tiffcp", append(args, in(name))...)
	}
	tool(t, "opj_compress", "-i", in("page.pgm"), "-o", in("page.jp2"), "-r", "10")
	tool(t, "opj_compress", "-i", in("page.pgm"), "-o", in("page.j2k"), "-r", "10")
	tool(t, "qpdf", "--encrypt", "open", "owner", "256", "--", in("page.pdf"), in("encrypted.pdf"))
	tool(t, "qpdf", "--rotate=+90", in("page.pdf"), in("rotated.pdf"))
	tool(t, "qpdf", "--object-streams=generate", "--recompress-flate", in("page.pdf"), in("streams.pdf"))
	pool := newPool(t, ocr.DefaultLimits())
	names, err := filepath.Glob(in("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".pgm") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			src := open(t, name)
			src.Passwords = []string{"no", "open"}
			pr, err := pool.Probe(t.Context(), src)
			if err != nil || pr.Pages != 1 || pr.Damage != "" {
				t.Fatalf("probe: got %+v, %v", pr, err)
			}
			pages := readAll(t, pool, src, 1)
			for _, want := range []string{"metoprolol", "9118427", "auscultation"} {
				if !strings.Contains(pages[0].Text.String(), want) {
					t.Errorf("got text without %q", want)
				}
			}
			var b bytes.Buffer
			if _, err := document(t.Context(), pool, src, pages, &b); err != nil {
				t.Fatalf("document: %v", err)
			}
			checkValid(t, b.Bytes(), pr.Kind != "pdf")
		})
	}
	if _, err := pool.Probe(t.Context(), open(t, in("encrypted.pdf"))); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("encrypted, no password: got %v, want it to say so", err)
	}
}

// checkValid asks qpdf, pdfcpu and MuPDF about a PDF, and what a PDF/A
// validator asks that they do not: ISO 19005-2, clauses 6.1.3, 6.2.3, 6.2.11
// and 6.6. (veraPDF itself could not be had where this was written.)
func checkValid(t *testing.T, b []byte, archival bool) {
	t.Helper()
	name := write(t, "out.pdf", b)
	tool(t, "qpdf", "--check", name)
	if err := api.ValidateFile(name, nil); err != nil {
		t.Errorf("pdfcpu: %v", err)
	}
	out, err := exec.Command("mutool", "draw", "-q", "-F", "txt", "-o", "-", name).CombinedOutput()
	out = bytes.ReplaceAll(out, []byte("warning: ICC support is not available"), nil) // of Debian's build
	if err != nil || bytes.Contains(out, []byte("error:")) || bytes.Contains(out, []byte("warning:")) {
		t.Errorf("mutool: %v\n%.300s", err, out)
	}
	if !archival {
		return
	}
	for _, want := range []string{"<pdfaid:part>2<", "<pdfaid:conformance>U<", "/GTS_PDFA1", "/DestOutputProfile", "/ID [<", "/ToUnicode", "/FontFile2"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("PDF/A: got no %s", want)
		}
	}
	for _, never := range []string{"LZWDecode", "/Encrypt", "/JavaScript", "/DeviceCMYK", "/SMask", "/Author", "/Title", "/CreationDate", "JBIG2Decode", "Alpha", "9118427", "metoprolol"} {
		if bytes.Contains(b, []byte(never)) {
			t.Errorf("PDF/A: got %s", never)
		}
	}
	fonts, err := exec.Command("pdffonts", name).Output()
	if f := strings.Fields(string(fonts)); err != nil || !strings.Contains(strings.Join(f, " "), "Identity-H yes no yes") {
		t.Errorf("pdffonts: %v\n%s", err, fonts)
	}
}

// TestDamagedFiles: what can be saved of a broken file is, and that it is
// broken is said.
func TestDamagedFiles(t *testing.T) {
	pool := newPool(t, ocr.DefaultLimits())
	page := sample.Page("PROGRESS NOTE", sample.Note(sample.Patients()[0], 0))
	var pdf, tif bytes.Buffer
	if err := sample.WritePDF(&pdf, []*image.Gray{page, page, page}); err != nil {
		t.Fatal(err)
	}
	if err := sample.WriteTIFF(&tif, []*image.Gray{page, page, page}, "g4"); err != nil {
		t.Fatal(err)
	}
	noPages := bytes.ReplaceAll(bytes.ReplaceAll(pdf.Bytes(), []byte("/Type /Page"), []byte("/Tipe /Xage")), []byte("/Pages"), []byte("/Xages"))
	circle := bytes.Clone(tif.Bytes())
	// The third directory's link points at the first.
	at := 4
	for range 3 {
		dir := int(le32(circle[at:]))
		at = dir + 2 + 12*(int(circle[dir])|int(circle[dir+1])<<8)
	}
	copy(circle[at:], circle[4:8])
	for name, data := range map[string][]byte{"no-pages.pdf": noPages[:len(noPages)-600], "circle.tif": circle} {
		src := open(t, write(t, name, data))
		pr, err := pool.Probe(t.Context(), src)
		if err != nil || pr.Pages != 3 || pr.Damage == "" {
			t.Errorf("%s: probe: got %+v, %v, want three pages and what is wrong", name, pr, err)
			continue
		}
		pg, err := pool.Page(t.Context(), src, 2, options())
		if err != nil || !strings.Contains(pg.Text.String(), "metoprolol") {
			t.Errorf("%s: page 2: got %v", name, err)
		}
		var b bytes.Buffer
		if _, err := document(t.Context(), pool, src, []ocr.Page{pg}, &b); err != nil {
			t.Errorf("%s: document: %v", name, err)
		}
	}
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
