// Package archtest holds the tree to the shape docs/design.md gives it: which
// package may import which, which third-party module lives where, how long a
// file may be, and what nobody does.
package archtest

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "chartvault"

// imports says which packages of ours a package may import, besides its own
// parents' nouns. It is the table of docs/design.md.
func imports() map[string][]string {
	return map[string][]string{
		"record":                         {},
		"internal/durable":               {},
		"internal/pdf":                   {},
		"internal/paper":                 {},
		"audit":                          {"record", "internal/durable"},
		"archive/blob":                   {},
		"archive/blob/fsblob":            {"archive/blob", "internal/durable"},
		"archive/blob/memblob":           {"archive/blob"},
		"archive/blob/s3blob":            {"archive/blob"},
		"archive/blob/steady":            {"archive/blob"},
		"archive/blob/blobtest":          {"archive/blob"},
		"archive/keys":                   {"record", "archive/blob", "internal/durable"},
		"archive/seal":                   {"record", "archive/keys"},
		"archive":                        {"record", "audit", "archive/blob", "archive/keys", "archive/seal", "internal/durable"},
		"retention":                      {"record"},
		"retention/pack":                 {"record", "retention"},
		"retention/report":               {"record", "retention", "internal/paper"},
		"disposition":                    {"record", "retention", "internal/paper"},
		"release":                        {"record", "internal/paper"},
		"release/binder":                 {"record", "release", "archive", "ocr"},
		"ocr":                            {"record", "ocr/sandbox"},
		"ocr/sandbox":                    {},
		"ocr/lept":                       {},
		"ocr/barcode":                    {"ocr"},
		"ocr/tesseract":                  {"ocr"},
		"ocr/scan":                       {"ocr", "ocr/lept", "internal/pdf"},
		"ocr/worker":                     {"ocr", "ocr/sandbox", "ocr/lept", "ocr/barcode", "ocr/scan", "ocr/tesseract", "internal/pdf"},
		"catalog":                        {"record"},
		"catalog/sqlite":                 {"catalog", "internal/durable"},
		"catalog/postgres":               {"catalog", "record"},
		"catalog/catalogtest":            {"catalog", "record"},
		"search":                         {"record", "ocr", "internal/durable"},
		"ingest/sheet":                   {"record", "ocr"},
		"mpi":                            {"record"},
		"ingest/fields":                  {"record", "ocr", "mpi"},
		"ingest/legacy":                  {"record"},
		"ingest/correct":                 {"record", "ocr", "archive", "archive/seal"},
		"ingest":                         {"ingest/fields", "mpi", "record", "ocr", "audit", "archive", "archive/keys", "archive/seal", "catalog", "ingest/sheet", "internal/durable"},
		"accounts":                       {"record"},
		"accounts/accountstest":          {"accounts", "record"},
		"accounts/provider":              {"accounts", "record"},
		"accounts/provider/providertest": {},
		"web":                            {"record", "retention", "audit"},
		"web/api":                        {"record", "accounts", "web"},
		"web/pages":                      {"record", "retention", "accounts", "ocr", "web"},
		"internal/sample":                {"record", "ingest/sheet", "internal/pdf", "ocr/lept", "ocr/scan"},
		"internal/sample/jointiff":       {"internal/sample", "internal/durable"},
		"internal/corpus":                {},
		"internal/hospital":              {"record", "ocr"},
		"internal/score":                 {},
		"internal/testserver":            {},
		"internal/archtest":              {},
		"internal/lossytest":             {},
		"internal/shippedtest":           {},
		"internal/mutate":                {"internal/durable"},
		"cmd/chartvault":                 {"*"},
	}
}

// homes says where a third-party module may be imported.
func homes() map[string][]string {
	return map[string][]string{
		"filippo.io/age":                      {"archive", "archive/keys", "archive/seal", "ingest", "release/binder"},
		"github.com/cloudflare/circl":         {"archive/keys"},
		"github.com/minio/minio-go/v7":        {"archive/blob/s3blob", "internal/testserver"},
		"github.com/hanwen/go-fuse/v2":        {"internal/lossytest"},
		"github.com/klippa-app/go-pdfium":     {"ocr/scan"},
		"github.com/tetratelabs/wazero":       {"ocr/scan"},
		"github.com/pdfcpu/pdfcpu":            {"ocr/scan"},
		"golang.org/x/image/tiff":             {"ocr/scan"},
		"github.com/otiai10/gosseract/v2":     {"ocr/tesseract"},
		"github.com/makiuchi-d/gozxing":       {"ocr/barcode"},
		"github.com/landlock-lsm/go-landlock": {"ocr/sandbox"},
		"github.com/elastic/go-seccomp-bpf":   {"ocr/sandbox"},
		"github.com/ncruces/go-sqlite3":       {"catalog/sqlite"},
		"github.com/blevesearch/bleve/v2":     {"search"},
		"github.com/jackc/pgx/v5":             {"catalog/postgres"},
		"codeberg.org/go-pdf/fpdf":            {"ingest/sheet", "disposition", "retention/report", "internal/paper"},
		"github.com/go-analyze/charts":        {"retention/report"},
		"github.com/boombuler/barcode":        {"ingest/sheet", "internal/sample", "internal/paper"},
		"github.com/antzucaro/matchr":         {"mpi"},
		"github.com/alexedwards/argon2id":     {"accounts"},
		"github.com/pquerna/otp":              {"accounts"},
		"github.com/go-webauthn/webauthn":     {"accounts"},
		"github.com/coreos/go-oidc/v3":        {"accounts/provider"},
		"golang.org/x/oauth2":                 {"accounts/provider"},
		"github.com/go-jose/go-jose/v4":       {"accounts/provider/providertest"},
		"github.com/danielgtaylor/huma/v2":    {"web/api"},
		"github.com/spf13/cobra":              {"cmd/chartvault"},
		"github.com/fsnotify/fsnotify":        {"ingest"},
		"github.com/BurntSushi/toml":          {"retention", "release", "cmd/chartvault"},
	}
}

type file struct {
	pkg, path string
	test      bool
	ast       *ast.File
	fset      *token.FileSet
}

func tree(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p) // p is below root
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "tools" || rel == "data") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, file{filepath.ToSlash(filepath.Dir(rel)), rel, strings.HasSuffix(p, "_test.go"), f, fset})
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("read the tree: %d files, %v", len(out), err)
	}
	return out
}

func TestImports(t *testing.T) {
	table, allowed := imports(), homes()
	for _, f := range tree(t) {
		may, ok := table[f.pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the table of docs/design.md", f.path, f.pkg)
			continue
		}
		if f.test {
			continue // tests wire what they like
		}
		for _, im := range f.ast.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if own, ok := strings.CutPrefix(p, module+"/"); ok {
				if !slices.Contains(may, own) && !slices.Contains(may, "*") {
					t.Errorf("%s imports %s, which %s may not", f.path, own, f.pkg)
				}
				if strings.HasSuffix(own, "test") || own == "internal/testserver" || own == "internal/corpus" {
					t.Errorf("%s imports test code: %s", f.path, own)
				}
			}
			for mod, where := range allowed {
				if (p == mod || strings.HasPrefix(p, mod+"/")) && !slices.Contains(where, f.pkg) {
					t.Errorf("%s imports %s, whose home is %v", f.path, p, where)
				}
			}
			if p == "testing" && !strings.HasSuffix(f.pkg, "test") && f.pkg != "internal/testserver" && f.pkg != "internal/corpus" {
				t.Errorf("%s imports testing", f.path)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	for _, f := range tree(t) {
		b, err := os.Open(filepath.Join("..", "..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		sc := bufio.NewScanner(b)
		for sc.Scan() {
			lines++
		}
		b.Close()
		if limit := 600; lines > limit && !f.test {
			t.Errorf("%s has %d lines, the limit is %d: it wants a second noun", f.path, lines, limit)
		}
		if strings.Count(f.path, string(filepath.Separator)) > 3 {
			t.Errorf("%s lies deeper than three folders", f.path)
		}
		for _, bad := range []string{"util", "common", "helpers", "misc"} {
			if strings.Contains("/"+f.pkg+"/", "/"+bad+"/") {
				t.Errorf("%s: name the thing, not %q", f.path, bad)
			}
		}
	}
}

// TestHabits: no init, no package variables but sentinels, no writing of files
// outside durable, no clock in what must be pure, long functions.
func TestHabits(t *testing.T) {
	docs := map[string]bool{}
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		if f.ast.Doc != nil {
			docs[f.pkg] = true
		} else if !docs[f.pkg] {
			docs[f.pkg] = false
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s has an init function", f.path)
				}
				if n := f.fset.Position(d.End()).Line - f.fset.Position(d.Pos()).Line; n > 100 {
					t.Errorf("%s: %s has %d lines", f.path, d.Name.Name, n)
				}
			case *ast.GenDecl:
				checkVars(t, f, d)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := x.Name + "." + sel.Sel.Name
			switch {
			case (name == "os.WriteFile" || name == "os.Create" || name == "os.CreateTemp") && f.pkg != "internal/durable" && f.pkg != "internal/testserver" && f.pkg != "internal/lossytest":
				t.Errorf("%s calls %s; internal/durable is the only writer of files", f.path, name)
			case name == "slog.Default" || (name == "time.Now" && (f.pkg == "retention" || f.pkg == "disposition" || f.pkg == "record" || f.pkg == "catalog" || f.pkg == "archive")):
				t.Errorf("%s uses %s; it is handed in", f.path, name)
			}
			return true
		})
	}
	for pkg, ok := range docs {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func checkVars(t *testing.T, f file, d *ast.GenDecl) {
	t.Helper()
	if d.Tok != token.VAR {
		return
	}
	for _, s := range d.Specs {
		for _, name := range s.(*ast.ValueSpec).Names {
			embedded := d.Doc != nil && strings.Contains(d.Doc.Text()+commentText(d.Doc), "go:embed")
			if f.pkg == "search" && name.Name == "sealer" {
				continue // bleve's hooks are variables of the process, and what they need must be one too
			}
			if !strings.HasPrefix(name.Name, "Err") && !strings.HasPrefix(name.Name, "err") && name.Name != "_" && !embedded {
				t.Errorf("%s has the package variable %s", f.path, name.Name)
			}
		}
	}
}

// commentText returns a comment with its directives, which Text leaves out.
func commentText(c *ast.CommentGroup) string {
	var b strings.Builder
	for _, l := range c.List {
		b.WriteString(l.Text)
	}
	return b.String()
}
