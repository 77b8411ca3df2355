package scan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"chartvault/internal/pdf"
)

// joiner writes pieces of a document one after the other as one PDF, so that a
// document of a thousand pages never has to be in memory whole. Each piece
// brings its objects, renumbered, and the root of its own page tree, which
// becomes a branch of the document's.
type joiner struct {
	w       io.Writer
	off     int64
	offsets []int64 // of object i+1; 0 for one that is not there
	kids    types.Array
	pages   int
	err     error

	archival bool // to be written as PDF/A-2u: every page comes from such a file
	sum      hash.Hash
}

// Objects of the whole document; the pieces' follow.
const (
	joinedCatalog = 1
	joinedPages   = 2
	joinedFixed   = 2
)

func newJoiner(w io.Writer) *joiner {
	j := &joiner{w: w, offsets: make([]int64, joinedFixed), sum: sha256.New()}
	j.printf("%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n")
	return j
}

func (j *joiner) write(b []byte) {
	if j.err != nil {
		return
	}
	n, err := j.w.Write(b)
	j.off, j.err = j.off+int64(n), err
	j.sum.Write(b) // never fails
}

func (j *joiner) printf(format string, args ...any) { j.write(fmt.Appendf(nil, format, args...)) }

// begun reports whether a piece was written.
func (j *joiner) begun() bool { return j.pages > 0 }

// add writes a piece of n pages. An error that does not come from the writer
// comes before anything is written.
func (j *joiner) add(ctx *model.Context, n int) error {
	cat, err := ctx.Catalog()
	if err != nil {
		return fmt.Errorf("join pdf pages: %w", err)
	}
	root, ok := cat["Pages"].(types.IndirectRef)
	if !ok || ctx.Root == nil {
		return errors.New("join pdf pages: no page tree")
	}
	tree, err := ctx.DereferenceDict(root)
	if err != nil || tree == nil {
		return errors.Join(errors.New("join pdf pages: no page tree"), err)
	}
	reached := map[int]bool{}
	if err := reach(ctx, root, reached); err != nil {
		return fmt.Errorf("join pdf pages: %w", err)
	}
	by := len(j.offsets)
	tree["Parent"] = *types.NewIndirectRef(joinedPages-by, 0) // comes out as joinedPages
	numbers := slices.Sorted(maps.Keys(ctx.Table))
	if len(numbers) == 0 {
		return errors.New("join pdf pages: empty piece")
	}
	j.offsets = append(j.offsets, make([]int64, numbers[len(numbers)-1])...)
	for _, k := range numbers {
		e := ctx.Table[k]
		if !reached[k] || e == nil || e.Free || e.Object == nil || k == int(ctx.Root.ObjectNumber) || ctx.Info != nil && k == int(ctx.Info.ObjectNumber) {
			continue
		}
		j.object(by+k, shifted(e.Object, by))
	}
	j.kids = append(j.kids, shifted(root, by))
	j.pages += n
	return j.err
}

// reach notes the objects that something leads to: what nothing leads to, such as
// the pages that were left behind, is not written.
func reach(ctx *model.Context, o types.Object, seen map[int]bool) error {
	switch o := o.(type) {
	case types.IndirectRef:
		n := int(o.ObjectNumber)
		if seen[n] {
			return nil
		}
		seen[n] = true
		e, ok := ctx.Table[n]
		if !ok || e == nil || e.Free {
			return nil
		}
		return reach(ctx, e.Object, seen)
	case *types.IndirectRef:
		return reach(ctx, *o, seen)
	case types.Dict:
		for _, v := range o {
			if err := reach(ctx, v, seen); err != nil {
				return err
			}
		}
	case types.Array:
		for _, v := range o {
			if err := reach(ctx, v, seen); err != nil {
				return err
			}
		}
	case types.StreamDict:
		return reach(ctx, o.Dict, seen)
	case *types.StreamDict:
		return reach(ctx, o.Dict, seen)
	}
	return nil
}

func (j *joiner) object(n int, o types.Object) {
	j.offsets[n-1] = j.off
	sd, ok := o.(types.StreamDict)
	if !ok {
		j.printf("%d 0 obj\n%s\nendobj\n", n, text(o))
		return
	}
	sd.Dict["Length"] = types.Integer(len(sd.Raw))
	j.printf("%d 0 obj\n%s\nstream\n", n, sd.Dict.PDFString())
	j.write(sd.Raw)
	j.printf("\nendstream\nendobj\n")
}

func text(o types.Object) string {
	if o == nil {
		return "null"
	}
	return o.PDFString()
}

// shifted is a copy of an object whose references are moved.
func shifted(o types.Object, by int) types.Object {
	switch o := o.(type) {
	case types.IndirectRef:
		return *types.NewIndirectRef(int(o.ObjectNumber)+by, 0)
	case *types.IndirectRef:
		return *types.NewIndirectRef(int(o.ObjectNumber)+by, 0)
	case types.Dict:
		d := make(types.Dict, len(o))
		for k, v := range o {
			d[k] = shifted(v, by)
		}
		return d
	case types.Array:
		a := make(types.Array, len(o))
		for i, v := range o {
			a[i] = shifted(v, by)
		}
		return a
	case types.StreamDict:
		o.Dict = shifted(o.Dict, by).(types.Dict)
		return o
	case *types.StreamDict:
		return shifted(*o, by)
	}
	return o
}

// close writes the page tree, the catalogue and where everything lies.
func (j *joiner) close() error {
	j.object(joinedPages, types.Dict{"Type": types.Name("Pages"), "Kids": j.kids, "Count": types.Integer(j.pages)})
	cat := types.Dict{"Type": types.Name("Catalog"), "Pages": *types.NewIndirectRef(joinedPages, 0)}
	if j.archival {
		j.conform(cat)
	}
	j.object(joinedCatalog, cat)
	at, id := j.off, j.sum.Sum(nil)[:16]
	j.printf("xref\n0 %d\n0000000000 65535 f \n", len(j.offsets)+1)
	for _, off := range j.offsets {
		if off == 0 {
			j.printf("0000000000 00000 f \n")
		} else {
			j.printf("%010d 00000 n \n", off)
		}
	}
	j.printf("trailer\n<< /Size %d /Root %d 0 R /ID [<%x> <%x>] >>\nstartxref\n%d\n%%%%EOF\n", len(j.offsets)+1, joinedCatalog, id, id, at)
	return j.err
}

// conform adds what makes a file of conforming pages PDF/A-2u.
func (j *joiner) conform(cat types.Dict) {
	metadata, profile := pdf.Archival()
	meta := j.add1(types.StreamDict{Dict: types.Dict{"Type": types.Name("Metadata"), "Subtype": types.Name("XML")}, Raw: metadata})
	icc := j.add1(types.StreamDict{Dict: types.Dict{"N": types.Integer(3)}, Raw: profile})
	cat["Metadata"] = *types.NewIndirectRef(meta, 0)
	cat["OutputIntents"] = types.Array{types.Dict{
		"Type": types.Name("OutputIntent"), "S": types.Name("GTS_PDFA1"), "OutputConditionIdentifier": types.StringLiteral("sRGB"),
		"Info": types.StringLiteral("sRGB"), "DestOutputProfile": *types.NewIndirectRef(icc, 0),
	}}
}

// add1 writes one more object and returns its number.
func (j *joiner) add1(o types.Object) int {
	j.offsets = append(j.offsets, 0)
	j.object(len(j.offsets), o)
	return len(j.offsets)
}
