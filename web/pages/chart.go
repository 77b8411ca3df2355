package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"chartvault/accounts"
	"chartvault/record"
)

func nothing(json.RawMessage) error { return nil }

// wanted is a chart somebody looked up, and why.
type wanted struct{ number, purpose string }

// lookUp takes a chart number from the box, and goes to a page whose address
// does not tell it.
func (v *visit) lookUp() error {
	number := v.field("chart")
	if number == "" {
		return fmt.Errorf("chart number: %w: nothing was given", record.ErrInvalid)
	}
	purpose := v.field("purpose")
	if !slices.Contains([]string{"treatment", "release", "operations", "quality"}, purpose) {
		purpose = "operations"
	}
	if v.hurries() {
		purpose = purposeEmergency
	}
	return v.to("/chart/" + v.session.Keep(wanted{number, purpose}))
}

// filed is a document of a chart, as "get" lists it.
type filed struct {
	Document    string               `json:"document"`
	Type        string               `json:"type"`
	ServiceDate string               `json:"service_date"`
	FiledAt     string               `json:"filed_at"`
	State       record.DocumentState `json:"state"`
	Pages       int                  `json:"pages"`
	DestroyedOn string               `json:"destroyed_on"`
	Certificate string               `json:"certificate"`
	Under       string               `json:"under"`
	Due         string               `json:"due"` // first day on which it may end
}

// about is whose a chart is, and what binds it.
type about struct {
	Name    string   `json:"name"`
	Born    string   `json:"date_of_birth"`
	Numbers []string `json:"numbers"`
	Holds   []string `json:"holds"`
}

// chartPage is a chart.
type chartPage struct {
	Kept      string // under which the look-up is kept
	Number    string
	Purpose   string
	Elsewhere string
	About     about
	Documents []filed // of the type that is shown
	Type      string  // only this type; "" for all
	Types     []counted
	All       int // documents, of all types
	Pages     int
	Missing   string // nothing is there, in words
}

// add counts a document, and shows it where its type is.
func (c *chartPage) add(d filed) {
	c.All++
	c.Pages += d.Pages
	i := slices.IndexFunc(c.Types, func(t counted) bool { return t.Type == d.Type })
	if i < 0 {
		i, c.Types = len(c.Types), append(c.Types, counted{Type: d.Type})
	}
	if c.Types[i].Documents++; c.Type == "" || c.Type == d.Type {
		c.Documents = append(c.Documents, d)
	}
}

// searchChart looks for words in one chart.
func (v *visit) searchChart() error {
	w, ok := v.session.Kept(v.r.PathValue("chart")).(wanted)
	if !ok {
		return fmt.Errorf("this look-up is over: %w: give the chart number again", record.ErrNotFound)
	}
	words := v.field("words")
	if words == "" {
		return fmt.Errorf("search: %w: nothing was given to look for", record.ErrInvalid)
	}
	return v.to("/search/" + v.session.Keep(searched{"chart:" + w.number + " " + words, ""}))
}

func (v *visit) chart() error {
	w, ok := v.session.Kept(v.r.PathValue("chart")).(wanted)
	if !ok {
		return fmt.Errorf("this look-up is over: %w: give the chart number again", record.ErrNotFound)
	}
	c := chartPage{Kept: v.r.PathValue("chart"), Number: w.number, Purpose: w.purpose}
	c.Type = v.r.URL.Query().Get("type")
	err := v.call("get", map[string]any{"chart": w.number, "purpose": w.purpose, "list": true, "about": true}, func(b json.RawMessage) error {
		var l struct {
			Document  *filed `json:"document"`
			Elsewhere string `json:"elsewhere"`
			About     *about `json:"about"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Elsewhere != "" {
			c.Elsewhere = l.Elsewhere
		}
		if l.About != nil {
			c.About = *l.About
		}
		if l.Document != nil {
			c.add(*l.Document)
		}
		return nil
	})
	if err != nil && c.All == 0 {
		pr := v.Problem(err)
		if pr.Status != http.StatusNotFound && pr.Status != http.StatusBadRequest {
			return err
		}
		c.Missing = pr.Message
	}
	return v.show("chart", "Chart", c)
}

// purpose is what a chart was looked up for, by the name it is kept under.
func (v *visit) purpose(chart string) string {
	if v.hurries() {
		return purposeEmergency
	}
	if w, ok := v.session.Kept(chart).(wanted); ok {
		return w.purpose
	}
	return "operations"
}

// hurries reports whether what is opened is opened in an emergency, and reviewed:
// whatever it is, for the hour that it lasts.
func (v *visit) hurries() bool { return v.inEmergency() || !v.session.User.May(accounts.OpenChart) }

// correct splits, moves, turns or dates pages.
func (v *visit) correct() error {
	id := v.r.PathValue("document")
	act := v.field("act")
	documents := []string{id}
	if with := v.field("with"); act == "merge" && with != "" {
		documents = []string{with, id}
	}
	if v.field("back") == "qa" { // not while somebody else works on one of them
		for _, d := range documents {
			if other := v.claims.take(d, v.session.User.Name, v.Now()); other != "" {
				return fmt.Errorf("%s works on this document: %w: take the next one", other, record.ErrBusy)
			}
		}
	}
	var pages []int
	if act != "date" && act != "merge" { // which are of the whole document
		var err error
		if pages, err = numbers(v.field("pages")); err != nil {
			return err
		}
	}
	turn, err := strconv.Atoi("0" + v.field("turn"))
	if err != nil {
		return fmt.Errorf("turn: %w: want 90, 180 or 270", record.ErrInvalid)
	}
	var c struct {
		State   string `json:"state"`
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	}
	if err := v.one("correct", map[string]any{
		"act": act, "documents": documents, "pages": pages, "turn": turn, "chart": v.field("chart"), "type": v.field("type"), "date": v.field("date"), "reason": v.field("reason"),
	}, &c); err != nil {
		return err
	}
	if c.State != "done" || len(c.Results) == 0 {
		return v.show("note", "Waiting for a second person", "The correction is written down. A second person has to agree before anything changes.")
	}
	if v.field("back") == "qa" {
		for _, d := range documents {
			v.claims.drop(d)
		}
		stays := c.Results
		if act == "move" { // what left comes first, and is no question any more
			stays = stays[1:]
		}
		if len(stays) == 0 {
			return v.toNext("")
		}
		return v.to("/qa/" + url.PathEscape(stays[0].ID))
	}
	if v.session.User.May(accounts.OpenChart) {
		return v.to("/document/" + url.PathEscape(c.Results[0].ID))
	}
	return v.to("/qa")
}

// numbers reads pages as they are typed, with spaces around the hyphens.
func numbers(s string) ([]int, error) {
	ends := strings.Split(s, "-")
	for i, e := range ends {
		ends[i] = strings.TrimSpace(e)
	}
	return record.ParsePages(strings.Join(ends, "-"))
}
