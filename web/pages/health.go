package pages

import "encoding/json"

// check is what was found of something the archive depends on.
type check struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or fail
	Detail string `json:"detail"`
}

// healthPage is the archive's health, and what checking everything found.
type healthPage struct {
	summary
	Checks []check // nil while nobody asked
}

func (v *visit) health() error { return v.showHealth(nil) }

// checkAll checks everything on the spot.
func (v *visit) checkAll() error {
	cs, err := each[check](v, "check", struct{}{})
	if err != nil {
		return err
	}
	return v.showHealth(cs)
}

func (v *visit) showHealth(cs []check) error {
	h := healthPage{Checks: cs}
	if err := v.one("status", struct{}{}, &h.summary); err != nil {
		return err
	}
	return v.show("health", "Health", h)
}

// support gives what may be handed to whoever helps from outside, as a file.
func (v *visit) support() error {
	var b json.RawMessage
	if err := v.one("support", struct{}{}, &b); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="chartvault-support.json"`)
	e := json.NewEncoder(v.w)
	e.SetIndent("", "  ")
	return e.Encode(b)
}
