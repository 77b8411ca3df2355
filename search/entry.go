package search

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2/document"
	hooks "github.com/blevesearch/bleve_index_api"

	"chartvault/ocr"
	"chartvault/record"
)

// The engine's fields, and how the values of fieldIs begin.
const (
	fieldBody = "body"
	fieldIs   = "is"
	fieldPair = "pair"
	fieldText = "text"

	isDocument   = "d:"
	isChart      = "c:"
	isType       = "t:"
	isBatch      = "b:"
	isFacility   = "f:"
	isDay        = "y:"  // 2019, 2019-03, 2019-03-07: each day is its month's and its year's too
	isSomeDay    = "y?:" // 2019 or 2019-03: a day in it that is not known
	isConfidence = "q:"  // tens, 0 to 10
	isDoubtful   = "doubtful"
	isFirst      = "first" // the first page of a document
)

// Entry is a document for the index: what it is filed as and what its pages
// say, numbered from 1 in order.
type Entry struct {
	ID      record.ID
	Chart   record.ChartNumber // zero while none is known
	Type    string
	Service record.Date
	Batch   record.ID

	Facility string // code; "" for none
	Pages    []ocr.PageText
}

// Change is what happened since the index was last brought up to date.
type Change struct {
	Put      []Entry     // indexed in place of what was there
	Remove   []record.ID // an absent one is no error
	Position int64       // of the catalogue; 0 leaves the index's own as it is
}

// Apply makes a change, whole or not at all.
func (x *Index) Apply(_ context.Context, c Change) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.apply(c); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

func (x *Index) apply(c Change) error {
	b := x.bl.NewBatch()
	for _, e := range c.Put {
		if err := x.clear(b, e.ID); err != nil {
			return fmt.Errorf("document %s: %w", e.ID, err)
		}
		for i, p := range e.Pages {
			if err := b.IndexAdvanced(x.page(e, i+1, p)); err != nil {
				return fmt.Errorf("document %s: %w", e.ID, err)
			}
		}
	}
	for _, id := range c.Remove {
		if err := x.clear(b, id); err != nil {
			return fmt.Errorf("document %s: %w", id, err)
		}
	}
	if c.Position != 0 {
		b.SetInternal([]byte(positionKey), binary.BigEndian.AppendUint64(nil, uint64(c.Position)))
	}
	return x.bl.within(func() error { return x.bl.Batch(b) })
}

// clear takes the pages of a document out, within a batch.
func (x *Index) clear(b interface{ Delete(string) }, id record.ID) error {
	old, err := x.pagesOf(id)
	for _, name := range old {
		b.Delete(name)
	}
	return err
}

// page makes the engine's entry of page n.
func (x *Index) page(e Entry, n int, p ocr.PageText) *document.Document {
	d := document.NewDocument(pageName(e.ID, n))
	body := fold(Words(p))
	d.AddField(document.NewTextFieldCustom(fieldBody, nil, nil, hooks.IndexField|hooks.IncludeTermVectors, body))
	d.AddField(document.NewTextFieldCustom(fieldPair, nil, nil, hooks.IndexField|hooks.SkipFreqNorm, body.pairs()))
	for i, v := range e.is(n, p) {
		d.AddField(document.NewTextFieldCustom(fieldIs, []uint64{uint64(i)}, []byte(v), hooks.IndexField|hooks.SkipFreqNorm, nil))
	}
	text := x.enc.EncodeAll([]byte(strings.Join(Words(p), " ")), nil)
	d.AddField(document.NewTextFieldCustom(fieldText, nil, text, hooks.StoreField, nil))
	return d
}

// is lists what page n of a document is.
func (e Entry) is(n int, p ocr.PageText) []string {
	out := []string{isDocument + e.ID.String(), isType + e.Type, isBatch + e.Batch.String(), isConfidence + strconv.Itoa(int(p.Confidence)/10)}
	if !e.Chart.IsZero() {
		out = append(out, isChart+e.Chart.Canonical())
	}
	if e.Facility != "" {
		out = append(out, isFacility+e.Facility)
	}
	if n == 1 {
		out = append(out, isFirst)
	}
	if doubtful(p) {
		out = append(out, isDoubtful)
	}
	return append(out, days(e.Service)...)
}

// days lists what a day of service is filed under.
func days(d record.Date) []string {
	if d.IsZero() {
		return nil
	}
	year := fmt.Sprintf("%04d", d.Year)
	if d.Month == 0 {
		return []string{isDay + year, isSomeDay + year}
	}
	month := fmt.Sprintf("%s-%02d", year, d.Month)
	if d.Day == 0 {
		return []string{isDay + year, isDay + month, isSomeDay + month}
	}
	return []string{isDay + year, isDay + month, fmt.Sprintf("%s%s-%02d", isDay, month, d.Day)}
}

// doubtful reports whether a page was recognised so badly that what was read
// may not be what is there: handwriting, above all. Pages of before quality was
// measured have none.
func doubtful(p ocr.PageText) bool {
	return p.Origin == ocr.FromOCR && p.Quality != (ocr.Quality{}) && p.Quality.Poor(ocr.DefaultPoor)
}

// Words returns the words of a page as the index keeps them: as they were read,
// without blanks inside.
func Words(p ocr.PageText) []string {
	out := make([]string, len(p.Words))
	for i, w := range p.Words {
		out[i] = strings.Join(strings.Fields(w.Text), "_") // blanks part words when the text is opened again
		if out[i] == "" {
			out[i] = "_"
		}
	}
	return out
}

// fold returns the tokens of words and which word each is of.
func fold(ws []string) words {
	out := make(words, 0, len(ws))
	for i, w := range ws {
		for _, t := range tokens(w) {
			out = append(out, token{t, i})
		}
	}
	return out
}
