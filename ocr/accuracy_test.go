package ocr_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chartvault/internal/corpus"
	"chartvault/internal/sample"
	"chartvault/internal/score"
	"chartvault/ocr"
)

// truePage is a scan and what stands on it.
type truePage struct {
	class, path, truth string
	fold               bool // its truth is in capitals
}

// truePages are the pages of the corpus that have a text, and pages printed
// here from free clinical texts and then damaged, which nothing was tuned on.
func truePages(t testing.TB) []truePage {
	var out []truePage
	for _, glob := range []string{"charts/pages/*.gt.txt", "pages/*.gt.txt", "receipts/*.gt.txt"} {
		names, err := filepath.Glob(filepath.Join(corpus.Path(t, ""), glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, gt := range names {
			b, err := os.ReadFile(gt)
			if err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(gt, ".gt.txt")
			scan := ""
			for _, ext := range []string{".tif", ".jpg", ".png", ".pdf"} {
				if _, err := os.Stat(base + ext); err == nil {
					scan = base + ext
				}
			}
			out = append(out, truePage{class(base), scan, string(b), strings.HasPrefix(glob, "receipts")})
		}
	}
	return append(out, printed(t, sample.Damages(), 2)...)
}

// class groups pages by what happened to them.
func class(base string) string {
	name := filepath.Base(base)
	switch {
	case strings.Contains(base, "/charts/"):
	case strings.Contains(base, "/receipts/"):

		return "real: till receipts"
	default:
		if i := strings.IndexAny(name, "-_"); i > 0 {
			if strings.Contains(name, "camera") {
				return "real: camera"
			}
			return "real: " + strings.TrimSuffix(name[:i], "rot")
		}
		return "real: " + strings.TrimSuffix(name, "rot")
	}
	return "chart: " + regexp.MustCompile(`^[0-9]+-[a-z_]+-`).ReplaceAllString(name, "")
}

// printed prints and damages pages; CHARTVAULT_SEED chooses others.
func printed(t testing.TB, kinds []string, each int) []truePage {
	seed, _ := strconv.ParseUint(os.Getenv("CHARTVAULT_SEED"), 10, 64) // 0 when it is not set
	f, err := os.Open(corpus.Path(t, "text/aci-bench-notes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var notes []string
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var v map[string]any
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"note", "text"} {
			if s, ok := v[k].(string); ok {
				notes = append(notes, s)
			}
		}
	}
	dir := t.TempDir()
	var out []truePage
	for i, kind := range kinds {
		for k := range each {
			lines := sample.Wrap(notes[(int(seed)*7+each*i+k)%len(notes)], 88, 42)
			sc, err := sample.Damage(sample.Page("PROGRESS NOTE", lines), kind, seed*100+uint64(k))
			if err != nil {
				t.Fatal(err)
			}
			p := filepath.Join(dir, strconv.Itoa(k)+"-"+sc.Name)
			if err := os.WriteFile(p, sc.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			truth := "SAMPLE GENERAL HOSPITAL (fictitious)\nPROGRESS NOTE\n" + strings.Join(lines, "\n")
			out = append(out, truePage{"printed: " + kind, p, truth, false})
		}
	}
	return out
}

// system is something that reads a page; seconds are its own wall clock.
type system struct {
	name string
	read func(p truePage) (string, error)
}

func ours(t testing.TB, keep func(p truePage, pg ocr.Page)) system {
	pool := newPool(t, ocr.DefaultLimits())
	return system{"chartvault", func(p truePage) (string, error) {
		f, err := os.Open(p.path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		pg, err := pool.Page(context.Background(), ocr.Source{Key: p.path, File: f}, 1, options())
		if err == nil && keep != nil {
			keep(p, pg)
		}
		return pg.Text.String(), err
	}}
}

func tesseractCLI() system {
	return system{"tesseract", func(p truePage) (string, error) {
		img := p.path
		if strings.HasSuffix(img, ".pdf") { // it reads no PDF
			stem := img + ".raster"
			stem = filepath.Join(os.TempDir(), strings.ReplaceAll(stem, "/", "_"))
			if out, err := exec.Command("pdftoppm", "-r", "300", "-f", "1", "-l", "1", "-singlefile", "-gray", img, stem).CombinedOutput(); err != nil {
				return "", fmt.Errorf("pdftoppm: %w: %s", err, out)
			}
			defer os.Remove(stem + ".pgm")
			img = stem + ".pgm"
		}
		cmd := exec.Command("tesseract", img, "stdout")
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		return string(out), err
	}}
}

func ocrmypdf(dir string) system {
	return system{"ocrmypdf", func(p truePage) (string, error) {
		stem := filepath.Join(dir, strings.ReplaceAll(p.path, "/", "_"))
		cmd := exec.Command("ocrmypdf", "-q", "-j", "1", "--image-dpi", "300", "--deskew", "--clean", "--rotate-pages", "--force-ocr", "--pages", "1", "--sidecar", stem+".txt", p.path, stem+".pdf")
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("ocrmypdf: %w: %s", err, bytes.TrimSpace(out))
		}
		b, err := os.ReadFile(stem + ".txt")
		return string(b), err
	}}
}

// measure reads every page with a system, two at a time.
func measure(t testing.TB, s system, pages []truePage) (res []score.Result, took time.Duration) {
	res = make([]score.Result, len(pages))
	start := time.Now()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, p := range pages {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			text, err := s.read(p)
			if err != nil {
				t.Logf("%s: %s: %v", s.name, filepath.Base(p.path), err)
			}
			res[i] = score.Compare(text, p.truth, p.fold)
		}()
	}
	wg.Wait()
	return res, time.Since(start)
}

// BenchmarkAccuracy prints, per class of damage, how much was read right by
// this pipeline, by bare Tesseract and by OCRmyPDF with its cleaning, and how
// long each took for all pages. CHARTVAULT_OURS=1 leaves the others out.
func BenchmarkAccuracy(b *testing.B) {
	pages := truePages(b)
	systems := []system{ours(b, nil)}
	if os.Getenv("CHARTVAULT_OURS") == "" {
		systems = append(systems, tesseractCLI(), ocrmypdf(b.TempDir()))
	}
	results := make([][]score.Result, len(systems))
	for i, s := range systems {
		var took time.Duration
		results[i], took = measure(b, s, pages)
		fmt.Printf("%-12s %d pages in %.1f s, %.1f pages/min\n", s.name, len(pages), took.Seconds(), float64(len(pages))/took.Minutes())
	}
	if os.Getenv("CHARTVAULT_PAGES") != "" {
		for i, p := range pages {
			fmt.Printf("page %-46s", filepath.Base(p.path))
			for k := range systems {
				fmt.Printf("  %5.1f %5.1f", 100*results[k][i].Found, 100*results[k][i].CER)
			}
			fmt.Println()
		}
	}
	table(pages, systems, results)
}

func table(pages []truePage, systems []system, results [][]score.Result) {
	classes := map[string][]int{}
	for i, p := range pages {
		classes[p.class] = append(classes[p.class], i)
	}
	names := make([]string, 0, len(classes))
	for c := range classes {
		names = append(names, c)
	}
	slices.Sort(names)
	fmt.Printf("%-26s %5s", "class", "pages")
	for _, s := range systems {
		fmt.Printf(" | %-12s CER %% WER %% found %%", s.name)
	}
	fmt.Println()
	mean := make([]score.Result, len(systems))
	line := func(label string, n int, at func(k int) score.Result) {
		fmt.Printf("%-26s %5d", label, n)
		for k := range systems {
			r := at(k)
			fmt.Printf(" | %12s %5.1f %5.1f %7.1f", "", 100*r.CER, 100*r.WER, 100*r.Found)
		}
		fmt.Println()
	}
	for _, c := range names {
		line(c, len(classes[c]), func(k int) score.Result {
			var sum score.Result
			n := float64(len(classes[c]))
			for _, i := range classes[c] {
				r := results[k][i]
				sum.CER, sum.WER, sum.Found = sum.CER+r.CER/n, sum.WER+r.WER/n, sum.Found+r.Found/n
			}
			m := float64(len(names))
			mean[k].CER, mean[k].WER, mean[k].Found = mean[k].CER+sum.CER/m, mean[k].WER+sum.WER/m, mean[k].Found+sum.Found/m
			return sum
		})
	}
	line("mean over classes", len(pages), func(k int) score.Result { return mean[k] })
}
