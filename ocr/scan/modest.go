package scan

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"chartvault/internal/pdf"
	"chartvault/ocr"
)

// modest reports whether a page holds nothing but what it shows, so that it may
// leave as it is: images, every one of which is drawn, on the page and whole, and the
// words that were read of them. Any other page leaves as an image: one with notes,
// forms, layers, patterns or masks, with images it does not draw (of other pages,
// where a file shares them) or draws beside the page, with a part that is cropped
// away, with anything painted over what lies below, or with text of its own, which may
// lie under or beside what is seen.
func (f *pdfFile) modest(n int) bool {
	b, err := f.copyPages([]ocr.DocumentPage{{Number: n}})
	if err != nil {
		return false
	}
	ctx, err := parsePDF(b)
	if err != nil {
		return false
	}
	page, _, attrs, err := ctx.PageDict(1, false)
	if err != nil || page == nil || attrs == nil || attrs.MediaBox == nil || attrs.Resources == nil {
		return false
	}
	if notes, ok := page.Find("Annots"); ok {
		if a, err := ctx.DereferenceArray(notes); err != nil || len(a) > 0 {
			return false
		}
	}
	if c, m := attrs.CropBox, attrs.MediaBox; c != nil && (c.LL.X > m.LL.X+1 || c.LL.Y > m.LL.Y+1 || c.UR.X < m.UR.X-1 || c.UR.Y < m.UR.Y-1) {
		return false
	}
	for name := range attrs.Resources {
		switch name {
		case "Font", "ProcSet", "ColorSpace", "XObject":
		default: // states may hide a mask, and properties a layer
			if d, err := ctx.DereferenceDict(attrs.Resources[name]); err != nil || len(d) > 0 {
				return false
			}
		}
	}
	fonts, err := ctx.DereferenceDict(attrs.Resources["Font"])
	if err != nil {
		return false
	}
	for name := range fonts {
		if name != pdf.FontName {
			return false
		}
	}
	content, err := ctx.PageContent(page, 1)
	if err != nil {
		return false
	}
	drawn, ok := paints(content)
	return ok && drawsAll(ctx, attrs.Resources, drawn) && f.lieWithin(n, attrs.MediaBox, len(drawn))
}

// drawsAll reports whether the objects of a page's resources are images, each of
// which is drawn once, and nothing else is.
func drawsAll(ctx *model.Context, resources types.Dict, drawn []string) bool {
	objects, err := ctx.DereferenceDict(resources["XObject"])
	if err != nil || len(objects) != len(drawn) {
		return false
	}
	for name, o := range objects {
		sd, _, err := ctx.DereferenceStreamDict(o)
		if err != nil || sd == nil || !slices.Contains(drawn, name) {
			return false
		}
		if kind := sd.Subtype(); kind == nil || *kind != "Image" {
			return false
		}
		for _, hidden := range []string{"SMask", "Mask", "Alternates", "OC", "Metadata"} {
			if _, ok := sd.Find(hidden); ok {
				return false
			}
		}
	}
	return true
}

// lieWithin reports whether each of the images of a page lies on it, straight, with a
// size, beside and not over the others: what is covered is not seen either.
func (f *pdfFile) lieWithin(n int, box *types.Rectangle, images int) bool {
	w, h := box.Width(), box.Height()
	var lie []types.Rectangle
	for _, m := range f.placed(n) {
		upright, turned := math.Abs(float64(m.B))+math.Abs(float64(m.C)) < 0.01, math.Abs(float64(m.A))+math.Abs(float64(m.D)) < 0.01
		x0, y0 := float64(m.E)-box.LL.X, float64(m.F)-box.LL.Y
		x1, y1 := x0+float64(m.A+m.C), y0+float64(m.B+m.D)
		r := types.NewRectangle(math.Min(x0, x1), math.Min(y0, y1), math.Max(x0, x1), math.Max(y0, y1))
		if upright == turned || r.Width() < 1 || r.Height() < 1 || r.LL.X < -slack*w || r.LL.Y < -slack*h || r.UR.X > w*(1+slack) || r.UR.Y > h*(1+slack) {
			return false
		}
		for _, o := range lie {
			if math.Min(r.UR.X, o.UR.X)-math.Max(r.LL.X, o.LL.X) > 1 && math.Min(r.UR.Y, o.UR.Y)-math.Max(r.LL.Y, o.LL.Y) > 1 {
				return false
			}
		}
		lie = append(lie, *r)
	}
	return len(lie) == images
}

// paints lists what a content stream draws, in order. It is false for one that does
// more than place images and words that are read and not seen.
func paints(content []byte) (drawn []string, ok bool) {
	last := ""
	for len(content) > 0 {
		c := content[0]
		switch {
		case c <= ' ' || c == '[' || c == ']':
			content = content[1:]
		case c == '<': // in hexadecimal digits
			end := bytes.IndexByte(content, '>')
			if end < 0 || bytes.ContainsAny(content[1:end], "<") {
				return nil, false
			}
			content = content[end+1:]
		case bytes.IndexByte([]byte("(){}%>"), c) >= 0:
			return nil, false
		default:
			end := 1 + bytes.IndexAny(content[1:], " \t\r\n\f\x00/[]<>(){}%")
			if end == 0 {
				end = len(content)
			}
			word := string(content[:end])
			content = content[end:]
			if c == '/' {
				last = word[1:]
				continue
			}
			if _, err := strconv.ParseFloat(word, 64); err == nil {
				continue
			}
			switch word {
			case "Do":
				drawn = append(drawn, last)
			case "Tf":
				if last != pdf.FontName {
					return nil, false
				}
			case "q", "Q", "cm", "BT", "ET", "Tm", "Td", "TD", "T*", "Tz", "Tr", "Tc", "Tw", "TL", "Ts", "Tj", "TJ", "g", "G", "rg", "RG", "k", "K", "i", "ri":
			default:
				return nil, false
			}
		}
	}
	return drawn, true
}
