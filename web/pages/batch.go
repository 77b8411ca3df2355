package pages

import (
	"cmp"
	"math"
	"slices"

	"chartvault/accounts"
	"chartvault/record"
)

// batchPage is a batch with the place of each of its pages.
type batchPage struct {
	batch
	SHA256    string      `json:"source_sha256"`
	Size      int64       `json:"size"`
	Via       string      `json:"via"`
	Why       string      `json:"why"`
	Places    []place     `json:"places"`
	Documents []batchFile `json:"documents"`

	Mine   bool `json:"-"` // whoever looks has it in hand
	Scores bool `json:"-"` // how well its pages were read was asked for
}

// place is where a page of a scan is.
type place struct {
	Page     int              `json:"page"`
	Place    record.Placement `json:"place"`
	Document string           `json:"document"`
	Score    int              `json:"score"`
}

// batchFile is a document of a batch.
type batchFile struct {
	Document string               `json:"document"`
	Type     string               `json:"type"`
	Pages    int                  `json:"pages"`
	State    record.DocumentState `json:"state"`
	Why      []string             `json:"why"`

	Number int    `json:"-"` // in the batch, from 1
	Where  string `json:"-"` // it opens, for whoever looks; "" for nowhere
}

// run is pages of a scan that lie beside each other and have one place.
type run struct {
	From, To int
	Place    record.Placement
	Number   int                  // of the document; 0 for none
	State    record.DocumentState // of the document now
	Score    int                  // of the page, where they are shown one by one; 0 for none
}

// Runs are the pages of the scan in order: those of one place together, or with their
// scores one by one.
func (b batchPage) Runs() (out []run) {
	number, state := map[string]int{}, map[int]record.DocumentState{}
	for _, d := range b.Documents {
		number[d.Document], state[d.Number] = d.Number, d.State
	}
	for _, p := range b.Places {
		n := number[p.Document]
		if k := len(out) - 1; !b.Scores && k >= 0 && out[k].Place == p.Place && out[k].Number == n && out[k].To == p.Page-1 {
			out[k].To = p.Page
			continue
		}
		out = append(out, run{p.Page, p.Page, p.Place, n, state[n], p.Score})
	}
	return out
}

// batch shows where each page of a batch is.
func (v *visit) batch() error {
	var b batchPage
	b.Scores = v.r.URL.Query().Get("scores") != ""
	if err := v.one("batch-show", map[string]any{"id": v.r.PathValue("batch"), "scores": b.Scores}, &b); err != nil {
		return err
	}
	at := map[string]int{}
	for _, p := range b.Places {
		if _, ok := at[p.Document]; !ok {
			at[p.Document] = p.Page
		}
	}
	// In the order of the paper; those that a correction made come last.
	slices.SortStableFunc(b.Documents, func(x, y batchFile) int {
		return cmp.Compare(cmp.Or(at[x.Document], math.MaxInt), cmp.Or(at[y.Document], math.MaxInt))
	})
	for i := range b.Documents {
		d := &b.Documents[i]
		d.Number = i + 1
		switch {
		case d.State == record.DocumentQA && v.session.User.May(accounts.Settle):
			d.Where = "/qa/" + d.Document
		case d.State == record.DocumentFiled && v.session.User.May(accounts.OpenChart):
			d.Where = "/document/" + d.Document
		}
	}
	b.Mine = b.Keeper == v.session.User.Name
	return v.show("batch", "Batch", b)
}
