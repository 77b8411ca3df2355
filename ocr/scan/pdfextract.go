package scan

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/klippa-app/go-pdfium/requests"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// piece is how many pages of a PDF are in memory at a time while a document is
// written.
const piece = 50

// Extract implements Documents. PDFium copies the pages with their streams as
// they are, which also mends a damaged file; pdfcpu then adds the text layer.
func (f *pdfFile) Extract(w io.Writer, pages iter.Seq2[ocr.DocumentPage, error]) error {
	next, stop := iter.Pull2(pages)
	defer stop()
	out := newJoiner(w)
	for more := true; more; {
		var some []ocr.DocumentPage
		for len(some) < piece {
			p, err, ok := next()
			if err != nil {
				return err
			}
			if more = ok; !ok {
				break
			}
			some = append(some, p)
		}
		if len(some) == 0 {
			break
		}
		if err := f.extract(out, some); err != nil {
			return fmt.Errorf("extract pdf pages: %w", err)
		}
	}
	if !out.begun() {
		return fmt.Errorf("extract pdf pages: %w: none asked for", ocr.ErrFormat)
	}
	return out.close()
}

// extract adds some pages with their layers: those of which nothing is blacked
// out as they are, the others made anew.
func (f *pdfFile) extract(out *joiner, pages []ocr.DocumentPage) error {
	for len(pages) > 0 {
		n := 0
		for n < len(pages) && len(pages[n].Black) == 0 && (pages[n].Stamp == "" || pages[n].Made || f.modest(pages[n].Number)) {
			n++
		}
		if n > 0 {
			if err := f.copied(out, pages[:n]); err != nil {
				return err
			}
			pages = pages[n:]
			continue
		}
		if err := f.burnt(out, pages[0]); err != nil {
			return err
		}
		pages = pages[1:]
	}
	return nil
}

// copied adds pages as they are. Where text layers cannot be added the pages go
// without: they are more than their text, which the manifest has too. A stamp is
// not left out.
func (f *pdfFile) copied(out *joiner, pages []ocr.DocumentPage) error {
	b, err := f.copyPages(pages)
	if err != nil {
		return err
	}
	layers := f.layers(pages)
	for i, p := range pages {
		if p.Stamp != "" && layers[i+1].stamp == nil {
			return fmt.Errorf("stamp page %d: %w", p.Number, ocr.ErrFormat)
		}
	}
	ctx, err := overlay(b, layers)
	if err != nil {
		if slices.ContainsFunc(pages, func(p ocr.DocumentPage) bool { return p.Stamp != "" }) {
			return fmt.Errorf("%w: %w", ocr.ErrFormat, err)
		}
		if ctx, err = parsePDF(b); err != nil {
			return fmt.Errorf("%w: %w", ocr.ErrFormat, err)
		}
	}
	return out.add(ctx, len(pages))
}

// copyPages has PDFium write a file of some pages.
func (f *pdfFile) copyPages(pages []ocr.DocumentPage) ([]byte, error) {
	dst, err := f.in.FPDF_CreateNewDocument(&requests.FPDF_CreateNewDocument{})
	if err != nil {
		return nil, err
	}
	defer f.in.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: dst.Document})
	idx := make([]int, len(pages))
	for i, p := range pages {
		idx[i] = p.Number - 1
	}
	if _, err := f.in.FPDF_ImportPagesByIndex(&requests.FPDF_ImportPagesByIndex{Source: f.doc, Destination: dst.Document, PageIndices: idx}); err != nil {
		return nil, fmt.Errorf("%w: %w", ocr.ErrFormat, err)
	}
	var buf bytes.Buffer
	if _, err := f.in.FPDF_SaveAsCopy(&requests.FPDF_SaveAsCopy{Document: dst.Document, FileWriter: &buf}); err != nil {
		return nil, fmt.Errorf("%w: %w", ocr.ErrFormat, err)
	}
	return buf.Bytes(), nil
}

// layers are what is to be added to some pages, by their place among them.
func (f *pdfFile) layers(pages []ocr.DocumentPage) map[int]layer {
	layers := map[int]layer{}
	for i, p := range pages {
		t := p.Text
		l := layer{turn: t.Turn}
		if t.Origin == ocr.FromOCR && len(t.Words) > 0 {
			w, h := t.Width, t.Height
			if t.Turn%2 != 0 {
				w, h = h, w
			}
			if m, ok := f.toPoints(p.Number, w, h); ok {
				m = m.after(turned(t.Turn, float64(t.Width), float64(t.Height)))
				l.content = pdf.TextLayer(Words(t, 1, 1), [6]float64{m.a, m.b, m.c, m.d, m.e, m.f})
			}
		}
		if p.Stamp != "" {
			l.stamp = f.stamp(p.Number, p.Stamp)
		}
		if l.content != nil || l.turn != 0 || l.stamp != nil {
			layers[i+1] = l
		}
	}
	return layers
}

// layer is what is added to one page.
type layer struct {
	content []byte // nil for none
	turn    int    // clockwise quarter turns
	stamp   *stamp // below the page; nil for none
}

// Words returns a page's words for a PDF's text layer: origin bottom left,
// scaled.
func Words(t ocr.PageText, sx, sy float64) []pdf.Word {
	out := make([]pdf.Word, 0, len(t.Words))
	for _, w := range t.Words {
		b := w.Box
		out = append(out, pdf.Word{Text: w.Text,
			X0: float64(b.Min.X) * sx, X1: float64(b.Max.X) * sx,
			Y0: float64(t.Height-b.Max.Y) * sy, Y1: float64(t.Height-b.Min.Y) * sy})
	}
	return out
}

// turned maps a page of w by h as displayed to the image it was turned from,
// both with their origin bottom left.
func turned(turn int, w, h float64) affine {
	switch ((turn % 4) + 4) % 4 {
	case 1:
		return affine{0, 1, -1, 0, h, 0}
	case 2:
		return affine{-1, 0, 0, -1, w, h}
	case 3:
		return affine{0, -1, 1, 0, 0, w}
	}
	return affine{1, 0, 0, 1, 0, 0}
}

func parsePDF(b []byte) (*model.Context, error) {
	api.DisableConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed
	ctx, err := api.ReadContext(bytes.NewReader(b), conf)
	if err != nil {
		return nil, err
	}
	return ctx, ctx.EnsurePageCount()
}

// overlay adds a content stream and the glyphless font to pages of a PDF.
func overlay(b []byte, layers map[int]layer) (*model.Context, error) {
	ctx, err := parsePDF(b)
	if err != nil || len(layers) == 0 {
		return ctx, err
	}
	font, err := addFont(ctx)
	if err != nil {
		return nil, fmt.Errorf("add text layer: %w", err)
	}
	for _, n := range slices.Sorted(maps.Keys(layers)) {
		if err := addLayer(ctx, n, layers[n], font); err != nil {
			return nil, fmt.Errorf("add text layer to page %d: %w", n, err)
		}
	}
	return ctx, nil
}

func addLayer(ctx *model.Context, n int, l layer, font *types.IndirectRef) error {
	page, _, attrs, err := ctx.PageDict(n, false)
	if err != nil {
		return err
	}
	if l.turn != 0 {
		rotate := 90 * l.turn
		if attrs != nil {
			rotate += attrs.Rotate
		}
		page.Update("Rotate", types.Integer(((rotate%360)+360)%360))
	}
	before := []byte("q\n")
	if l.stamp != nil {
		if before, err = l.stamp.before(page, attrs); err != nil {
			return err
		}
	}
	if l.content == nil && l.stamp == nil {
		return nil
	}
	// The page's own content may leave its graphics state anywhere.
	save, err := addStream(ctx, before)
	if err != nil {
		return err
	}
	text, err := addStream(ctx, append([]byte("\nQ\n"), l.content...))
	if err != nil {
		return err
	}
	contents := types.Array{*save}
	if o, ok := page.Find("Contents"); ok {
		if o, err = contentRefs(ctx, o); err != nil {
			return err
		}
		contents = append(contents, o.(types.Array)...)
	}
	page.Update("Contents", append(contents, *text))

	res := types.NewDict()
	if attrs != nil && attrs.Resources != nil {
		res = attrs.Resources.Clone().(types.Dict)
	}
	fonts := types.NewDict()
	if o, ok := res.Find("Font"); ok {
		d, err := ctx.DereferenceDict(o)
		if err != nil {
			return err
		}
		if d != nil {
			fonts = d.Clone().(types.Dict)
		}
	}
	fonts.Update(pdf.FontName, *font)
	if l.stamp != nil {
		fonts.Update(stampFont, types.Dict{"Type": types.Name("Font"), "Subtype": types.Name("Type1"), "BaseFont": types.Name("Helvetica"), "Encoding": types.Name("WinAnsiEncoding")})
	}
	res.Update("Font", fonts)
	page.Update("Resources", res)
	return nil
}

// contentRefs returns a page's content as an array of references.
func contentRefs(ctx *model.Context, o types.Object) (types.Object, error) {
	d, err := ctx.Dereference(o)
	if err != nil {
		return nil, err
	}
	if a, ok := d.(types.Array); ok {
		return a, nil
	}
	return types.Array{o}, nil
}

func addStream(ctx *model.Context, b []byte) (*types.IndirectRef, error) {
	sd, err := ctx.NewStreamDictForBuf(b)
	if err != nil {
		return nil, err
	}
	if err := sd.Encode(); err != nil {
		return nil, err
	}
	return ctx.IndRefForNewObject(*sd)
}

// addFont puts the objects of the glyphless font into the file and returns
// the font itself.
func addFont(ctx *model.Context) (*types.IndirectRef, error) {
	objs := pdf.Font()
	refs := make([]*types.IndirectRef, len(objs))
	for i := len(objs) - 1; i >= 0; i-- { // what is referred to comes later in the list
		o := objs[i]
		var err error
		if o.Stream != nil {
			refs[i], err = addStream(ctx, o.Stream)
		} else {
			var d types.Object
			args := make([]any, len(o.Refs))
			for j, r := range o.Refs {
				if refs[r] == nil {
					return nil, fmt.Errorf("font object %d comes before %d", r, i)
				}
				args[j] = int(refs[r].ObjectNumber)
			}
			body := fmt.Sprintf("<< "+o.Body+" >>", args...)
			if d, err = model.ParseObject(&body); err == nil {
				refs[i], err = ctx.IndRefForNewObject(d)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return refs[0], nil
}
