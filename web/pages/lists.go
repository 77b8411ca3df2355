package pages

import (
	"encoding/json"
	"strconv"
	"strings"

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
		h.Tiles = append(h.Tiles, tile{itoa(s.QA), "documents wait for a decision", "/qa/next"})
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
		h.Tiles = append(h.Tiles, tile{itoa(s.Open), "batches are being taken in", "/batches"}, tile{itoa(s.Pages), "pages came in, in " + itoa(s.Batches) + " batches", "/batches"})
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

func itoa(n int) string {
	b, err := json.Marshal(n)
	if err != nil { // a number: cannot be
		return ""
	}
	return string(b)
}

func (v *visit) health() error {
	var s summary
	if err := v.one("status", struct{}{}, &s); err != nil {
		return err
	}
	return v.show("health", "Health", s)
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
	return v.show("holds", "Holds", paged(v, hs, func(h hold) string { return h.ID }))
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

// entry is an entry of the log.
type entry struct {
	Seq    int64  `json:"seq"`
	Time   string `json:"time"`
	Action string `json:"action"`
	Object string `json:"object"`
	Actor  string `json:"actor"`
	User   string `json:"user"`
	From   string `json:"from"`
}

// auditPage is the newest of the log, and what checking it found.
type auditPage struct {
	Entries []entry
	Before  int64 // 0 when there is nothing before
	Report  *logReport
}

// logReport is what checking the log found.
type logReport struct {
	Entries     int64    `json:"entries"`
	Checkpoints int      `json:"checkpoints"`
	Signed      int64    `json:"signed"`
	Root        string   `json:"root"`
	Faults      []string `json:"faults"`
}

func (v *visit) audit() error { return v.showLog(nil) }

// entries is how many entries are wanted: a page, or as many as are given at once.
func (v *visit) entries() int {
	if v.csvWanted() {
		return 1000
	}
	return 100
}

func (v *visit) showLog(rep *logReport) error {
	var before int64
	if s := v.r.URL.Query().Get("before"); s != "" {
		if err := json.Unmarshal([]byte(s), &before); err != nil {
			before = 0
		}
	}
	es, err := each[entry](v, "audit-list", map[string]any{"before": before, "limit": v.entries()})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "log", []string{"entry", "time", "action", "object", "who", "not let in", "from"}, es, func(e entry) []string {
			return []string{strconv.FormatInt(e.Seq, 10), e.Time, e.Action, e.Object, e.Actor, e.User, e.From}
		})
	}
	p := auditPage{Entries: es, Report: rep}
	if n := len(es); n > 0 && es[n-1].Seq > 0 {
		p.Before = es[n-1].Seq
	}
	return v.show("audit", "Audit log", p)
}

func (v *visit) verifyLog() error {
	var rep logReport
	if err := v.one("audit-verify", struct{}{}, &rep); err != nil {
		return err
	}
	return v.showLog(&rep)
}
