package pages

import (
	"fmt"
	"strings"
)

// automation is what the schedule in force has the daemon propose by itself, with
// its standing approval.
type automation struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Class     string   `json:"class"`
	Execute   bool     `json:"execute"`
	AskedBy   string   `json:"asked_by"`
	Approvals []string `json:"approvals"`
	Until     string   `json:"until"`
	Lacks     string   `json:"lacks"`

	Mine bool `json:"-"` // whoever looks asked for it, and cannot approve it
}

func (v *visit) automations() error {
	as, err := each[automation](v, "automation-list", struct{}{})
	if err != nil {
		return err
	}
	for i, a := range as {
		as[i].Mine = a.AskedBy == string(v.session.User.Actor())
	}
	if v.csvWanted() {
		return saveList(v, "automations", []string{"name", "record class", "executes", "asked by", "approved by", "until", "lacks"}, as, func(a automation) []string {
			return []string{a.Name, a.Class, fmt.Sprint(a.Execute), a.AskedBy, strings.Join(a.Approvals, " "), a.Until, a.Lacks}
		})
	}
	return v.show("automations", "What ends by itself", as)
}

// askAutomation asks for the standing approval of an automation.
func (v *visit) askAutomation() error {
	if err := v.call("automation-ask", map[string]string{"id": v.field("name")}, nothing); err != nil {
		return err
	}
	return v.to("/automations")
}

func (v *visit) approveAutomation() error {
	return v.approve("standing", v.field("name"), "/automations")
}
