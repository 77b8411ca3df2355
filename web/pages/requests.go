package pages

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"chartvault/accounts"
	"chartvault/record"
)

// asked is a request as it is listed.
type asked struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	For      string `json:"for"`
	State    string `json:"state"`
	Outcome  string `json:"outcome"`
	Received string `json:"received"`
	Due      string `json:"due"`
	Left     int    `json:"days_left"`
	By       string `json:"by"`
	Pages    int    `json:"pages"`
}

// Late reports whether an open request is past its day.
func (a asked) Late() bool { return a.State != "closed" && a.Left < 0 }

// Past is how many days it is late.
func (a asked) Past() int { return -a.Left }

// askedPage is a list of requests.
type askedPage struct {
	State    string // of those that are listed; "" for all that are open
	States   []string
	Requests []asked
}

func (v *visit) requests() error {
	p := askedPage{State: v.r.URL.Query().Get("state"), States: []string{"open", "returned", "checking", "approved", "closed"}}
	if !slices.Contains(p.States, p.State) {
		p.State = ""
	}
	rs, err := each[asked](v, "request-list", map[string]any{"state": p.State})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "requests", []string{"request", "kind", "for", "state", "outcome", "received", "due", "days left", "pages", "last worked on by"}, rs, func(r asked) []string {
			return []string{r.ID, r.Kind, r.For, r.State, r.Outcome, r.Received, r.Due, itoa(r.Left), itoa(r.Pages), r.By}
		})
	}
	p.Requests = paged(v, rs, func(r asked) string { return r.ID })
	return v.show("requests", "Requests", p)
}

// ruleClass is a class of requesters, and ruleSensitive one of pages.
type ruleClass struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Authority   string `json:"authority"`
	Partial     bool   `json:"partial"`
	Suspendable bool   `json:"suspendable"`
	Cite        string `json:"cite"`
}

type ruleSensitive struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Cite string `json:"cite"`
}

type rules struct {
	Classes   []ruleClass     `json:"classes"`
	Sensitive []ruleSensitive `json:"sensitive"`
}

func (v *visit) rules() (r rules, err error) {
	return r, v.one("request-rules", struct{}{}, &r)
}

func (v *visit) requestForm() error {
	r, err := v.rules()
	if err != nil {
		return err
	}
	f := requestForm{Classes: r.Classes}
	if w, ok := v.session.Kept(v.r.URL.Query().Get("chart")).(wanted); ok {
		f.Chart = w.number
	}
	return v.show("request_new", "A new request", f)
}

// requestForm is what the form begins with.
type requestForm struct {
	Classes []ruleClass
	Chart   string // the one that was looked up; "" for none
}

// party is somebody outside, of the fields that begin with a name.
func (v *visit) party(name string) map[string]string {
	return map[string]string{"name": v.field(name), "address": v.field(name + "_address"), "contact": v.field(name + "_contact")}
}

func (v *visit) takeRequest() error {
	var l asked
	params := map[string]any{
		"class": v.field("class"), "kind": v.field("kind"), "charts": strings.Fields(strings.ReplaceAll(v.r.PostFormValue("charts"), ",", " ")), "patient": v.field("patient"),
		"requester": v.party("requester"), "recipient": v.party("recipient"), "what": v.field("what"), "purpose": v.field("purpose"),
	}
	for _, f := range []string{"from", "to", "received"} {
		params[f] = v.field(f)
	}
	if err := v.one("request-new", params, &l); err != nil {
		return err
	}
	return v.to("/requests/" + l.ID)
}

// party is somebody outside.
type party struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Contact string `json:"contact"`
}

// authorisation is what was found in a patient's authorisation.
type authorisation struct {
	Information string `json:"information"`
	Discloser   string `json:"discloser"`
	Recipient   string `json:"recipient"`
	Purpose     string `json:"purpose"`
	Expires     string `json:"expires"`
	Event       string `json:"event"`
	Signed      string `json:"signed"`
	Signer      string `json:"signer"`
	Authority   string `json:"authority"`
	NotPatient  bool   `json:"not_patient"`
	Revocation  bool   `json:"revocation"`
	Conditions  bool   `json:"conditions"`
	Redisclose  bool   `json:"redisclosure"`
	Plain       bool   `json:"plain"`
	Revoked     string `json:"revoked"`
	Compound    bool   `json:"compound"`
	False       bool   `json:"false"`
	Covers      bool   `json:"covers"`
}

// holding is a document under the charts of a request.
type holding struct {
	Document    string              `json:"document"`
	Type        string              `json:"type"`
	Service     string              `json:"service_date"`
	Pages       int                 `json:"pages"`
	State       string              `json:"state"`
	DestroyedOn string              `json:"destroyed_on"`
	Under       string              `json:"under"`
	Labels      map[string][]string `json:"labels"` // by page
	Unread      bool                `json:"unread"`

	Taken string `json:"-"` // its pages that are chosen
}

// Sensitive lists the labelled pages, in words.
func (h holding) Sensitive() (out []string) {
	for p := 1; p <= h.Pages; p++ {
		if ls := h.Labels[itoa(p)]; len(ls) > 0 {
			out = append(out, fmt.Sprintf("page %d: %s", p, strings.ReplaceAll(strings.Join(ls, ", "), "_", " ")))
		}
	}
	return out
}

// requestView is a request whole.
type requestView struct {
	asked
	Request struct {
		Requester party    `json:"requester"`
		Recipient party    `json:"recipient"`
		Patient   string   `json:"patient"`
		Charts    []string `json:"charts"`
		What      string   `json:"what"`
		From      string   `json:"from"`
		To        string   `json:"to"`
		Purpose   string   `json:"purpose"`
		LeftOut   string   `json:"left_out"`
		Waived    string   `json:"waived"`
		Why       string   `json:"why"`
		Term      struct {
			Cite string `json:"cite"`
		} `json:"term"`
		Extended *struct {
			Until  string `json:"until"`
			Reason string `json:"reason"`
		} `json:"extended"`
		Grounds struct {
			Identity      string        `json:"identity"`
			Acting        string        `json:"acting"`
			Relationship  string        `json:"relationship"`
			Reference     string        `json:"reference"`
			Dated         string        `json:"dated"`
			Basis         string        `json:"basis"`
			Assurance     string        `json:"assurance"`
			Authorisation authorisation `json:"authorisation"`
			Sensitive     []string      `json:"sensitive"`
			Document      string        `json:"document"`
		} `json:"grounds"`
		Chosen []struct {
			Document string `json:"document"`
			Pages    []int  `json:"pages"`
		} `json:"chosen"`
		Redactions []redaction `json:"redactions"`
		Cleared    []struct {
			Document string `json:"document"`
			Page     int    `json:"page"`
			Class    string `json:"class"`
			Why      string `json:"why"`
			By       string `json:"by"`
		} `json:"cleared"`
		Submitted string `json:"submitted_by"`
		Checked   string `json:"checked_by"`
		Log       []struct {
			At   string `json:"at"`
			By   string `json:"by"`
			What string `json:"what"`
		} `json:"log"`
	} `json:"request"`
	Rule      ruleClass `json:"rule"`
	Holdings  []holding `json:"holdings"`
	Obstacles []struct {
		Document string `json:"document"`
		Page     int    `json:"page"`
		Why      string `json:"why"`
	} `json:"obstacles"`
	Cost      string   `json:"cost"`
	FeeCite   string   `json:"fee_cite"`
	Elsewhere []string `json:"elsewhere"`
	Version   int      `json:"version"`
	Account   []struct {
		ID        string `json:"id"`
		On        string `json:"on"`
		Recipient party  `json:"recipient"`
		What      string `json:"what"`
		Purpose   string `json:"purpose"`
	} `json:"account"`
	Latest string `json:"latest"`
	Hands  bool   `json:"hands"`
	Listed []struct {
		Name    string `json:"name"`
		Born    string `json:"born"`
		Differs bool   `json:"differs"`
	} `json:"listed"`

	Classes []ruleSensitive `json:"-"` // that an authority may name
	Letters []string        `json:"-"`
	Proved  bool            `json:"-"` // password and code were given a moment ago
}

// redaction is what is blacked out on a page.
type redaction struct {
	Document string   `json:"document"`
	Page     int      `json:"page"`
	Boxes    [][4]int `json:"boxes"`
	Why      string   `json:"why"`
	By       string   `json:"by"`
}

// Names reports whether the authority names a sensitive class.
func (r requestView) Names(class string) bool {
	return slices.Contains(r.Request.Grounds.Sensitive, class)
}

// Closed reports whether it is.
func (r requestView) Closed() bool { return r.State == "closed" }

func (v *visit) request() error {
	var r requestView
	if err := v.one("request-show", map[string]string{"id": v.r.PathValue("request")}, &r); err != nil {
		return err
	}
	rs, err := v.rules()
	if err != nil {
		return err
	}
	for i, h := range r.Holdings {
		for _, c := range r.Request.Chosen {
			if c.Document == h.Document {
				r.Holdings[i].Taken = record.FormatPages(c.Pages)
			}
		}
	}
	r.Classes, r.Letters, r.Proved = rs.Sensitive, []string{"acknowledgement", "returned", "extension", "denial", "no_records", "destroyed", "invoice", "handed"}, v.Accounts.Proved(v.session)
	return v.show("request", "Request "+r.ID, r)
}

// requestPage is a page of a document under a request's charts.
type requestPage struct {
	*view
	Request string
	Black   []placed
	Labels  []string // sensitive classes of the page
	Cleared []string // and those of which somebody said that it is none
	Taken   bool
	Closed  bool
}

func (v *visit) requestDocument() error {
	id, doc, n := v.r.PathValue("request"), v.r.PathValue("document"), v.pageNumber()
	var r requestView
	if err := v.one("request-show", map[string]string{"id": id}, &r); err != nil {
		return err
	}
	i := slices.IndexFunc(r.Holdings, func(h holding) bool { return h.Document == doc })
	if i < 0 {
		return fmt.Errorf("this document is not of the request's charts: %w", record.ErrNotFound)
	}
	w, err := v.openPage(doc, n, "release "+id, "")
	if err != nil {
		return err
	}
	p := requestPage{view: w, Request: id, Labels: r.Holdings[i].Labels[itoa(n)], Closed: r.Closed()}
	for _, x := range r.Request.Redactions {
		if x.Document == doc && x.Page == n {
			for _, b := range x.Boxes {
				p.Black = append(p.Black, placed{"", b[0], b[1], b[2] - b[0], b[3] - b[1]})
			}
		}
	}
	for _, x := range r.Request.Cleared {
		if x.Document == doc && x.Page == n {
			p.Cleared = append(p.Cleared, x.Class+": "+x.Why)
		}
	}
	for _, c := range r.Request.Chosen {
		p.Taken = p.Taken || c.Document == doc && slices.Contains(c.Pages, n)
	}
	return v.show("request_page", "Request "+id, p)
}

// again asks for password and code once more, and goes on.
func (v *visit) againForm() error {
	return v.show("again", "Is it you?", v.againPage(v.r.URL.Query().Get("to"), ""))
}

// againPage is what the form needs, and what it says about the last try.
type againPage struct {
	To      string
	Factor  bool
	Message string
	Key     *accounts.Ceremony // for whoever has a security key
	Door    string             // for whoever came by the site's own sign-in, what it is called
	Known   bool               // by a password
}

func (v *visit) againPage(to, message string) againPage {
	u := v.session.User
	p := againPage{To: v.onward(to), Factor: u.Factor != "", Message: message, Known: u.Password != ""}
	if u.Outside != nil {
		p.Door = v.door()
	}
	if len(v.session.User.Keys) > 0 {
		p.Key = v.ask()
	}
	return p
}

// onward is a path of the pages; "/" for anything else.
func (v *visit) onward(to string) string {
	if v.known(to) {
		return to
	}
	known := slices.ContainsFunc([]string{"/requests/", "/plans/", "/schedules/", "/holds/", "/document/", "/restrictions/"}, func(p string) bool { return strings.HasPrefix(to, p) })
	if known && !strings.ContainsAny(to, "\\:?#") && !strings.Contains(to, "//") && !strings.Contains(to, "..") {
		for _, p := range []string{"/holds", "/restrictions"} { // they have one page
			if strings.HasPrefix(to, p+"/") {
				return p
			}
		}
		return to
	}
	return "/"
}

// known reports whether a path is a page of its own, which shows what it is about.
func (v *visit) known(to string) bool {
	return slices.Contains([]string{"/account", "/tokens", "/emergency", "/emergencies", "/corrections", "/restrictions", "/retention", "/site", "/users"}, to)
}

func (v *visit) again() error {
	err := v.Accounts.Again(v.r.Context(), v.session, v.r.PostFormValue("password"), v.factor(), v.addr())
	if v.wrong(err) {
		if err := v.refused("again", v.session.User.Name, err); err != nil {
			return err
		}
		return v.showAs(http.StatusBadRequest, "again", "Is it you?", v.againPage(v.field("to"), v.Problem(err).Message))
	}
	if err != nil {
		return err
	}
	return v.to(v.onward(v.field("to")))
}
