package pages

import (
	"fmt"
	"strconv"
	"strings"

	"chartvault/record"
)

// disclosed is a disclosure as it is listed.
type disclosed struct {
	ID        string   `json:"id"`
	Request   string   `json:"request"`
	On        string   `json:"on"`
	Class     string   `json:"class"`
	Recipient party    `json:"recipient"`
	What      string   `json:"what"`
	Purpose   string   `json:"purpose"`
	Method    string   `json:"method"`
	By        string   `json:"by"`
	Again     string   `json:"again"`
	Accounted bool     `json:"accounted"`
	Exempt    string   `json:"exempt"`
	Suspended string   `json:"suspended_until"`
	Charts    []string `json:"charts"`
}

// accounted is a chart whose disclosures were asked for.
type accounted struct{ number string }

// disclosuresPage is what was disclosed of a patient.
type disclosuresPage struct {
	Kept    string // "" where no chart was asked for
	Number  string
	Listed  []disclosed
	Count   int // of them in the accounting
	Classes []ruleClass
}

func (v *visit) disclosuresForm() error {
	r, err := v.rules()
	if err != nil {
		return err
	}
	return v.show("disclosures", "Disclosures", disclosuresPage{Classes: r.Classes})
}

func (v *visit) lookDisclosures() error {
	number := v.field("chart")
	if number == "" {
		return fmt.Errorf("chart number: %w: nothing was given", record.ErrInvalid)
	}
	return v.to("/disclosures/" + v.session.Keep(accounted{number}))
}

// accountedOf is the chart a kept look-up is of.
func (v *visit) accountedOf() (string, error) {
	a, ok := v.session.Kept(v.r.PathValue("kept")).(accounted)
	if !ok {
		return "", fmt.Errorf("this look-up is over: %w: give the chart number again", record.ErrNotFound)
	}
	return a.number, nil
}

func (v *visit) disclosures() error {
	n, err := v.accountedOf()
	if err != nil {
		return err
	}
	ds, err := each[disclosed](v, "disclosures", map[string]any{"chart": n, "all": true})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "disclosures", []string{"disclosure", "request", "date", "class", "recipient", "address", "what", "purpose", "how", "by", "in the accounting", "why not"}, ds, func(d disclosed) []string {
			return []string{d.ID, d.Request, d.On, d.Class, d.Recipient.Name, d.Recipient.Address, d.What, d.Purpose, d.Method, d.By, strconv.FormatBool(d.Accounted), d.Exempt}
		})
	}
	r, err := v.rules()
	if err != nil {
		return err
	}
	p := disclosuresPage{Kept: v.r.PathValue("kept"), Number: n, Listed: ds, Classes: r.Classes}
	for _, d := range ds {
		if d.Accounted {
			p.Count++
		}
	}
	return v.show("disclosures", "Disclosures", p)
}

func (v *visit) printDisclosures() error {
	n, err := v.accountedOf()
	if err != nil {
		return err
	}
	return v.print("disclosures-print", map[string]string{"chart": n, "patient": v.field("patient")}, "accounting")
}

// noteDisclosure writes one down that was made otherwise.
func (v *visit) noteDisclosure() error {
	charts := strings.Fields(v.r.PostFormValue("charts"))
	if err := v.call("disclosure-note", map[string]any{"charts": charts, "on": v.field("on"), "class": v.field("class"), "recipient": v.party("recipient"), "what": v.field("what"),
		"purpose": v.field("purpose"), "method": v.field("method"), "suspended_until": v.field("suspended"), "suspension_basis": v.field("basis")}, nothing); err != nil {
		return err
	}
	if len(charts) == 0 {
		return v.to("/disclosures")
	}
	return v.to("/disclosures/" + v.session.Keep(accounted{charts[0]}))
}
