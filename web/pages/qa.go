package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chartvault/accounts"
	"chartvault/record"
)

// claimLife is how long an item is one person's without a sign of life.
const claimLife = 5 * time.Minute

// claims says who works on which item, so that two people never settle the
// same one.
type claims struct {
	mu sync.Mutex
	by map[string]claim
}

type claim struct {
	user  string
	until time.Time
}

// take claims an item; the name of who has it, when it is another.
func (c *claims) take(id, user string, now time.Time) (other string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]claim{}
	}
	if h, ok := c.by[id]; ok && h.user != user && now.Before(h.until) {
		return h.user
	}
	c.by[id] = claim{user, now.Add(claimLife)}
	return ""
}

func (c *claims) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, id)
}

// leave gives up an item that is somebody's.
func (c *claims) leave(id, user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[id].user == user {
		delete(c.by, id)
	}
}

// held returns who has an item; "" for nobody.
func (c *claims) held(id string, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.by[id]; ok && now.Before(h.until) {
		return h.user
	}
	return ""
}

// waiting is a document that waits for a decision.
type waiting struct {
	Document string   `json:"document"`
	Type     string   `json:"type"`
	FiledAt  string   `json:"filed_at"`
	Pages    int      `json:"pages"`
	Why      []string `json:"why"`    // in words
	Rescan   string   `json:"rescan"` // why it is to be scanned again; "" for not
	Batch    string   `json:"batch"`
	Keeper   string   `json:"keeper"` // who has the batch in hand; "" for nobody
	Urgent   bool     `json:"urgent"` // the batch is
	Holder   string   `json:"-"`      // who works on it
}

func (v *visit) queue() error {
	if v.csvWanted() {
		ws, err := each[waiting](v, "qa-list", struct{}{})
		if err != nil {
			return err
		}
		return saveList(v, "quality", []string{"document", "batch", "type", "pages", "came in", "why", "to be scanned again", "taken by", "urgent"}, ws, func(w waiting) []string {
			return []string{w.Document, w.Batch, w.Type, itoa(w.Pages), w.FiledAt, strings.Join(w.Why, "; "), w.Rescan, w.Keeper, fmt.Sprint(w.Urgent)}
		})
	}
	ws, err := part(v, "qa-list", map[string]any{}, func(w waiting) string { return w.Document })
	if err != nil {
		return err
	}
	for i, w := range ws {
		ws[i].Holder = cmp.Or(v.claims.held(w.Document, v.Now()), w.Keeper)
	}
	return v.show("queue", "Quality questions", ws)
}

// fewItems is how many of those that wait are looked at for one that is free.
const fewItems = 20

// free is the item that is whoever asks's from now on: of a batch they have in hand,
// of an urgent one, or the first one that nobody else works on; "" for none. besides
// is one that is not meant, after one that it comes after in the list, where there is
// another.
func (v *visit) free(besides, after string) (string, error) {
	if after != "" {
		for _, from := range []string{after, ""} {
			if id, err := v.firstFree(after, from); id != "" || err != nil {
				return id, err
			}
		}
	}
	return v.firstFree(besides, "")
}

func (v *visit) firstFree(besides, after string) (string, error) {
	for _, only := range []string{"mine", "urgent"} {
		bs, err := each[batch](v, "batches", map[string]any{"only": only})
		if err != nil {
			return "", err
		}
		for _, b := range slices.Backward(bs) { // the oldest first
			if b.Waits == 0 {
				continue
			}
			id, err := v.freeIn(b.ID, besides, after)
			if id != "" || err != nil {
				return id, err
			}
		}
	}
	return v.freeIn("", besides, after)
}

// freeIn is free in one batch, or in all.
func (v *visit) freeIn(batch, besides, after string) (string, error) {
	p := map[string]any{"most": fewItems}
	if after != "" {
		p["after"] = after
	}
	if batch != "" {
		p["batch"] = batch
	}
	me := v.session.User.Name
	for {
		ws, err := each[waiting](v, "qa-list", p)
		if err != nil {
			return "", err
		}
		for _, w := range ws {
			if w.Rescan != "" || w.Document == besides || w.Keeper != "" && w.Keeper != me { // of the first nothing is to be decided yet
				continue
			}
			if v.claims.take(w.Document, me, v.Now()) == "" { // so that nobody else is sent there
				return w.Document, nil
			}
		}
		if len(ws) < fewItems {
			return "", nil
		}
		p["after"] = ws[len(ws)-1].Document
	}
}

// next goes to the first item nobody works on.
//
// Ahead, it is one besides the one that is worked on, to stand there when that is
// settled; after one that is left without a decision, the one behind that.
func (v *visit) next() error {
	if skipped, err := record.ParseID(v.r.URL.Query().Get("after")); err == nil && !v.ahead() {
		v.claims.leave(skipped.String(), v.session.User.Name)
		return v.toNextAfter("", skipped.String())
	}
	if !v.ahead() {
		return v.toNext(v.last())
	}
	v.claims.take(v.last(), v.session.User.Name, v.Now()) // somebody is at it still
	free, err := v.free(v.last(), "")
	if err != nil {
		return err
	}
	if free == "" {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return v.to("/qa/" + free + "?ahead=1&last=" + v.last())
}

// ahead reports whether a page is asked for before anybody turned to it.
func (v *visit) ahead() bool { return v.r.URL.Query().Get("ahead") != "" }

// toNext goes to the first item that is free, from the one that was settled last; ""
// for none.
func (v *visit) toNext(last string) error { return v.toNextAfter(last, "") }

// toNextAfter is toNext for whoever left one without a decision.
func (v *visit) toNextAfter(last, after string) error {
	free, err := v.free("", after)
	if err != nil {
		return err
	}
	if last != "" {
		last = "?last=" + last
	}
	if free == "" {
		return v.to("/qa" + last)
	}
	return v.to("/qa/" + free + last)
}

// last is the document that was settled before, which can be looked at again; "" for
// none.
func (v *visit) last() string {
	id, err := record.ParseID(v.r.URL.Query().Get("last"))
	if err != nil {
		return ""
	}
	return id.String()
}

// readValue is a value that was read of a document, and where.
type readValue struct {
	Text       string `json:"text"`
	Confidence int    `json:"confidence"`
	Source     string `json:"source"`
	Page       int    `json:"page"`
}

// readIndex is what was read of a document.
type readIndex struct {
	Chart   readValue `json:"chart"`
	Name    readValue `json:"name"`
	Born    readValue `json:"born"`
	Service readValue `json:"service"`
	Type    readValue `json:"type"`
}

// workItem is an item on the workstation.
type workItem struct {
	*view
	Index    readIndex
	Left     int
	People   []person
	Asked    string
	Before   string // the document that lies before it in its batch; "" for none
	Rescan   string // why it is to be scanned again; "" for not
	Thumbs   []thumb
	Corrects bool // whoever looks may correct
	Types    []string
}

// thumb is a small picture of a page.
type thumb struct {
	Page    int
	Here    bool
	Picture string // "" for a page that could not be read
}

// thumbs are small pictures of the pages around one, where there is more than one.
func (v *visit) thumbs(w *view) (out []thumb, err error) {
	if w.Pages < 2 || w.State != string(record.DocumentQA) && len(w.Doubts) == 0 {
		return nil, nil
	}
	lines, err := each[struct {
		Page  int    `json:"page"`
		Image []byte `json:"image"`
	}](v, "thumbnails", map[string]any{"document": w.ID, "page": w.Page, "ahead": v.ahead()})
	for _, l := range lines {
		t := thumb{Page: l.Page, Here: l.Page == w.Page}
		if len(l.Image) > 0 {
			t.Picture = "/image/" + v.session.KeepSmall(picture(l.Image))
		}
		out = append(out, t)
	}
	return out, err
}

// reject has a document scanned again, and goes to the next one.
func (v *visit) reject() error {
	id := v.r.PathValue("document")
	if other := v.claims.take(id, v.session.User.Name, v.Now()); other != "" {
		return fmt.Errorf("%s works on this document: %w: take the next one", other, record.ErrBusy)
	}
	if err := v.call("qa-reject", map[string]string{"document": id, "reason": v.field("reason")}, nothing); err != nil {
		return err
	}
	v.claims.drop(id)
	return v.toNext("")
}

// person is somebody of the patient list.
type person struct {
	Name    string `json:"name"`
	Born    string `json:"date_of_birth"`
	Numbers []struct {
		Chart string `json:"chart_number"`
	} `json:"numbers"`
}

func (v *visit) item() error { return v.workOn(nil, "") }

// workOn shows the workstation, with what a look-up found.
func (v *visit) workOn(found []person, asked string) error {
	id := v.r.PathValue("document")
	if other := v.claims.take(id, v.session.User.Name, v.Now()); other != "" {
		return fmt.Errorf("%s works on this document: %w: take the next one", other, record.ErrBusy)
	}
	var read struct {
		Index    readIndex `json:"index"`
		Previous string    `json:"previous"`
		Rescan   string    `json:"rescan"`
	}
	if err := v.one("qa-show", map[string]any{"document": id, "ahead": v.ahead()}, &read); err != nil {
		return err
	}
	w := workItem{Index: read.Index, People: found, Asked: asked, Before: read.Previous, Rescan: read.Rescan, Corrects: v.session.User.May(accounts.Correct), Types: v.Pages.Types}
	var err error
	if w.view, err = v.openPage(id, v.pageNumber(), "quality", ""); err != nil {
		return err
	}
	if w.Thumbs, err = v.thumbs(w.view); err != nil { // the page is here, and can be decided about
		v.Log.WarnContext(v.r.Context(), "no small pictures", "document", id, "err", err)
	}
	if w.Left, err = v.rows("qa-count"); err != nil {
		return err
	}
	if v.ahead() { // the one before it is settled when it is looked at
		w.Left--
	}
	return v.show("item", "Quality question", w)
}

// settle files a document as a person decided, and goes to the next one.
func (v *visit) settle() error {
	id := v.r.PathValue("document")
	if other := v.claims.take(id, v.session.User.Name, v.Now()); other != "" {
		return fmt.Errorf("%s works on this document: %w: take the next one", other, record.ErrBusy)
	}
	if err := v.call("qa-assign", map[string]string{"document": id, "chart": v.field("chart"), "type": v.field("type")}, nothing); err != nil {
		return err
	}
	v.claims.drop(id)
	return v.toNext(id)
}

// people looks a patient up in the list, for the document on the workstation.
func (v *visit) people() error {
	asked := v.field("who")
	if asked == "" {
		return v.to("/qa/" + v.r.PathValue("document"))
	}
	name, born := asked, ""
	if i := strings.LastIndexByte(asked, ' '); i > 0 && asked[i+1:] != "" && asked[i+1] >= '0' && asked[i+1] <= '9' {
		name, born = strings.TrimSpace(asked[:i]), asked[i+1:]
	}
	found, err := each[person](v, "patients-find", map[string]any{"name": name, "born": born, "most": 5})
	if err != nil {
		return err
	}
	return v.workOn(found, asked)
}
