package pages

import (
	"slices"
)

// purposeEmergency is what whoever broke the glass opens charts for.
const purposeEmergency = "emergency"

// broken is an access in an emergency, as it is listed.
type broken struct {
	ID       string `json:"id"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
	Why      string `json:"why"`
	At       string `json:"at"`
	Reviewed string `json:"reviewed_by"`
	Outcome  string `json:"outcome"`
	Note     string `json:"note"`
	Overdue  bool   `json:"overdue"`
	Charts   int    `json:"charts"`
	Pages    int    `json:"pages"`
	Saved    int    `json:"documents"`
	Searches int    `json:"searches"`
}

func (v *visit) emergencyForm() error { return v.show("emergency", "Emergency", nil) }

// breakGlass opens charts to whoever is signed in, for an hour. It is written down
// first, and those who watch are told.
func (v *visit) breakGlass() error {
	if err := v.call("emergency-begin", map[string]string{"reason": v.field("reason"), "why": v.field("why")}, nothing); err != nil {
		return err
	}
	v.Accounts.Break(v.session)
	return v.to("/")
}

func (v *visit) emergencies() error {
	es, err := each[broken](v, "emergency-list", struct{}{})
	if err != nil {
		return err
	}
	slices.Reverse(es)
	if v.csvWanted() {
		return saveList(v, "emergencies", []string{"emergency", "at", "who", "reason", "why", "charts", "pages", "saved whole", "searches", "reviewed by", "outcome", "note"}, es, func(b broken) []string {
			return []string{b.ID, b.At, b.By, b.Reason, b.Why, itoa(b.Charts), itoa(b.Pages), itoa(b.Saved), itoa(b.Searches), b.Reviewed, b.Outcome, b.Note}
		})
	}
	return v.show("emergencies", "Emergencies", paged(v, es, func(b broken) string { return b.ID }))
}

func (v *visit) reviewEmergency() error {
	if err := v.call("emergency-review", map[string]string{"id": v.r.PathValue("emergency"), "outcome": v.field("outcome"), "note": v.field("note")}, nothing); err != nil {
		return err
	}
	return v.to("/emergencies")
}
