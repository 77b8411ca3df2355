package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chartvault/internal/corpus"
	"chartvault/internal/sample"
	"chartvault/internal/shippedtest"
	"chartvault/ocr"
	"chartvault/ocr/sandbox"
	"chartvault/ocr/scan"
	"chartvault/ocr/worker"
)

// TestMain lets the test binary be its own worker, as the program is: of a pool
// whose workers run under the race detector.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "worker" {
		os.Exit(worker.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

var program = sync.OnceValues(shippedtest.Program)

// newPool has pages read by the program as it is shipped.
func newPool(t testing.TB, limits ocr.Limits) *ocr.Pool {
	t.Helper()
	name, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return poolOf(t, limits, name)
}

// ownPool has pages read by the test binary.
func ownPool(t testing.TB, limits ocr.Limits) *ocr.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return poolOf(t, limits, self)
}

func poolOf(t testing.TB, limits ocr.Limits, command string) *ocr.Pool {
	t.Helper()
	cache, err := filepath.Abs(filepath.Join("..", ".cache", "wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := scan.WarmPDF(cache); err != nil {
		t.Fatalf("compile the PDF engine: %v", err)
	}
	p := ocr.NewPool(2, limits, sandbox.Strict, command, "worker", cache)
	t.Cleanup(func() { p.Close() })
	return p
}

func open(t *testing.T, name string) ocr.Source {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return ocr.Source{Key: t.Name() + name, File: f}
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func options() ocr.Options { return ocr.Options{Languages: "eng"} }

// TestFormats reads the same page from every format a scanner delivers.
func TestFormats(t *testing.T) {
	pool := ownPool(t, ocr.DefaultLimits())
	page := sample.Page("PROGRESS NOTE", sample.Note(sample.Patients()[0], 0))
	pages := []*image.Gray{page, sample.Blank(), page}
	files := map[string]func(io.Writer) error{
		"pages.g4.tif":   func(w io.Writer) error { return sample.WriteTIFF(w, pages, "g4") },
		"pages.lzw.tif":  func(w io.Writer) error { return sample.WriteTIFF(w, pages, "lzw") },
		"pages.jpeg.tif": func(w io.Writer) error { return sample.WriteTIFF(w, pages, "jpeg") },
		"pages.pdf":      func(w io.Writer) error { return sample.WritePDF(w, pages) },
	}
	for name, print := range files {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := print(&b); err != nil {
				t.Fatal(err)
			}
			src := open(t, write(t, name, b.Bytes()))
			pr, err := pool.Probe(t.Context(), src)
			if err != nil || pr.Pages != 3 {
				t.Fatalf("probe: got %+v, %v, want 3 pages", pr, err)
			}
			texts := readAll(t, pool, src, pr.Pages)
			for _, n := range []int{0, 2} {
				for _, want := range []string{"metoprolol", "9118427", "TESTPATIENT,", "auscultation"} {
					if got := texts[n].Text.String(); !strings.Contains(got, want) {
						t.Errorf("page %d: got text without %q:\n%s", n+1, want, got)
					}
				}
			}
			if !texts[1].Blank {
				t.Errorf("page 2: got %d words, want a blank page", len(texts[1].Text.Words))
			}
			checkPDF(t, pool, src, texts)
		})
	}
}

func readAll(t *testing.T, pool *ocr.Pool, src ocr.Source, n int) []ocr.Page {
	t.Helper()
	out := make([]ocr.Page, n)
	for i := range out {
		p, err := pool.Page(t.Context(), src, i+1, options())
		if err != nil {
			t.Fatalf("page %d: %v", i+1, err)
		}
		out[i] = p
	}
	return out
}

func document(ctx context.Context, pool *ocr.Pool, src ocr.Source, pages []ocr.Page, w io.Writer) (ocr.Document, error) {
	i := 0
	return pool.Document(ctx, src, func() (ocr.DocumentPage, error) {
		if i == len(pages) {
			return ocr.DocumentPage{}, io.EOF
		}
		i++
		return ocr.DocumentPage{Number: i, Text: pages[i-1].Text}, nil
	}, w)
}

// checkPDF writes the pages as a PDF and holds what poppler reads in it
// against the boxes of the recognition.
func checkPDF(t *testing.T, pool *ocr.Pool, src ocr.Source, pages []ocr.Page) {
	t.Helper()
	var b bytes.Buffer
	if _, err := document(t.Context(), pool, src, pages, &b); err != nil {
		t.Fatalf("document: %v", err)
	}
	name := write(t, "out.pdf", b.Bytes())
	if out, err := exec.Command("qpdf", "--check", name).CombinedOutput(); err != nil {
		t.Errorf("qpdf --check: %v\n%s", err, out)
	}
	out, err := exec.Command("pdftotext", "-bbox", name, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (apt-get install poppler-utils): %v", err)
	}
	words := bboxWords(t, out)
	near := 0
	total := 0
	for n, p := range pages {
		for _, w := range p.Text.Words {
			total++
			k := 72 / p.Text.DPI
			want := [4]float64{float64(w.Box.Min.X) * k, float64(w.Box.Min.Y) * k, float64(w.Box.Max.X) * k, float64(w.Box.Max.Y) * k}
			if slices.ContainsFunc(words, func(got bboxWord) bool { return got.page == n && got.text == w.Text && got.near(want, 3) }) {
				near++
			}
		}
	}
	if total == 0 || float64(near) < 0.97*float64(total) {
		t.Errorf("got %d of %d words within 3 points of their boxes, want 97 %%", near, total)
	}
}

// TestOneBadPage: a page that cannot be decoded costs itself, not the worker
// and not the next page.
func TestOneBadPage(t *testing.T) {
	pool := newPool(t, ocr.DefaultLimits())
	var b bytes.Buffer
	page := sample.Page("NOTE", sample.Note(sample.Patients()[0], 0))
	if err := sample.WriteTIFF(&b, []*image.Gray{page, page}, "lzw"); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	copy(data[2000:], bytes.Repeat([]byte{0xA5}, 4000)) // inside the first page's strips
	src := open(t, write(t, "bad.tif", data))
	if _, err := pool.Page(t.Context(), src, 2, options()); err != nil {
		t.Errorf("page 2: got %v, want it read", err)
	}
	if _, err := pool.Page(t.Context(), src, 3, options()); !errors.Is(err, ocr.ErrFormat) {
		t.Errorf("page 3 of 2: got %v, want ErrFormat", err)
	}
	if got := pool.Crashes(); got != 0 {
		t.Errorf("got %d crashes, want none", got)
	}
}

// TestLimits: a worker that is stuck, or takes too much memory, is killed and
// replaced.
func TestLimits(t *testing.T) {
	var b bytes.Buffer
	if err := sample.WriteTIFF(&b, []*image.Gray{sample.Page("NOTE", sample.Note(sample.Patients()[0], 0))}, "g4"); err != nil {
		t.Fatal(err)
	}
	name := write(t, "page.tif", b.Bytes())
	tests := []struct {
		name   string
		limits ocr.Limits
		want   error
	}{
		{"time", ocr.Limits{Page: 50 * time.Millisecond, Stream: time.Minute, Memory: 2 << 30, Recycle: 10}, ocr.ErrTimeout},
		{"memory", ocr.Limits{Page: time.Minute, Stream: time.Minute, Memory: 1 << 20, Recycle: 10}, ocr.ErrCrashed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pool := newPool(t, tt.limits)
			if _, err := pool.Page(t.Context(), open(t, name), 1, options()); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if pool.Crashes() == 0 {
				t.Error("got no crash counted")
			}
		})
	}
}

// TestWorkerIsPoor: a worker has no environment but what keeps Tesseract to
// one thread, and can write no file.
func TestWorkerEnvironment(t *testing.T) {
	t.Setenv("CHARTVAULT_CANARY", "secret")
	pool := newPool(t, ocr.DefaultLimits())
	var b bytes.Buffer
	if err := sample.WriteTIFF(&b, []*image.Gray{sample.Blank()}, "g4"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Probe(t.Context(), open(t, write(t, "a.tif", b.Bytes()))); err != nil {
		t.Fatal(err)
	}
	found := false
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		cmd, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(cmd, []byte("\x00worker\x00")) || !isChild(filepath.Dir(p)) {
			continue
		}
		found = true
		env, err := os.ReadFile(filepath.Join(filepath.Dir(p), "environ"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(env, []byte("CANARY")) || !bytes.Contains(env, []byte("OMP_THREAD_LIMIT=1")) {
			t.Errorf("worker environment: got %q", env)
		}
		limits, err := os.ReadFile(filepath.Join(filepath.Dir(p), "limits"))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(string(limits), "\n") {
			if strings.HasPrefix(l, "Max file size") || strings.HasPrefix(l, "Max core file size") {
				if f := strings.Fields(l); f[len(f)-2] != "0" {
					t.Errorf("worker limit: got %q, want 0", l)
				}
			}
		}
	}
	if !found {
		t.Error("no worker process found")
	}
}

func isChild(proc string) bool {
	b, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	return len(f) > 1 && f[1] == itoa(os.Getpid())
}

// TestHostile: no file of the hostile corpus takes the reader down, and a good
// page is read after each.
func TestHostile(t *testing.T) {
	dir := corpus.Path(t, "hostile")
	limits := ocr.DefaultLimits()
	limits.Page = 20 * time.Second
	pool := newPool(t, limits)
	ents, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ents {
		if os.Getenv("CHARTVAULT_HOSTILE") != "all" && len(e.Name())%3 != 0 {
			continue // all of them in "make soak"
		}
		t.Run(e.Name(), func(t *testing.T) {
			src := open(t, filepath.Join(dir, e.Name()))
			pr, err := pool.Probe(t.Context(), src)
			if err != nil {
				if ocr.Unavailable(err) {
					t.Errorf("probe: got %v, which says nothing about the file", err)
				}
				return
			}
			if _, err := pool.Page(t.Context(), src, 1, ocr.Options{Languages: "eng", Sheets: []string{".*"}}); err != nil && ocr.Unavailable(err) {
				t.Errorf("page 1 of %d: got %v, which says nothing about the file", pr.Pages, err)
			}
		})
	}
	var b bytes.Buffer
	if err := sample.WriteTIFF(&b, []*image.Gray{sample.Page("NOTE", sample.Note(sample.Patients()[0], 0))}, "g4"); err != nil {
		t.Fatal(err)
	}
	pg, err := pool.Page(t.Context(), open(t, write(t, "good.tif", b.Bytes())), 1, options())
	if err != nil || !strings.Contains(pg.Text.String(), "metoprolol") {
		t.Errorf("a good page afterwards: got %v", err)
	}
}

// TestBatches reads the barcodes and the kinds of every page of the printed
// batches against their truth.
func TestBatches(t *testing.T) {
	pool := newPool(t, ocr.DefaultLimits())
	for _, name := range []string{"d1-patcht-g4", "d2-code128-chartsheet-duplex", "d3-qr-colour", "d4-labels-fax", "d5-barcode-ladder"} {
		t.Run(name, func(t *testing.T) {
			var truth struct {
				File      string
				PageTruth []struct {
					Page     int
					Kind     string
					Barcodes []struct{ Format, Text string }
					Printed  []struct{ Format, Text string } `json:"barcodes_printed"`
				} `json:"page_truth"`
			}
			corpus.JSON(t, "charts/batches/"+name+".json", &truth)
			src := open(t, corpus.Path(t, "charts/batches/"+truth.File))
			for _, p := range truth.PageTruth {
				want := map[string]bool{}
				for _, b := range append(p.Barcodes, p.Printed...) {
					want[b.Text] = true
				}
				// Pages with a symbol and nothing else need no recognition here.
				o := ocr.Options{Languages: "eng", Sheets: []string{".*"}}
				got, err := pool.Page(t.Context(), src, p.Page, o)
				if err != nil {
					t.Errorf("page %d: %v", p.Page, err)
					continue
				}
				if got.Blank != (p.Kind == "blank") {
					t.Errorf("page %d: got blank %v, want kind %s", p.Page, got.Blank, p.Kind)
				}
				for _, b := range got.Barcodes {
					if !want[b.Text] {
						t.Errorf("page %d: read %q, which is not on it", p.Page, b.Text)
					}
				}
				if len(want) > 0 && len(got.Barcodes) == 0 {
					t.Errorf("page %d: read no symbol, want %v", p.Page, want)
				}
			}
		})
	}
}
