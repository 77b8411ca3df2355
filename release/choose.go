package release

import (
	"fmt"
	"slices"
	"strings"

	"chartvault/record"
)

// Holding is a document of the charts a request is about, as it is filed now.
type Holding struct {
	ID          record.ID            `json:"document"`
	Type        string               `json:"type"`
	Service     record.Date          `json:"service_date,omitzero"`
	Pages       int                  `json:"pages"`
	State       record.DocumentState `json:"state"`
	DestroyedOn record.Date          `json:"destroyed_on,omitzero"`
	Under       string               `json:"under,omitempty"`  // certificate and law of the destruction
	Labels      map[int][]string     `json:"labels,omitempty"` // sensitive classes, by page
	Unread      bool                 `json:"unread,omitempty"` // a page of it cannot be put into a package
	Moving      bool                 `json:"moving,omitempty"` // a correction has it in hand
}

// There reports whether a document can be given at all.
func (h Holding) There() bool { return h.State == record.DocumentFiled && !h.Unread && !h.Moving }

// gone reports whether nothing of a document is left to give.
func (h Holding) gone() bool {
	return h.State == record.DocumentDestroyed || h.State == record.DocumentDestroying
}

// Destroyed returns what of the charts is destroyed and may be told to this
// requester: what would have gone out to them.
func (r Request) Destroyed(rules *Rules, c Class, hs []Holding) (out []Holding) {
	for _, h := range hs {
		h.Labels = map[int][]string{1: rules.Labels(h.Type, "")}
		if h.State == record.DocumentDestroyed && r.inScope(h) && (!c.Minimum || slices.Contains(c.Types, h.Type)) && len(r.blocked(rules, c, h, 1)) == 0 {
			out = append(out, h)
		}
	}
	return out
}

// Told reports whether a requester may be told who else holds a part of the record:
// the patient, who stands for them, and who treats them.
func (c Class) Told() bool {
	return !c.Minimum && (c.Authority == ByIdentity || c.Authority == ByRepresentation || c.Authority == ByRelationship)
}

// inScope reports whether a document is of the dates a request asks for. One
// whose date is not known is.
func (r Request) inScope(h Holding) bool {
	if h.Service.IsZero() {
		return true
	}
	return (r.From.IsZero() || !r.From.First().After(h.Service)) && (r.To.IsZero() || !h.Service.First().After(r.To))
}

// Offer is what a class of requesters is offered first: every page in scope,
// or, where no more than necessary may go out, those of the class's types; and of
// both no page that is blocked.
func (r Request) Offer(rules *Rules, c Class, hs []Holding) []Choice {
	var out []Choice
	for _, h := range hs {
		if !h.There() || !r.inScope(h) || c.Minimum && !slices.Contains(c.Types, h.Type) {
			continue
		}
		ch := Choice{Document: h.ID}
		for p := 1; p <= h.Pages; p++ {
			if len(r.blocked(rules, c, h, p)) == 0 {
				ch.Pages = append(ch.Pages, p)
			}
		}
		if len(ch.Pages) > 0 {
			out = append(out, ch)
		}
	}
	return out
}

// blocked returns the sensitive classes that keep a page back: those that the
// authority does not name, that are not the requester's own, and of which nobody
// has said that the page is none.
func (r Request) blocked(rules *Rules, c Class, h Holding, page int) (out []string) {
	for _, l := range h.Labels[page] {
		s, _ := rules.sensitive(l)
		own := s.Own && (c.Authority == ByIdentity || c.Authority == ByRepresentation)
		cleared := slices.ContainsFunc(r.Cleared, func(x Clearance) bool { return x.Document == h.ID && x.Page == page && x.Class == l })
		if !own && !cleared && !slices.Contains(r.Grounds.Sensitive, l) {
			out = append(out, l)
		}
	}
	return out
}

// Obstacle is a reason why a request cannot go out as it is.
type Obstacle struct {
	Document record.ID `json:"document,omitzero"`
	Page     int       `json:"page,omitempty"`
	Class    string    `json:"class,omitempty"` // the sensitive class that blocks the page
	Why      string    `json:"why"`
}

// Obstacles returns all of them, against documents as they are filed now.
func (r Request) Obstacles(rules *Rules, c Class, hs []Holding, today record.Date) []Obstacle {
	var out []Obstacle
	for _, d := range r.Grounds.Deficiencies(c, today) {
		out = append(out, Obstacle{Why: d})
	}
	if r.Kind == Accounting {
		return out
	}
	if len(r.Chosen) == 0 {
		out = append(out, Obstacle{Why: "no page is chosen"})
	}
	by := map[record.ID]Holding{}
	for _, h := range hs {
		by[h.ID] = h
	}
	for _, ch := range r.Chosen {
		h, ok := by[ch.Document]
		switch {
		case !ok:
			out = append(out, Obstacle{Document: ch.Document, Why: "the document is not of these charts any more"})
			continue
		case h.State != record.DocumentFiled:
			out = append(out, Obstacle{Document: ch.Document, Why: "the document is " + string(h.State)})
			continue
		case h.Moving:
			out = append(out, Obstacle{Document: ch.Document, Why: "a correction of the document is proposed: settle it first"})
			continue
		case h.Unread:
			out = append(out, Obstacle{Document: ch.Document, Why: "a page of the document could not be read and cannot be put into a package: scan it again"})
			continue
		}
		for _, p := range ch.Pages {
			if p < 1 || p > h.Pages {
				out = append(out, Obstacle{Document: ch.Document, Page: p, Why: fmt.Sprintf("the document has pages 1 to %d", h.Pages)})
				continue
			}
			for _, l := range r.blocked(rules, c, h, p) {
				s, _ := rules.sensitive(l)
				out = append(out, Obstacle{Document: ch.Document, Page: p, Class: l, Why: fmt.Sprintf("%s: goes out only under an authority that names it (%s)", s.Name, s.Cite)})
			}
		}
	}
	if c.Partial && r.LeftOut == "" && r.leaves(hs) {
		out = append(out, Obstacle{Why: "pages that were asked for are left out: say why (45 CFR 164.524(d))"})
	}
	return out
}

// leaves reports whether something in scope does not go out: a page, or a document
// that cannot be given now. What is blacked out has reasons of its own, which the
// requester reads.
func (r Request) leaves(hs []Holding) bool {
	for _, h := range hs {
		if h.gone() || !r.inScope(h) {
			continue
		}
		if !h.There() {
			return true
		}
		for p := 1; p <= h.Pages; p++ {
			if !r.Takes(h.ID, p) {
				return true
			}
		}
	}
	return false
}

// cleanChoice sorts a choice and drops what is in it twice: record.ErrInvalid
// for a document that is not of the charts, and for pages it does not have.
func cleanChoice(cs []Choice, hs []Holding) ([]Choice, error) {
	var out []Choice
	for _, h := range hs {
		var pages []int
		for _, c := range cs {
			if c.Document == h.ID {
				pages = append(pages, c.Pages...)
			}
		}
		slices.Sort(pages)
		pages = slices.Compact(pages)
		if len(pages) == 0 {
			continue
		}
		if pages[0] < 1 || pages[len(pages)-1] > h.Pages {
			return nil, fmt.Errorf("choice: %w: document %s has pages 1 to %d", record.ErrInvalid, h.ID, h.Pages)
		}
		out = append(out, Choice{h.ID, pages})
	}
	for _, c := range cs {
		if !slices.ContainsFunc(hs, func(h Holding) bool { return h.ID == c.Document }) {
			return nil, fmt.Errorf("choice: %w: document %s is not of these charts", record.ErrInvalid, c.Document)
		}
	}
	return out, nil
}

// reason wants a reason.
func reason(what, why string) error {
	if strings.TrimSpace(why) == "" {
		return fmt.Errorf("%s: %w: say why", what, record.ErrInvalid)
	}
	return nil
}
