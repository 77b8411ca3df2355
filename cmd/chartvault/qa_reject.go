package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"slices"
	"strings"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/correct"
	"chartvault/record"
)

// kindRescan is the register of documents in quality that are to be scanned again,
// by document; an entry is wanted until the document is settled.
const (
	kindRescan   = "rescan"
	rescanWanted = "wanted"
	rescanDone   = "done"
)

// rescan is why a document is to be scanned again.
type rescan struct {
	Document string       `json:"document"`
	Reason   string       `json:"reason"` // from the list
	By       record.Actor `json:"by"`
	At       time.Time    `json:"at"`
}

// rescanReasons lists why a document is sent back.
func rescanReasons() []string {
	return []string{"it cannot be read", "pages are missing", "it is of two patients", "it is no part of a chart"}
}

// rejectParams send a document in quality back.
type rejectParams struct {
	Document record.ID `json:"document"`
	Reason   string    `json:"reason"` // from the list
}

// opQAReject has a document scanned again. It stays where it is, sealed and
// accounted for, and is asked about last, until somebody settles it all the same.
func (a *app) opQAReject(ctx context.Context, r asked, out func(any) error) error {
	var p rejectParams
	if err := r.params(&p); err != nil {
		return err
	}
	l, err := a.sendBack(ctx, r.Actor, p)
	if err != nil {
		return err
	}
	return out(l)
}

// sentBackFor refuses reasons that are not on the list.
func sentBackFor(id record.ID, reason string) error {
	if !slices.Contains(rescanReasons(), reason) {
		return fmt.Errorf("%s: %w: the reason is one of: %s", id, record.ErrInvalid, strings.Join(rescanReasons(), ", "))
	}
	return nil
}

// sendBack has a document scanned again, and writes it down.
func (a *app) sendBack(ctx context.Context, who record.Actor, p rejectParams) (l documentLine, err error) {
	if err := sentBackFor(p.Document, p.Reason); err != nil {
		return l, err
	}
	row, _, err := a.toShow(ctx, who, p.Document, "qa-reject", a.mayOpen)
	if err != nil {
		return l, err
	}
	if !waits(row) {
		return l, fmt.Errorf("document %s is %s: %w: only what waits for a decision is sent back", p.Document, row.State, record.ErrInvalid)
	}
	at := a.now().UTC().Truncate(time.Millisecond)
	if err := a.enter(ctx, audit.ActRescan, who, catalog.Entry{Kind: kindRescan, ID: p.Document.String(), State: rescanWanted, At: at, Body: mustJSON(rescan{p.Document.String(), p.Reason, who, at})}); err != nil {
		return l, err
	}
	l = lineOf(row)
	l.Rescan = p.Reason
	return l, nil
}

// waits reports whether a document waits for a decision: one in quality, or one that
// is filed with something in doubt.
func waits(row catalog.Row) bool {
	return row.State == record.DocumentQA || row.State == record.DocumentFiled && len(row.Doubts) > 0
}

// rescans is why documents are to be scanned again, by document.
func (a *app) rescans(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	es, err := a.cat.EntriesIn(ctx, kindRescan, rescanWanted)
	err = eachEntry(es, err, func(r rescan) error {
		out[r.Document] = r.Reason
		return nil
	})
	return out, err
}

// rescanned ends the wish for another scan of a document that was settled.
func (a *app) rescanned(ctx context.Context, who record.Actor, id record.ID) error {
	e, err := a.cat.Entry(ctx, kindRescan, id.String())
	if errors.Is(err, record.ErrNotFound) || err == nil && e.State != rescanWanted {
		return nil
	}
	if err != nil {
		return err
	}
	e.State = rescanDone
	return a.enter(ctx, audit.ActRescan, who, e)
}

// rescanWhat has what a correction made of a document that is to be scanned again be
// scanned again in its place.
func (a *app) rescanWhat(ctx context.Context, who record.Actor, c correct.Correction) error {
	again, err := a.rescans(ctx)
	if err != nil {
		return err
	}
	for _, id := range c.Sources {
		reason := again[id.String()]
		if reason == "" {
			continue
		}
		for _, made := range c.Results {
			row, err := a.cat.Document(ctx, made.ID)
			if err != nil {
				return err
			}
			if !waits(row) {
				continue
			}
			at := a.now().UTC().Truncate(time.Millisecond)
			if err := a.enter(ctx, audit.ActRescan, who, catalog.Entry{Kind: kindRescan, ID: made.ID.String(), State: rescanWanted, At: at, Body: mustJSON(rescan{made.ID.String(), reason, who, at})}); err != nil {
				return err
			}
		}
		if err := a.rescanned(ctx, who, id); err != nil {
			return err
		}
	}
	return nil
}

// thumbsParams ask for small pictures of a document's pages.
type thumbsParams struct {
	Document record.ID `json:"document"`
	Page     int       `json:"page"` // around which
	Ahead    bool      `json:"ahead,omitempty"`
}

// thumbLine is a small picture of a page.
type thumbLine struct {
	Page  int    `json:"page"`
	Image []byte `json:"image,omitempty"` // PNG; none of a page that could not be read
}

// quality is what something on the workstation is opened for, as purposeOf has it. In
// an emergency nothing is opened ahead.
func (a *app) quality(ctx context.Context, who record.Actor, ahead bool) (string, error) {
	purpose, in, err := a.purposeOf(ctx, who, "quality")
	switch {
	case err != nil || !ahead:
		return purpose, err
	case in:
		return "", fmt.Errorf("page: %w: in an emergency every page that is opened is looked into, and none is opened ahead", record.ErrDenied)
	}
	return purpose + ", ahead", nil
}

// mostThumbs is how many pages are shown small at once, and thumbWidth how wide.
const (
	mostThumbs = 9
	thumbWidth = 120
)

// opThumbs gives small pictures of the pages around one, of a document in quality:
// one entry of the log that names them, before the first.
func (a *app) opThumbs(ctx context.Context, r asked, out func(any) error) error {
	var p thumbsParams
	if err := r.params(&p); err != nil {
		return err
	}
	row, s, err := a.toShow(ctx, r.Actor, p.Document, "thumbnails", a.mayOpen)
	if err != nil {
		return err
	}
	if !waits(row) {
		return fmt.Errorf("document %s is %s: %w: small pictures are of what waits for a decision", p.Document, row.State, record.ErrInvalid)
	}
	purpose, err := a.quality(ctx, r.Actor, p.Ahead)
	if err != nil {
		return err
	}
	n := len(s.Manifest.Pages)
	from := max(1, min(p.Page-mostThumbs/2, n-mostThumbs+1))
	to := min(n, from+mostThumbs-1)
	_, pkg, err := a.arch.OpenWhole(ctx, row.ID, row.Version)
	if err != nil {
		return err
	}
	defer pkg.Close() // read-only
	if err := a.arch.Note(ctx, audit.ActDocumentRead, s.Key, map[string]any{"actor": r.Actor, "purpose": purpose, "member": fmt.Sprintf("thumbnails/%04d-%04d", from, to)}); err != nil {
		return err
	}
	for i := from; i <= to; i++ {
		l := thumbLine{Page: i}
		if name := fmt.Sprintf("preview/%04d.png", i); pkg.Size(name) >= 0 {
			var b bytes.Buffer
			if err := pkg.Copy(name, &b); err != nil {
				return err
			}
			if l.Image, err = smaller(b.Bytes()); err != nil {
				return fmt.Errorf("document %s, page %d: %w: %w", row.ID, i, record.ErrCorrupt, err)
			}
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// smaller is a page's picture, thumbWidth wide: each of its points is the mean of
// those it stands for.
func smaller(b []byte) ([]byte, error) {
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	grey := image.NewGray(im.Bounds())
	draw.Draw(grey, grey.Bounds(), im, im.Bounds().Min, draw.Src)
	w, h := grey.Bounds().Dx(), grey.Bounds().Dy()
	if w <= thumbWidth {
		return b, nil
	}
	th := max(1, h*thumbWidth/w)
	small := image.NewGray(image.Rect(0, 0, thumbWidth, th))
	for y := range th {
		for x := range thumbWidth {
			sum, n := 0, 0
			for yy := y * h / th; yy < (y+1)*h/th; yy++ {
				for xx := x * w / thumbWidth; xx < (x+1)*w/thumbWidth; xx++ {
					sum, n = sum+int(grey.Pix[yy*grey.Stride+xx]), n+1
				}
			}
			small.Pix[y*small.Stride+x] = uint8(sum / max(1, n))
		}
	}
	var out bytes.Buffer
	err = png.Encode(&out, small)
	return out.Bytes(), err
}
