package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
)

// mutant is a file with one thing changed.
type mutant struct {
	file string
	name string // file, function, what was changed, and which of several alike
	text []byte
}

// edit changes a part of a file's text.
type edit struct {
	from, to int // offsets
	with     string
	what     string
}

// swaps says what stands in the place of an operator.
func swaps() map[token.Token][]string {
	return map[token.Token][]string{
		token.EQL: {"!="}, token.NEQ: {"=="}, token.LSS: {"<=", ">="}, token.LEQ: {"<", ">"}, token.GTR: {">=", "<="}, token.GEQ: {">", "<"},
		token.LAND: {"||"}, token.LOR: {"&&"}, token.ADD: {"-"}, token.SUB: {"+"},
	}
}

// mutants returns every mutant of a file.
func mutants(file string) ([]mutant, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		return nil, err
	}
	var out []mutant
	seen := map[string]int{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		for _, e := range edits(fset, fn) {
			name := fmt.Sprintf("%s: %s: %s", filepath.Base(file), fn.Name.Name, e.what)
			if seen[name]++; seen[name] > 1 {
				name += fmt.Sprintf(" (%d)", seen[name])
			}
			text := bytes.Join([][]byte{src[:e.from], []byte(e.with), src[e.to:]}, nil)
			out = append(out, mutant{file, name, text})
		}
	}
	return out, nil
}

// edits finds what can be changed in a function.
func edits(fset *token.FileSet, fn *ast.FuncDecl) []edit {
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	var out []edit
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if lit, ok := n.X.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				return true
			}
			for _, with := range swaps()[n.Op] {
				from := at(n.OpPos)
				out = append(out, edit{from, from + len(n.Op.String()), with, fmt.Sprintf("%s with %s", source(fset, n), with)})
			}
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				out = append(out, edit{at(n.OpPos), at(n.OpPos) + 1, "", source(fset, n) + " without !"})
			}
		case *ast.Ident:
			if other, ok := map[string]string{"true": "false", "false": "true"}[n.Name]; ok {
				out = append(out, edit{at(n.Pos()), at(n.End()), other, n.Name + " as " + other})
			}
		case *ast.BasicLit:
			if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
				out = append(out, edit{at(n.Pos()), at(n.End()), strconv.Itoa(v + 1), fmt.Sprintf("%d as %d", v, v+1)})
			}
		case *ast.BlockStmt:
			out = append(out, removals(fset, n.List, at)...)
		case *ast.CaseClause:
			out = append(out, removals(fset, n.Body, at)...)
		}
		return true
	})
	return out
}

// removals leaves statements out: assignments to what is there already, and
// calls.
func removals(fset *token.FileSet, list []ast.Stmt, at func(token.Pos) int) []edit {
	var out []edit
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt:
		default:
			continue
		}
		out = append(out, edit{at(s.Pos()), at(s.End()), "", "without " + source(fset, s)})
	}
	return out
}

// source writes a node on one line.
func source(fset *token.FileSet, n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, n); err != nil {
		return err.Error()
	}
	line := string(bytes.Join(bytes.Fields(b.Bytes()), []byte(" ")))
	if len(line) > 90 {
		line = line[:90] + "..."
	}
	return line
}
