package pages

import (
	"encoding/json"
	"strings"
	"time"

	"chartvault/accounts"
)

// tile is something that waits for somebody, on the first page.
type tile struct{ Count, What, Where string }

// homePage is the first page, by what the user may do.
type homePage struct {
	Tiles    []tile
	Warnings []string
	Lookup   bool
}

// summary is what "status" says.
type summary struct {
	Documents int      `json:"documents"`
	QA        int      `json:"qa_documents"`
	Batches   int      `json:"batches"`
	Open      int      `json:"batches_open"`
	Pages     int      `json:"pages_in"`
	Oldest    string   `json:"qa_oldest"`       // when what waits longest came in
	LastHour  int      `json:"pages_last_hour"` // that came in
	Waiting   []string `json:"waiting"`
	Halted    string   `json:"halted"`
	Entries   int64    `json:"log_entries"`
	Warnings  []string `json:"warnings"`
	Stored    struct {
		Objects int64  `json:"objects"`
		Bytes   int64  `json:"bytes"`
		Seen    int64  `json:"seen"`
		Read    int64  `json:"read"`
		Faults  int64  `json:"faults"`
		Day     string `json:"since"`
		Period  string `json:"read_since"`
	} `json:"stored"`
}

func (v *visit) home() error {
	var s summary
	if err := v.one("status", struct{}{}, &s); err != nil {
		return err
	}
	u := v.session.User
	h := homePage{Lookup: u.May(accounts.OpenChart)}
	if u.May(accounts.Settle) {
		what := "documents wait for a decision"
		if at, err := time.Parse(time.RFC3339, s.Oldest); err == nil {
			what += ", the oldest for " + span(v.Now().Sub(at))
		}
		h.Tiles = append(h.Tiles, tile{itoa(s.QA), what, "/qa/next"})
	}
	if u.May(accounts.AnswerAsks) {
		rs, err := each[asked](v, "request-list", struct{}{})
		if err != nil {
			return err
		}
		late, check := 0, 0
		for _, r := range rs {
			if r.Late() {
				late++
			}
			if r.State == "checking" {
				check++
			}
		}
		h.Tiles = append(h.Tiles, tile{itoa(len(rs)), "requests are open, " + itoa(late) + " of them late", "/requests"}, tile{itoa(check), "requests wait for a second person", "/requests?state=checking"})
	}
	if u.May(accounts.SeeBatches) {
		h.Tiles = append(h.Tiles, tile{itoa(s.Open), "batches are being taken in", "/batches"}, tile{itoa(s.LastHour), "pages came in within the last hour, " + itoa(s.Pages) + " in all, in " + itoa(s.Batches) + " batches", "/batches"})
	}
	if u.May(accounts.SeeRetention) {
		due, err := v.rows("retention-due-count")
		if err != nil {
			return err
		}
		h.Tiles = append(h.Tiles, tile{itoa(due), "documents have come to the end of their time", "/retention"})
	}
	if u.May(accounts.Approve) {
		ps, err := each[plan](v, "plan-list", struct{}{})
		if err != nil {
			return err
		}
		n := 0
		for _, p := range ps {
			if p.State == "open" && p.ReadyAt == "" && p.MadeBy != string(u.Actor()) {
				n++
			}
		}
		h.Tiles = append(h.Tiles, tile{itoa(n), "plans wait for approvals", "/plans?state=open"})
	}
	if u.May(accounts.SeeHealth) {
		h.Tiles = append(h.Tiles, tile{itoa(int(s.Stored.Faults)), "stored objects have a fault", "/health"})
		h.Warnings = s.Warnings
	}
	if s.Halted != "" {
		h.Warnings = append([]string{"Nothing is being taken in: " + s.Halted}, h.Warnings...)
	}
	return v.show("home", "Today", h)
}

// span is a stretch of time as people say it.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return itoa(max(0, int(d.Minutes()))) + " minutes"
	case d < 48*time.Hour:
		return itoa(int(d.Hours())) + " hours"
	}
	return itoa(int(d.Hours())/24) + " days"
}

func itoa(n int) string {
	b, err := json.Marshal(n)
	if err != nil { // a number: cannot be
		return ""
	}
	return string(b)
}

// hold is a hold as it is listed.
type hold struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Kind     string `json:"kind"`
	Matter   string `json:"matter"`
	Reason   string `json:"reason"`
	Scope    string `json:"scope"`
	PlacedBy string `json:"placed_by"`
	PlacedAt string `json:"placed_at"`
}

// holdsPage is a list of holds, and a chart that one is to be placed on.
type holdsPage struct {
	Holds []hold
	Chart string // "" for none
}

func (v *visit) holds() error {
	hs, err := each[hold](v, "hold-list", struct{}{})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "holds", []string{"hold", "state", "kind", "matter", "reason", "binds", "placed by", "placed at"}, hs, func(h hold) []string {
			return []string{h.ID, h.State, h.Kind, h.Matter, h.Reason, h.Scope, h.PlacedBy, h.PlacedAt}
		})
	}
	p := holdsPage{Holds: paged(v, hs, func(h hold) string { return h.ID })}
	if w, ok := v.session.Kept(v.r.URL.Query().Get("chart")).(wanted); ok {
		p.Chart = w.number
	}
	return v.show("holds", "Holds", p)
}

func (v *visit) placeHold() error {
	charts := strings.Fields(v.r.PostFormValue("charts"))
	if err := v.call("hold-place", map[string]any{"charts": charts, "kind": v.field("kind"), "matter": v.field("matter"), "reason": v.field("reason")}, nothing); err != nil {
		return err
	}
	return v.to("/holds")
}

// due is a document that is due, and what it waits for.
type due struct {
	Document string `json:"document"`
	Type     string `json:"type"`
	Class    string `json:"class"`
	Pages    int    `json:"pages"`
	Due      string `json:"due"`
	Plan     string `json:"plan"`
	Why      string `json:"why"`
}

// clock says whether a clock was doubted, and destruction is frozen.
type clock struct {
	Frozen bool   `json:"frozen"`
	ID     string `json:"id"` // what people thaw
	Since  string `json:"since"`
	Why    string `json:"why"`
}

// duePage is what has come to the end of its time.
type duePage struct {
	Frozen clock
	Due    []due
	All    int // as the last evaluation found
}

// rows asks how many rows a list has.
func (v *visit) rows(op string) (int, error) {
	var n struct {
		Rows int `json:"rows"`
	}
	err := v.one(op, struct{}{}, &n)
	return n.Rows, err
}

func (v *visit) retention() error {
	if v.csvWanted() {
		ds, err := each[due](v, "retention-due", struct{}{})
		if err != nil {
			return err
		}
		return saveList(v, "due", []string{"document", "type", "record class", "pages", "due", "plan", "waits for"}, ds, func(d due) []string {
			return []string{d.Document, d.Type, d.Class, itoa(d.Pages), d.Due, d.Plan, d.Why}
		})
	}
	var f clock
	if err := v.one("retention-clock", struct{}{}, &f); err != nil {
		return err
	}
	p := duePage{Frozen: f}
	var err error
	if p.Due, err = part(v, "retention-due", map[string]any{}, func(d due) string { return d.Document }); err != nil {
		return err
	}
	if p.All, err = v.rows("retention-due-count"); err != nil {
		return err
	}
	return v.show("retention", "At the end of their time", p)
}
