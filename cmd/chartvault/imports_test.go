package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chartvault/record"
)

// importing is an archive whose daemon carries imports out.
type importsTest struct {
	*app
	t   *testing.T
	a   *testArchive
	end func()
}

func newImports(t *testing.T) *importsTest {
	t.Helper()
	m := &importsTest{t: t, a: newArchive(t, "[server]\nlisten = \"127.0.0.1:0\"\n")}
	samples, box := putSamples(t), filepath.Join(m.a.dir, "exports", "oldbase")
	if err := os.MkdirAll(box, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"1.tif": "monday-box-1.tif", "2.jpg": "loose-page.jpg"} {
		b, err := os.ReadFile(filepath.Join(samples, from))
		if err != nil {
			t.Fatal(err)
		}
		m.a.write(filepath.Join(box, name), b)
	}
	m.a.write(filepath.Join(box, "index.csv"), []byte("file,MRN,type\n1.tif,9118427,CONSULTATION_NOTE\n2.jpg,9237654,LETTER\nzebra-gone.tif,9118427,LETTER\n"))
	m.start()
	return m
}

// start opens the archive and lets its daemon carry imports out.
func (m *importsTest) start() {
	m.t.Helper()
	m.app = reopen(m.t, &env{data: m.a.dir, passFile: m.a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.importing(ctx) }()
	m.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Errorf("imports: %v", err)
		}
	})
	m.t.Cleanup(m.end)
	m.await("the daemon", func() bool {
		m.imports.mu.Lock()
		defer m.imports.mu.Unlock()
		return m.imports.serves
	})
}

func (m *importsTest) await(what string, ok func() bool) {
	m.t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	m.t.Fatalf("%s: not in two minutes", what)
}

func (m *importsTest) do(op string, params any, f func(json.RawMessage) error) error {
	return m.perform(m.t.Context(), op, request{Actor: "user:a.clerk", Params: params}, f)
}

// list is the imports, the newest first.
func (m *importsTest) list() (out []importStatus) {
	m.t.Helper()
	if err := m.do("import-list", struct{}{}, func(b json.RawMessage) error {
		var s importStatus
		err := json.Unmarshal(b, &s)
		out = append(out, s)
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *importsTest) must(op string, params any) (s importStatus) {
	m.t.Helper()
	if err := m.do(op, params, func(b json.RawMessage) error { return json.Unmarshal(b, &s) }); err != nil {
		m.t.Fatalf("%s: %v", op, err)
	}
	return s
}

// TestImports: the daemon takes an export in, says how far it is and what it did
// not take, goes on after it was stopped or the daemon ended, and takes nothing twice.
func TestImports(t *testing.T) {
	t.Parallel()
	m := newImports(t)
	w := importWish{Folder: "oldbase", Index: "index.csv", Kind: "csv", Map: map[string]string{"chart_number": "MRN"}, From: "Oldbase"}

	var looked importSum
	var problems int
	if err := m.do("import-look", w, func(b json.RawMessage) error {
		var l importLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Sum != nil {
			looked = *l.Sum
		} else {
			problems++
		}
		return nil
	}); err != nil || looked.Taken != 2 || looked.Rejected != 1 || problems != 1 || !looked.Dry {
		t.Errorf("looked at: got %+v and %d problems, %v", looked, problems, err)
	}
	if bs, err := m.cat.Batches(t.Context()); err != nil || len(bs) != 0 {
		t.Errorf("looking took %d batches in, %v", len(bs), err)
	}

	id := m.must("import-begin", w).ID
	m.await("the import", func() bool { return m.list()[0].State == importDone })
	if s := m.list()[0].Sum; s.Lines != 3 || s.Taken != 2 || s.Rejected != 1 || s.Before != 0 {
		t.Errorf("done: got %+v", s)
	}
	var why string
	if err := m.do("import-rejects", importID{id}, func(b json.RawMessage) error { why += string(b); return nil }); err != nil || !strings.Contains(why, "zebra-gone.tif") {
		t.Errorf("not taken: got %s, %v", why, err)
	}
	m.must("import-go-on", importID{id})
	m.await("once more", func() bool { return m.list()[0].State == importDone && m.list()[0].Sum.Before == 2 })
	if bs, err := m.cat.Batches(t.Context()); err != nil || len(bs) != 2 {
		t.Errorf("once more: %d batches, %v, want 2", len(bs), err)
	}

	// The daemon ends in the middle: the import goes on with the next.
	m.end()
	e, err := m.cat.Entry(t.Context(), kindImport, id)
	if err != nil {
		t.Fatal(err)
	}
	var j importJob
	if err := into(e, &j); err != nil {
		t.Fatal(err)
	}
	j.State, j.Sum = importRunning, importSum{}
	if err := m.putImport(t.Context(), j.By, j); err != nil {
		t.Fatal(err)
	}
	if err := m.app.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.await("after the restart", func() bool { return m.list()[0].State == importDone && m.list()[0].Sum.Before == 2 })

	// A folder that is gone stops it, and says so.
	if err := os.Rename(filepath.Join(m.a.dir, "exports", "oldbase"), filepath.Join(m.a.dir, "exports", "elsewhere")); err != nil {
		t.Fatal(err)
	}
	m.must("import-go-on", importID{id})
	m.await("without the folder", func() bool { return m.list()[0].State == importStopped })
	if l := m.list()[0]; !strings.Contains(l.Why, "not a folder") {
		t.Errorf("why: got %q", l.Why)
	}
	if err := os.RemoveAll(filepath.Join(m.a.dir, "exports")); err != nil { // where it does
		t.Fatal(err)
	}
	if n := (&releasing{t: t, a: m.a}).inClear("zebra"); n != "" {
		t.Errorf("a file's name stands in clear in %s", n)
	}
}

// TestImportStops: one that runs is stopped, and one that waits is not begun.
func TestImportStops(t *testing.T) {
	t.Parallel()
	m := newImports(t)
	box := filepath.Join(m.a.dir, "exports", "oldbase")
	page, err := os.ReadFile(filepath.Join(box, "2.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	index := "file,chart_number\n"
	for i := range 60 { // the same picture under sixty names, each another file
		m.a.write(filepath.Join(box, fmt.Sprintf("p%d.jpg", i)), append(page[:len(page):len(page)], byte(i)))
		index += fmt.Sprintf("p%d.jpg,9237654\n", i)
	}
	m.a.write(filepath.Join(box, "many.csv"), []byte(index))
	w := importWish{Folder: "oldbase", Index: "many.csv", Kind: "csv"}
	first, second := m.must("import-begin", w).ID, m.must("import-begin", w).ID
	m.await("a page", func() bool { return m.list()[1].Sum.Taken > 0 })
	m.must("import-stop", importID{second})
	m.must("import-stop", importID{first})
	m.await("both", func() bool { return m.list()[0].State == importStopped && m.list()[1].State == importStopped })
	if s := m.list(); s[1].Sum.Taken == 0 || s[1].Sum.Taken >= 60 || s[0].Sum.Taken != 0 {
		t.Errorf("stopped: got %+v", s)
	}
	if err := m.do("import-stop", importID{first}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("stopped twice: got %v, want %v", err, record.ErrInvalid)
	}
}

// TestImportBounds: what is imported lies in the configured folder, whatever is
// asked for.
func TestImportBounds(t *testing.T) {
	t.Parallel()
	m := newImports(t)
	good := importWish{Folder: "oldbase", Index: "index.csv", Kind: "csv", Map: map[string]string{"chart_number": "MRN"}}
	for what, spoil := range map[string]func(*importWish){
		"the folder above": func(w *importWish) { w.Folder = ".." },
		"the folder":       func(w *importWish) { w.Folder = "." },
		"no folder":        func(w *importWish) { w.Folder = "" },
		"a path":           func(w *importWish) { w.Folder = "oldbase/../.." },
		"a whole path":     func(w *importWish) { w.Folder = "/etc" },
		"an index above":   func(w *importWish) { w.Index = "../../chartvault.toml" },
		"an index outside": func(w *importWish) { w.Index = "/etc/passwd" },
		"no index":         func(w *importWish) { w.Index = "" },
		"no kind":          func(w *importWish) { w.Kind = "" },
		"another column":   func(w *importWish) { w.Map = map[string]string{"patient": "x"} },
	} {
		w := good
		spoil(&w)
		for _, op := range []string{"import-look", "import-begin"} {
			if err := m.do(op, w, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrInvalid) {
				t.Errorf("%s, %s: got %v, want %v", op, what, err, record.ErrInvalid)
			}
		}
	}
	if n := len(m.list()); n != 0 {
		t.Errorf("%d imports were begun", n)
	}
	// Links lead nowhere, and an index that is no file is not waited for.
	exports := filepath.Join(m.a.dir, "exports")
	outside := t.TempDir()
	page, err := os.ReadFile(filepath.Join(exports, "oldbase", "2.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	m.a.write(filepath.Join(outside, "2.jpg"), page)
	for from, to := range map[string]string{filepath.Join(exports, "linked"): outside, filepath.Join(exports, "oldbase", "sub"): outside, filepath.Join(exports, "oldbase", "linked.jpg"): filepath.Join(outside, "2.jpg")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(exports, "oldbase", "pipe.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.do("import-begin", importWish{Folder: "linked", Index: "{chart}.jpg", Kind: "pattern"}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("a folder that is a link: got %v, want %v", err, record.ErrInvalid)
	}
	if err := m.do("import-begin", importWish{Folder: "oldbase", Index: "pipe.csv", Kind: "csv"}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("an index that is a pipe: got %v, want %v", err, record.ErrNotFound)
	}
	m.a.write(filepath.Join(exports, "oldbase", "links.csv"), []byte("file,chart_number\nsub/2.jpg,1234\nlinked.jpg,1234\n../../scans/x.jpg,1234\n2.jpg,1234\n"))
	var sum importSum
	if err := m.do("import-look", importWish{Folder: "oldbase", Index: "links.csv", Kind: "csv"}, func(b json.RawMessage) error {
		var l importLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Sum != nil {
			sum = *l.Sum
		}
		return nil
	}); err != nil || sum.Taken != 1 || sum.Rejected != 3 {
		t.Errorf("links in an export: got %+v, %v, want the one file that lies there", sum, err)
	}
	for _, f := range []string{"linked", filepath.Join("oldbase", "sub"), filepath.Join("oldbase", "linked.jpg"), filepath.Join("oldbase", "pipe.csv"), filepath.Join("oldbase", "links.csv")} {
		if err := os.Remove(filepath.Join(exports, f)); err != nil {
			t.Fatal(err)
		}
	}
	var folders string
	if err := m.do("import-folders", struct{}{}, func(b json.RawMessage) error { folders += string(b); return nil }); err != nil || folders != `{"folder":"oldbase","files":["index.csv"]}` {
		t.Errorf("folders: got %s, %v", folders, err)
	}
}
