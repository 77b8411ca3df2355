package pages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chartvault/record"
	"chartvault/retention"
)

// plan is a plan as it is listed.
type plan struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	Action      string   `json:"action"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"`
	Automation  string   `json:"automation"`
	Charts      int      `json:"charts"`
	Documents   int      `json:"documents"`
	Pages       int      `json:"pages"`
	Excluded    int      `json:"excluded"`
	Shares      []string `json:"shares"`
	Notices     []string `json:"notices"`
	Noticed     []string `json:"noticed"`
	Approvals   []string `json:"approvals"`
	ReadyAt     string   `json:"ready_at"`
	Certificate string   `json:"certificate"`
	Kept        int      `json:"kept"`
	Done        int      `json:"done"` // of its documents, while it is carried out
}

// plansPage is a list of plans.
type plansPage struct {
	State   string // only these; "" for all
	Filters []filter
	Plans   []plan
}

func (v *visit) plans() error {
	ps, err := each[plan](v, "plan-list", struct{}{})
	if err != nil {
		return err
	}
	slices.Reverse(ps)
	state := v.r.URL.Query().Get("state")
	if state != "" {
		ps = slices.DeleteFunc(ps, func(p plan) bool { return p.State != state })
	}
	if v.csvWanted() {
		return saveList(v, "plans", []string{"plan", "made at", "state", "action", "documents", "charts", "pages", "taken out", "made by", "approved by", "certificate", "kept"}, ps, func(p plan) []string {
			return []string{p.ID, p.MadeAt, p.State, p.Action, itoa(p.Documents), itoa(p.Charts), itoa(p.Pages), itoa(p.Excluded), p.MadeBy, strings.Join(p.Approvals, " "), p.Certificate, itoa(p.Kept)}
		})
	}
	return v.show("plans", "Plans", plansPage{state, []filter{{"", "All"}, {"review", "In review"}, {"open", "For approval"}, {"executing", "Under way"}, {"done", "Carried out"}, {"cancelled", "Cancelled"}}, paged(v, ps, func(p plan) string { return p.ID })})
}

func (v *visit) makePlan() error {
	var p plan
	if err := v.one("plan-make", map[string]string{"class": v.field("class")}, &p); err != nil {
		return err
	}
	return v.to("/plans/" + p.ID)
}

// planned is a document of a plan, and why it is due today.
type planned struct {
	Document string   `json:"document"`
	Type     string   `json:"type"`
	Class    string   `json:"class"`
	Service  string   `json:"service_date"`
	Pages    int      `json:"pages"`
	Due      string   `json:"due"`
	Action   string   `json:"action"`
	Reasons  []string `json:"reasons"`
}

// planPage is a plan with its documents.
type planPage struct {
	plan
	Items []planned
	Mine  bool // whoever looks made it, and cannot approve it
}

// find returns one plan.
func (v *visit) findPlan(id string) (plan, error) {
	ps, err := each[plan](v, "plan-list", struct{}{})
	if err != nil {
		return plan{}, err
	}
	i := slices.IndexFunc(ps, func(p plan) bool { return p.ID == id })
	if i < 0 {
		return plan{}, fmt.Errorf("plan %s: %w", id, record.ErrNotFound)
	}
	return ps[i], nil
}

func (v *visit) plan() error {
	p, err := v.findPlan(v.r.PathValue("plan"))
	if err != nil {
		return err
	}
	items, err := each[planned](v, "plan-show", map[string]string{"id": p.ID})
	if err != nil {
		return err
	}
	return v.show("plan", "Plan", planPage{p, paged(v, items, func(i planned) string { return i.Document }), p.MadeBy == string(v.session.User.Actor())})
}

// thaw signs that the clocks are right, after a freeze.
func (v *visit) thaw() error { return v.approve("clock", v.field("id"), "/retention") }

// planAct takes a document out, ends the review, puts a notice on file, or
// cancels.
func (v *visit) planAct() error {
	id := v.r.PathValue("plan")
	p := map[string]any{"id": id, "reason": v.field("reason")}
	act := v.r.PathValue("act")
	switch act {
	case "exclude":
		p["document"] = v.field("document")
	case "submit", "cancel":
	case "notice":
		evidence, err := v.file("evidence")
		if err != nil {
			return err
		}
		p = map[string]any{"id": id, "rule": v.field("rule"), "on": v.field("on"), "evidence": evidence}
	case "stop":
		act, p["stop"] = "cancel", true
	default:
		return fmt.Errorf("there is no such act: %w", record.ErrNotFound)
	}
	if err := v.call("plan-"+act, p, nothing); err != nil {
		return err
	}
	return v.to("/plans/" + id)
}

// approvePlan signs a plan. Whoever approves types how many documents end, so
// that nobody approves without having read it.
func (v *visit) approvePlan() error {
	p, err := v.findPlan(v.r.PathValue("plan"))
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(v.field("count")); err != nil || n != p.Documents {
		return fmt.Errorf("plan %s: %w: type how many documents it ends", p.ID, record.ErrInvalid)
	}
	return v.approve("plan", p.ID, "/plans/"+p.ID)
}

// approve signs a matter for whoever is signed in.
func (v *visit) approve(matter, id, to string) error {
	if err := v.call("approve-here", map[string]string{"matter": matter, "id": id, "passphrase": v.r.PostFormValue("passphrase")}, nothing); err != nil {
		return err
	}
	return v.to(to)
}

// becomeApprover makes whoever is signed in an approver.
func (v *visit) becomeApprover() error {
	pass := v.r.PostFormValue("passphrase")
	if pass != v.r.PostFormValue("repeated") {
		return fmt.Errorf("approvals: %w: the two are not the same", record.ErrInvalid)
	}
	if err := v.call("approver-enrol", map[string]string{"passphrase": pass}, nothing); err != nil {
		return err
	}
	return v.show("note", "You are an approver", "You may approve in some days: that is the site's to set. Approvals ask for the passphrase you gave; nobody can tell it to you again.")
}

// drafted is a schedule as it is listed.
type drafted struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	Version   string            `json:"version"`
	Rules     int               `json:"rules"`
	Idle      int               `json:"idle_rules"`
	Effective string            `json:"effective"`
	MadeBy    string            `json:"made_by"`
	Shortens  []string          `json:"shortens"`
	Approvals []string          `json:"approvals"`
	Change    *retention.Change `json:"change"`
}

func (v *visit) schedules() error {
	ds, err := each[drafted](v, "schedule-list", struct{}{})
	if err != nil {
		return err
	}
	slices.Reverse(ds)
	if v.csvWanted() {
		return saveList(v, "schedules", []string{"schedule", "version", "state", "rules", "in force from", "by", "approved by", "may end earlier"}, ds, func(d drafted) []string {
			return []string{d.ID, d.Version, d.State, itoa(d.Rules), d.Effective, d.MadeBy, strings.Join(d.Approvals, " "), strings.Join(d.Shortens, "; ")}
		})
	}
	return v.show("schedules", "Retention schedules", ds)
}

func (v *visit) draftSchedule() error {
	var d drafted
	if err := v.one("schedule-draft", map[string]string{"text": v.r.PostFormValue("text"), "effective": v.field("effective")}, &d); err != nil {
		return err
	}
	return v.to("/schedules/" + d.ID)
}

// schedulePage is a schedule with its rules.
type schedulePage struct {
	drafted
	Rules []retention.Rule
	Mine  bool
}

func (v *visit) schedule() error {
	id := v.r.PathValue("schedule")
	ds, err := each[drafted](v, "schedule-list", struct{}{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ds, func(d drafted) bool { return d.ID == id })
	if i < 0 {
		return fmt.Errorf("schedule %s: %w", id, record.ErrNotFound)
	}
	rs, err := each[retention.Rule](v, "schedule-show", map[string]string{"id": id})
	if err != nil {
		return err
	}
	return v.show("schedule", "Schedule "+ds[i].Version, schedulePage{ds[i], rs, ds[i].MadeBy == string(v.session.User.Actor())})
}

func (v *visit) scheduleAct() error {
	id, act := v.r.PathValue("schedule"), v.r.PathValue("act")
	if act != "simulate" && act != "adopt" {
		return fmt.Errorf("there is no such act: %w", record.ErrNotFound)
	}
	if err := v.call("schedule-"+act, map[string]string{"id": id}, nothing); err != nil {
		return err
	}
	return v.to("/schedules/" + id)
}

func (v *visit) approveSchedule() error {
	id := v.r.PathValue("schedule")
	return v.approve("schedule", id, "/schedules/"+id)
}

func (v *visit) releaseHold() error {
	if err := v.call("hold-release", map[string]string{"id": v.r.PathValue("hold"), "reason": v.field("reason")}, nothing); err != nil {
		return err
	}
	return v.to("/holds")
}

func (v *visit) approveRelease() error {
	return v.approve("hold-release", strings.TrimSpace(v.r.PathValue("hold")), "/holds")
}
