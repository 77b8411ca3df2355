package scan

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/structs"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"chartvault/ocr"
	"chartvault/ocr/lept"
)

// engine is PDFium, which runs as WebAssembly: memory-safe, and with no view of
// the file system. Several documents may be open in one.
type engine struct {
	pool  pdfium.Pool
	in    pdfium.Pdfium
	cache wazero.CompilationCache
}

// pdfFile is a PDF opened by PDFium.
type pdfFile struct {
	*engine
	doc   references.FPDF_DOCUMENT
	pages int
}

// openPDF opens a PDF in an engine of its own.
func openPDF(r io.ReaderAt, size int64, o Options) (File, error) {
	e, err := startEngine(o.CacheDir)
	if err != nil {
		return nil, err
	}
	f, err := e.openPDF(r, size, o.Passwords)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return f, nil
}

func (e *engine) openPDF(r io.ReaderAt, size int64, passwords []string) (*pdfFile, error) {
	f := &pdfFile{engine: e}
	var err error
	if f.doc, err = f.open(r, size, passwords); err != nil {
		return nil, err
	}
	n, err := f.in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: f.doc})
	if err != nil {
		return nil, fmt.Errorf("open pdf: %w: %w", ocr.ErrFormat, err)
	}
	f.pages = n.PageCount
	if f.pages < 1 || f.pages > MaxPages {
		return nil, fmt.Errorf("open pdf: %w: %d pages", ocr.ErrFormat, f.pages)
	}
	return f, nil
}

// open opens the document, with each of the site's passwords where it needs
// one.
func (f *pdfFile) open(r io.ReaderAt, size int64, passwords []string) (references.FPDF_DOCUMENT, error) {
	req := requests.OpenDocument{FileReader: io.NewSectionReader(r, 0, size), FileReaderSize: size}
	d, err := f.in.OpenDocument(&req)
	for i := 0; errors.Is(err, pdfiumerrors.ErrPassword) && i < len(passwords); i++ {
		req.FileReader, req.Password = io.NewSectionReader(r, 0, size), &passwords[i]
		d, err = f.in.OpenDocument(&req)
	}
	if errors.Is(err, pdfiumerrors.ErrPassword) {
		return "", fmt.Errorf("open pdf: %w", ocr.ErrPassword)
	}
	if err != nil {
		return "", fmt.Errorf("open pdf: %w: %w", ocr.ErrFormat, err)
	}
	return d.Document, nil
}

// startEngine brings an engine up: 0.1 s with its compiled code in cacheDir, some
// seconds without.
func startEngine(cacheDir string) (*engine, error) {
	e := &engine{}
	if err := e.start(cacheDir); err != nil {
		return nil, errors.Join(fmt.Errorf("start pdf engine: %w: %w", ocr.ErrEngine, err), e.Close())
	}
	return e, nil
}

func (f *engine) start(cacheDir string) error {
	rc := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	if cacheDir != "" {
		c, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return err
		}
		f.cache = c
		rc = rc.WithCompilationCache(c)
	}
	var err error
	f.pool, err = webassembly.Init(webassembly.Config{
		Context: context.Background(), MinIdle: 1, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: rc,
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return err
	}
	f.in, err = f.pool.GetInstance(time.Minute)
	return err
}

// WarmPDF compiles the PDF engine into cacheDir, so that later workers need
// not, and may not, write there.
func WarmPDF(cacheDir string) error {
	e, err := startEngine(cacheDir)
	if err != nil {
		return fmt.Errorf("compile pdf engine: %w", err)
	}
	return e.Close()
}

// Kind implements File.
func (f *pdfFile) Kind() string { return "pdf" }

// Pages implements File.
func (f *pdfFile) Pages() int { return f.pages }

// Close ends the engine, and with it what is open in it.
func (f *engine) Close() error {
	var errs []error
	if f.in != nil {
		errs = append(errs, f.in.Close())
	}
	if f.pool != nil {
		errs = append(errs, f.pool.Close())
	}
	if f.cache != nil {
		errs = append(errs, f.cache.Close(context.Background()))
	}
	return errors.Join(errs...)
}

func (f *pdfFile) page(n int) requests.Page {
	return requests.Page{ByIndex: &requests.PageByIndex{Document: f.doc, Index: n - 1}}
}

// Decode implements File: the image that makes the page, or the page as
// rendered, at the resolution of the largest image on it.
func (f *pdfFile) Decode(n int) (Side, error) {
	if n < 1 || n > f.pages {
		return Side{}, fmt.Errorf("pdf page %d of %d: %w", n, f.pages, ocr.ErrFormat)
	}
	size, err := f.in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: f.doc, Index: n - 1})
	if err != nil {
		return Side{}, fmt.Errorf("pdf page %d: %w: %w", n, ocr.ErrFormat, err)
	}
	if s, ok := f.whole(n, size.Width, size.Height); ok {
		return s, nil
	}
	g, dpi, covered, err := f.render(n, size.Width, size.Height)
	if err != nil {
		return Side{}, err
	}
	p, err := lept.FromGray(g)
	if err != nil {
		return Side{}, fmt.Errorf("render pdf page %d: %w", n, err)
	}
	s := Side{Pix: p, DPIX: float64(dpi), DPIY: float64(dpi)}
	if words := f.words(n, p.Width(), p.Height()); legible(words, covered) {
		s.Words = words
	}
	return s, nil
}

// render renders a page of w by h points in grays, with all that is shown on it,
// and says at what resolution, and how much of it one image covers.
func (f *pdfFile) render(n int, w, h float64) (_ *image.Gray, dpi int, covered float64, err error) {
	imageDPI, covered := f.images(n, w, h)
	dpi = renderDPI(w, h, imageDPI)
	g, err := f.renderAt(n, dpi)
	return g, dpi, covered, err
}

// Picture implements Pictures.
func (f *pdfFile) Picture(n, dpi int) (*image.Gray, error) {
	if n < 1 || n > f.pages {
		return nil, fmt.Errorf("pdf page %d of %d: %w", n, f.pages, ocr.ErrFormat)
	}
	size, err := f.in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: f.doc, Index: n - 1})
	if err != nil {
		return nil, fmt.Errorf("pdf page %d: %w: %w", n, ocr.ErrFormat, err)
	}
	return f.renderAt(n, min(renderDPI(size.Width, size.Height, float64(dpi)), dpi))
}

func (f *pdfFile) renderAt(n, dpi int) (*image.Gray, error) {
	r, err := f.in.RenderPageInDPI(&requests.RenderPageInDPI{
		Page: f.page(n), DPI: dpi, ImageFormat: requests.RenderImageFormatGrayscale,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT, RenderForm: true, Document: &f.doc,
	})
	if err != nil {
		return nil, fmt.Errorf("render pdf page %d: %w: %w", n, ocr.ErrFormat, err)
	}
	g, ok := r.Result.RenderedImage.(*image.Gray)
	if !ok {
		r.Cleanup()
		return nil, fmt.Errorf("render pdf page %d: %w: no image", n, ocr.ErrFormat)
	}
	own := *g // the rendering's memory is the engine's
	own.Pix = slices.Clone(g.Pix)
	r.Cleanup()
	return &own, nil
}

// renderDPI chooses the resolution: the image's own, 300 where there is none,
// less where the page would not fit.
func renderDPI(w, h, imageDPI float64) int {
	dpi := 300.0
	if imageDPI > 0 {
		dpi = min(max(imageDPI, 100), 400)
	}
	const most = 60e6 // pixels: PDFium works in 4 GiB with four bytes a pixel
	if px := w / 72 * h / 72 * dpi * dpi; px > most {
		dpi *= math.Sqrt(most / px)
	}
	if side := max(w, h) / 72 * dpi; side > MaxSide-1 {
		dpi *= (MaxSide - 1) / side
	}
	return max(int(math.Round(dpi)), 1)
}

// images returns the resolution of the largest image on the page and the share
// of the page it covers.
func (f *pdfFile) images(n int, w, h float64) (dpi, covered float64) {
	if w <= 0 || h <= 0 {
		return 0, 0
	}
	for o, m := range f.placed(n) {
		wide := math.Hypot(float64(m.A), float64(m.B))
		high := math.Hypot(float64(m.C), float64(m.D))
		share := min(wide*high/(w*h), 1)
		if share <= covered || wide == 0 {
			continue
		}
		md, err := f.in.FPDFImageObj_GetImageMetadata(&requests.FPDFImageObj_GetImageMetadata{ImageObject: o, Page: f.page(n)})
		if err == nil {
			dpi, covered = float64(md.ImageMetadata.Width)/wide*72, share
		}
	}
	if covered < 0.5 {
		dpi = 0
	}
	return dpi, covered
}

// enoughObjects is how many objects of a page are looked at; a scan has one.
const enoughObjects = 200

// placed are the images of a page, and the matrices that place them.
func (f *pdfFile) placed(n int) iter.Seq2[references.FPDF_PAGEOBJECT, structs.FPDF_FS_MATRIX] {
	return func(yield func(references.FPDF_PAGEOBJECT, structs.FPDF_FS_MATRIX) bool) {
		count, err := f.in.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: f.page(n)})
		if err != nil {
			return
		}
		for i := range min(count.Count, enoughObjects) {
			o, err := f.in.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: f.page(n), Index: i})
			if err != nil {
				continue
			}
			kind, err := f.in.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: o.PageObject})
			if err != nil || kind.Type != enums.FPDF_PAGEOBJ_IMAGE {
				continue
			}
			if m, err := f.in.FPDFPageObj_GetMatrix(&requests.FPDFPageObj_GetMatrix{PageObject: o.PageObject}); err == nil && !yield(o.PageObject, m.Matrix) {
				return
			}
		}
	}
}
