package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"chartvault/record"
)

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

// auditPage is a part of the log, and what checking it found.
type auditPage struct {
	Action, Actor string // only these; "" for all
	Entries       []entry
	Before        string // where it goes on; "" when there is nothing before
	Back          int64  // how far back was looked, where not all were wanted; 0 for the whole
	Report        *logReport
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
	p := auditPage{Action: v.r.URL.Query().Get("action"), Actor: v.r.URL.Query().Get("actor"), Report: rep}
	es, err := each[entry](v, "audit-list", map[string]any{"before": before, "limit": v.entries(), "action": p.Action, "actor": p.Actor})
	if err != nil {
		return err
	}
	if n := len(es); n > 0 && es[n-1].Action == "" { // nothing more as far as was looked
		p.Back, es = es[n-1].Seq, es[:n-1]
	}
	if v.csvWanted() {
		return saveList(v, "log", []string{"entry", "time", "action", "object", "who", "not let in", "from"}, es, func(e entry) []string {
			return []string{strconv.FormatInt(e.Seq, 10), e.Time, e.Action, e.Object, e.Actor, e.User, e.From}
		})
	}
	p.Entries = es
	last := p.Back
	if n := len(es); n > 0 && last == 0 {
		last = es[n-1].Seq
	}
	if last > 0 && (p.Back > 0 || len(es) == v.entries()) {
		q := v.r.URL.Query()
		q.Set("before", strconv.FormatInt(last, 10))
		p.Before = "?" + q.Encode()
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

// access is one access to a chart, as the log has it.
type access struct {
	Seq      int64  `json:"seq"`
	At       string `json:"at"`
	Actor    string `json:"actor"`
	Purpose  string `json:"purpose"`
	Act      string `json:"act"`
	Document string `json:"document"`
	What     string `json:"what"`
}

// accessed is a chart of which somebody asked who saw it.
type accessed struct{ number, from string }

// accessPage is who saw a chart.
type accessPage struct {
	Number string // "" while none was asked for
	From   string
	Seen   []access
}

func (v *visit) accessForm() error { return v.show("access", "Who saw a chart", accessPage{}) }

// askAccess keeps which chart is meant, and goes to a page whose address does not
// tell it.
func (v *visit) askAccess() error {
	number := v.field("chart")
	if number == "" {
		return fmt.Errorf("chart number: %w: nothing was given", record.ErrInvalid)
	}
	return v.to("/access/" + v.session.Keep(accessed{number, v.field("from")}))
}

func (v *visit) access() error {
	k, ok := v.session.Kept(v.r.PathValue("kept")).(accessed)
	if !ok {
		return fmt.Errorf("this look-up is over: %w: give the chart number again", record.ErrNotFound)
	}
	p := map[string]string{"chart": k.number}
	if k.from != "" {
		p["from"] = k.from
	}
	seen, err := each[access](v, "access", p)
	if err != nil {
		return err
	}
	slices.Reverse(seen)
	if v.csvWanted() {
		return saveList(v, "access", []string{"entry", "time", "who", "for", "act", "document", "what"}, seen, func(a access) []string {
			return []string{strconv.FormatInt(a.Seq, 10), a.At, a.Actor, a.Purpose, a.Act, a.Document, a.What}
		})
	}
	return v.show("access", "Who saw a chart", accessPage{k.number, k.from, paged(v, seen, func(a access) string { return strconv.FormatInt(a.Seq, 10) })})
}
