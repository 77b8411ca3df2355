package pages

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"slices"

	"chartvault/accounts"
	"chartvault/record"
)

// accountPage is what somebody can change of their own sign-in.
type accountPage struct {
	Has     bool   // a second factor
	Must    bool   // enrol one, before anything else
	Secret  string // of one that is being enrolled
	Picture string // of the same, to be scanned
	Kept    string // under which it is kept
	Message string
	Since   string // an approver since; "" for none

	Keys []accounts.SecurityKey
	Key  *accounts.Ceremony // for whoever has a security key

	Door   string // what the site's own sign-in is called; "" where there is none, or the roles may not come by it
	Linked bool   // with it
	Known  bool   // by a password
}

func (v *visit) account() error { return v.showAccount(http.StatusOK, nil, "") }

func (v *visit) showAccount(status int, e *accounts.Enrolment, message string) error {
	u := v.session.User
	p := accountPage{Has: u.Factor != "", Must: v.Accounts.NeedsFactor(u), Message: message, Keys: u.Keys}
	if len(u.Keys) > 0 {
		p.Key = v.ask()
	}
	p.Linked, p.Known = u.Outside != nil, u.Password != ""
	if p.Linked || !slices.ContainsFunc(u.Roles, func(r accounts.Role) bool { return !slices.Contains(accounts.FromGroups(), r) }) {
		p.Door = v.door()
	}
	if u.May(accounts.Approve) && !p.Must {
		as, err := each[struct {
			Account record.Actor `json:"account"`
			Since   string       `json:"since"`
		}](v, "approver-list", struct{}{})
		if err != nil {
			return err
		}
		for _, a := range as {
			if a.Account == u.Actor() {
				p.Since = a.Since
			}
		}
	}
	if e != nil {
		im, err := e.Image(240)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			return err
		}
		p.Secret, p.Picture, p.Kept = e.Secret, "/image/"+v.session.KeepOnce(picture(b.Bytes())), v.session.Keep(*e)
	}
	return v.showAs(status, "account", "My sign-in", p)
}

// enrol draws a second factor and shows it, for as long as the session lasts.
// Whoever does so says the password once more, and the code there is.
func (v *visit) enrol() error {
	err := v.Accounts.Again(v.r.Context(), v.session, v.r.PostFormValue("password"), v.factor(), v.addr())
	if v.wrong(err) {
		if err := v.refused("factor", v.session.User.Name, err); err != nil {
			return err
		}
		return v.showAccount(http.StatusBadRequest, nil, v.Problem(err).Message)
	}
	if err != nil {
		return err
	}
	e, err := accounts.NewEnrolment("Chartvault "+v.Facility, v.session.User.Name)
	if err != nil {
		return err
	}
	return v.showAccount(http.StatusOK, &e, "")
}

// confirm gives the user the second factor that was shown, and has them sign in
// with it.
func (v *visit) confirm() error {
	e, ok := v.session.Kept(v.field("kept")).(accounts.Enrolment)
	if !ok {
		return fmt.Errorf("this second factor is over: %w: begin again", record.ErrNotFound)
	}
	err := v.Accounts.Confirm(v.r.Context(), v.session, e, v.field("code"))
	if v.wrong(err) {
		return v.showAccount(http.StatusBadRequest, &e, v.Problem(err).Message)
	}
	if err != nil {
		return err
	}
	return v.to("/signin")
}

// keyPage is a security key that is being given to somebody.
type keyPage struct{ Key accounts.Ceremony }

// newKey asks the browser to make a key for whoever is signed in.
func (v *visit) newKey() error {
	c, err := v.Accounts.NewKey(v.r.Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	return v.show("newkey", "A security key", keyPage{c})
}

// keepKey gives the user the key that answered, and has them sign in with it.
func (v *visit) keepKey() error {
	if err := v.Accounts.KeepKey(v.r.Context(), v.session, v.field("ceremony"), v.field("name"), v.r.PostFormValue("key")); err != nil {
		return err
	}
	return v.to("/signin")
}

// dropKey takes a key off the user, who signs in anew.
func (v *visit) dropKey() error {
	if err := v.Accounts.DropKey(v.r.Context(), v.session, v.field("id")); err != nil {
		return err
	}
	return v.to("/signin")
}
