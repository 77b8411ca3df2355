package pages

import (
	"fmt"
	"slices"
	"strconv"

	"chartvault/record"
)

// paperList is a list of batches whose source paper may be destroyed.
type paperList struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	Batches     int      `json:"batches"`
	Pages       int      `json:"pages"`
	Approvals   []string `json:"approvals"`
	Certificate string   `json:"certificate"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"`
}

// sheaf is the paper of one batch.
type sheaf struct {
	Batch    string   `json:"batch"`
	FiledOn  string   `json:"filed_on"`
	Pages    int      `json:"pages"`
	Missing  []string `json:"missing"`
	Released string   `json:"released"`
}

func (v *visit) papers() error {
	ls, err := each[paperList](v, "paper-lists", struct{}{})
	if err != nil {
		return err
	}
	slices.Reverse(ls)
	if v.csvWanted() {
		return saveList(v, "paper", []string{"list", "made at", "made by", "state", "batches", "pages", "approved by", "certificate"}, ls, func(l paperList) []string {
			return []string{l.ID, l.MadeAt, l.MadeBy, l.State, itoa(l.Batches), itoa(l.Pages), fmt.Sprint(l.Approvals), l.Certificate}
		})
	}
	return v.show("papers", "Source paper", paged(v, ls, func(l paperList) string { return l.ID }))
}

// paperNow says of every batch whether its paper may go. What is ready otherwise is
// read back to say so, which takes its time.
func (v *visit) paperNow() error {
	ss, err := each[sheaf](v, "paper-list", struct{}{})
	if err != nil {
		return err
	}
	return v.show("sheaves", "Which paper may go", paged(v, ss, func(s sheaf) string { return s.Batch }))
}

func (v *visit) makePaper() error {
	var l paperList
	if err := v.one("paper-make", struct{}{}, &l); err != nil {
		return err
	}
	return v.to("/paper/" + l.ID)
}

// paperPage is a list of paper with its batches.
type paperPage struct {
	paperList
	Sheaves []sheaf
	Mine    bool // whoever looks made it, and cannot approve it
}

func (v *visit) findPaper() (paperList, error) {
	id := v.r.PathValue("paper")
	ls, err := each[paperList](v, "paper-lists", struct{}{})
	if err != nil {
		return paperList{}, err
	}
	i := slices.IndexFunc(ls, func(l paperList) bool { return l.ID == id })
	if i < 0 {
		return paperList{}, fmt.Errorf("list of paper %s: %w", id, record.ErrNotFound)
	}
	return ls[i], nil
}

func (v *visit) paper() error {
	l, err := v.findPaper()
	if err != nil {
		return err
	}
	ss, err := each[sheaf](v, "paper-show", map[string]string{"id": l.ID})
	if err != nil {
		return err
	}
	return v.show("paper", "List of paper", paperPage{l, paged(v, ss, func(s sheaf) string { return s.Batch }), l.MadeBy == string(v.session.User.Actor())})
}

// paperAct cancels a list, or certifies that its paper was destroyed.
func (v *visit) paperAct() error {
	id := v.r.PathValue("paper")
	p := map[string]any{"id": id}
	act := v.r.PathValue("act")
	switch act {
	case "cancel":
	case "certify":
		p["how"] = map[string]string{"method": v.field("method"), "on": v.field("on"), "destroyed_by": v.field("by"), "witness": v.field("witness"), "vendor": v.field("vendor"), "contract": v.field("contract")}
	default:
		return fmt.Errorf("there is no such act: %w", record.ErrNotFound)
	}
	if err := v.call("paper-"+act, p, nothing); err != nil {
		return err
	}
	return v.to("/paper/" + id)
}

// approvePaper signs a list. Whoever approves types how many batches are on it.
func (v *visit) approvePaper() error {
	l, err := v.findPaper()
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(v.field("count")); err != nil || n != l.Batches {
		return fmt.Errorf("list of paper %s: %w: type how many batches are on it", l.ID, record.ErrInvalid)
	}
	return v.approve("paper", l.ID, "/paper/"+l.ID)
}
