package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"chartvault/internal/corpus"
	"chartvault/internal/sample"
)

// TestHostileFolder takes in broken and hostile files between good ones: each
// ends with its pages accounted for or whole and with a reason, no run ends
// early, and the good ones are filed. CHARTVAULT_HOSTILE chooses how many.
func TestHostileFolder(t *testing.T) {
	n := 24
	if v, err := strconv.Atoi(os.Getenv("CHARTVAULT_HOSTILE")); err == nil {
		n = v
	}
	a := newArchive(t, "")
	a.plain()
	dir := t.TempDir()
	files, err := sample.Broken(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	good, err := batches()
	if err != nil {
		t.Fatal(err)
	}
	a.write(filepath.Join(dir, "0000-good-"+good[0].Name), good[0].Data)
	for _, f := range files {
		a.write(filepath.Join(dir, f.Name), f.Data)
	}
	for i, name := range hostileCorpus(t) {
		if os.Getenv("CHARTVAULT_HOSTILE") == "" && i%8 != 0 {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		a.write(filepath.Join(dir, "c-"+filepath.Base(name)), b)
		n++
	}
	a.write(filepath.Join(dir, "zzzz-good-"+good[1].Name), good[1].Data)
	out, code := a.run("ingest", dir)
	if code != 0 && code != 7 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	lines, filed := 0, 0
	for line := range strings.Lines(out) {
		switch {
		case strings.Contains(line, "good-"):
			lines++
			if strings.Contains(line, "; batch ") && !strings.Contains(line, "kept whole") {
				filed++
			}
		case strings.Contains(line, " pages: "):
			lines++
		case strings.Contains(line, "kept whole, no page could be read: it is "), strings.Contains(line, "kept whole, no page could be read: reading it "):
			lines++
		case strings.Contains(line, "not taken in: "):
			lines++
		}
	}
	if filed != 2 {
		t.Errorf("got %d of the good neighbours filed, want both\n%s", filed, out)
	}
	if lines != n+2 {
		t.Errorf("got a word on %d of %d files", lines, n+2)
	}
	if out, code := a.run("verify"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
	t.Logf("%d broken files", n)
}

func hostileCorpus(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(corpus.Path(t, "hostile"), "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		if !strings.HasSuffix(n, ".json") {
			out = append(out, n)
		}
	}
	return out
}
