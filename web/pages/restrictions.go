package pages

import "strings"

// restricted is a restriction, as it is listed.
type restricted struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Why     string   `json:"why"`
	Matter  string   `json:"matter"`
	Charts  int      `json:"charts"`
	Named   []string `json:"named"`
	By      string   `json:"by"`
	At      string   `json:"at"`
	Changed string   `json:"changed"`
}

func (v *visit) restrictions() error {
	rs, err := each[restricted](v, "restriction-list", struct{}{})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "restrictions", []string{"restriction", "state", "why", "matter", "charts", "named", "since", "changed", "by"}, rs, func(r restricted) []string {
			return []string{r.ID, r.State, r.Why, r.Matter, itoa(r.Charts), strings.Join(r.Named, " "), r.At, r.Changed, r.By}
		})
	}
	return v.show("restrictions", "Restricted charts", paged(v, rs, func(r restricted) string { return r.ID }))
}

// shut shuts charts to whoever is not named.
func (v *visit) shut() error {
	return v.restrict("restriction-shut", map[string]any{"charts": strings.Fields(v.r.PostFormValue("charts")), "why": v.field("why"), "matter": v.field("matter"), "named": strings.Fields(v.field("named"))})
}

// nameFor says anew who may open the charts of a restriction.
func (v *visit) nameFor() error {
	return v.restrict("restriction-name", map[string]any{"id": v.r.PathValue("restriction"), "named": strings.Fields(v.field("named"))})
}

func (v *visit) lift() error {
	return v.restrict("restriction-lift", map[string]any{"id": v.r.PathValue("restriction")})
}

func (v *visit) restrict(op string, params any) error {
	if err := v.call(op, params, nothing); err != nil {
		return err
	}
	return v.to("/restrictions")
}
