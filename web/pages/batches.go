package pages

import (
	"fmt"

	"chartvault/record"
)

// batch is a batch with its accounting.
type batch struct {
	ID         string `json:"id"`
	ReceivedAt string `json:"received_at"`
	State      string `json:"state"`
	PagesIn    int    `json:"pages_in"`
	Filed      int    `json:"filed"`
	Separators int    `json:"separators"`
	Blanks     int    `json:"blanks"`
	QA         int    `json:"qa"`
	Step       string `json:"step"` // of a batch on its way
	Done       int    `json:"done"`
	Of         int    `json:"of"`
	Source     string `json:"source"` // the folder it lay in
	Waits      int    `json:"waits"`  // documents of it, for a decision
	Keeper     string `json:"keeper"` // who has it in hand; "" for nobody
	Urgent     bool   `json:"urgent"`
}

// Stage says where a batch is, in words.
func (b batch) Stage() string {
	switch {
	case b.State == "filed" && b.Balanced():
		return "yes"
	case b.State == "unread" && b.Balanced():
		return "yes, unread in quality"
	case b.Step == "claimed" && b.Of > 0:
		return fmt.Sprintf("reading, %d of %d pages", b.Done, b.Of)
	case b.Step == "split" && b.Of > 0:
		return fmt.Sprintf("storing, %d of %d documents", b.Done, b.Of)
	}
	return "on its way"
}

// Cells are what its row says, of which the table changes by itself.
func (b batch) Cells() []string {
	return []string{b.State, itoa(b.PagesIn), itoa(b.Filed), itoa(b.Separators), itoa(b.Blanks), itoa(b.QA), b.Stage(), itoa(b.Waits), b.Keeper, b.urgency()}
}

// urgency says that a batch is urgent; "" for one that is not.
func (b batch) urgency() string {
	if b.Urgent {
		return "urgent"
	}
	return ""
}

// Balanced reports whether every page that came in has its place.
func (b batch) Balanced() bool { return b.PagesIn == b.Filed+b.Separators+b.Blanks+b.QA }

// batchFilters are what batches are listed by, with their names.
func batchFilters() []filter {
	return []filter{{"", "All"}, {"on its way", "On their way"}, {"waiting", "With questions"}, {"urgent", "Urgent"}, {"mine", "Mine"}, {"unread", "Not read"}}
}

// filter is a way to list something, as the address has it and in words.
type filter struct{ Key, Name string }

// batchesPage is a list of batches.
type batchesPage struct {
	Only    string
	Filters []filter
	Batches []batch
}

func (v *visit) batches() error {
	if v.csvWanted() {
		bs, err := each[batch](v, "batches", map[string]any{"only": v.r.URL.Query().Get("only"), "most": allRows})
		if err != nil {
			return err
		}
		return saveList(v, "batches", []string{"batch", "received", "from", "state", "pages in", "filed", "separators", "blank", "in quality", "waiting", "taken by", "urgent"}, bs, func(b batch) []string {
			return []string{b.ID, b.ReceivedAt, b.Source, b.State, itoa(b.PagesIn), itoa(b.Filed), itoa(b.Separators), itoa(b.Blanks), itoa(b.QA), itoa(b.Waits), b.Keeper, b.urgency()}
		})
	}
	p := batchesPage{Only: v.r.URL.Query().Get("only"), Filters: batchFilters()}
	var err error
	if p.Batches, err = part(v, "batches", map[string]any{"only": p.Only}, func(b batch) string { return b.ID }); err != nil {
		return err
	}
	return v.show("batches", "Batches", p)
}

// batchAct takes a batch in hand, leaves it, or says whether it is urgent.
func (v *visit) batchAct() error {
	id, act := v.r.PathValue("batch"), v.r.PathValue("act")
	if err := v.call("batch-mark", map[string]string{"id": id, "act": act}, nothing); err != nil {
		return err
	}
	if act == "take" {
		first, err := v.freeIn(id, "", "")
		if err != nil {
			return err
		}
		if first != "" {
			return v.to("/qa/" + first)
		}
	}
	return v.to("/batches/" + id)
}

// rejectBatch has everything of a batch that waits scanned again.
func (v *visit) rejectBatch() error {
	id := v.r.PathValue("batch")
	ws, err := each[waiting](v, "qa-list", map[string]any{"batch": id})
	if err != nil {
		return err
	}
	for _, w := range ws {
		if who := v.claims.held(w.Document, v.Now()); who != "" && who != v.session.User.Name {
			return fmt.Errorf("%s works on a document of this batch: %w: let them finish it first", who, record.ErrBusy)
		}
	}
	if err := v.call("batch-reject", map[string]string{"id": id, "reason": v.field("reason")}, nothing); err != nil {
		return err
	}
	return v.to("/batches/" + id)
}
