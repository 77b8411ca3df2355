package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"chartvault/accounts"
	"chartvault/record"
)

// Door is the site's own sign-in. Its one implementation is accounts/provider.
type Door interface {
	// Label is what its button says.
	Label() string
	// Send begins a journey there: where the browser goes, and what its cookie
	// holds until it is back at the address. anew asks for the password in any case.
	Send(ctx context.Context, back string, anew bool, errand string) (to, cookie string, err error)
	// Receive ends it: who came back, and on what errand; "" for a browser on none.
	Receive(ctx context.Context, cookie string, answer url.Values) (accounts.Outside, string, error)
}

// doorCookie knows a browser again that comes back. The browser comes from
// elsewhere then, which the session's own cookie does not allow.
const doorCookie = "__Host-chartvault-door"

// errand is what somebody was sent to the site's own sign-in for. It comes back
// sealed, without the session's own cookie, and so names the session.
type errand struct {
	What    string `json:"what"`              // signs in, links or proves
	Session string `json:"session,omitempty"` // secret of whoever links or proves
	To      string `json:"to"`                // and goes on to
}

// Errands.
const (
	signsIn = "sign in"
	links   = "link"
	proves  = "prove"
)

// door is what a page says of the site's own sign-in; "" where there is none.
func (v *visit) door() string {
	if v.Outside == nil || v.origin() == "" {
		return ""
	}
	return v.Outside.Label()
}

func (v *visit) signInOutside() error { return v.send(errand{What: signsIn, To: "/"}, false) }
func (v *visit) link() error          { return v.send(errand{links, v.session.Secret, "/signin"}, true) }
func (v *visit) proveOutside() error {
	return v.send(errand{proves, v.session.Secret, v.onward(v.r.URL.Query().Get("to"))}, true)
}

// unlink takes the site's own sign-in off whoever is signed in, who signs in anew.
func (v *visit) unlink() error {
	if err := v.Accounts.Unlink(v.r.Context(), v.session); err != nil {
		return err
	}
	return v.to("/signin")
}

// send sends the browser to the site's own sign-in.
func (v *visit) send(e errand, anew bool) error {
	if v.door() == "" {
		return fmt.Errorf("sign in: %w: this site has no sign-in of its own, or you came by an address that has no name", record.ErrNotFound)
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	to, secret, err := v.Outside.Send(v.r.Context(), v.origin()+"/signin/back", anew, string(text))
	if err != nil {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: doorCookie, Value: secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 600})
	return v.to(to)
}

// back takes whoever comes back from the site's own sign-in.
func (v *visit) back() error {
	if v.Outside == nil {
		return fmt.Errorf("sign in: %w: this site has no sign-in of its own", record.ErrNotFound)
	}
	secret := ""
	if c, err := v.r.Cookie(doorCookie); err == nil {
		secret = c.Value
	}
	o, on, err := v.Outside.Receive(v.r.Context(), secret, v.r.URL.Query())
	var e errand
	if on != "" {
		if uerr := json.Unmarshal([]byte(on), &e); uerr != nil {
			return uerr
		}
	}
	who := o.Username()
	if s := v.Accounts.Peek(e.Session); s != nil {
		who = s.User.Name
	}
	if err == nil {
		err = v.arrive(e, o)
	}
	if v.wrong(err) {
		// A stranger, for whom nobody vouches and who is signed in nowhere, fills no log.
		if o.Subject.Subject != "" || e.What != signsIn && who != o.Username() {
			if err := v.refused(e.What, who, err); err != nil {
				return err
			}
		}
		return v.showAs(http.StatusUnauthorized, "signin", "Sign in", message{v.Problem(err).Message, v.ask(), v.door()})
	}
	if err != nil {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: doorCookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
	// A redirect would still be a journey from elsewhere, without the session's
	// cookie; a page that goes on by itself is one of ours.
	v.onto = e.To
	return v.show("onward", "You are signed in", e.To)
}

// arrive does what somebody was sent for.
func (v *visit) arrive(e errand, o accounts.Outside) error {
	of := v.Accounts.Peek(e.Session)
	if e.What != signsIn && of == nil {
		return fmt.Errorf("you are not signed in any more: %w: sign in and do it again", record.ErrDenied)
	}
	switch e.What {
	case links:
		return v.Accounts.Link(v.r.Context(), of, o)
	case proves:
		return v.Accounts.AgainOutside(v.r.Context(), of, o)
	}
	s, err := v.Accounts.SignInOutside(v.r.Context(), o)
	if err != nil {
		return err
	}
	return v.welcome(s)
}

// welcome gives a session that began to the browser, once it is in the log.
func (v *visit) welcome(s *accounts.Session) error {
	// A new secret for every sign-in: one that was known before is worth nothing.
	if v.session != nil {
		v.Accounts.SignOut(v.session)
	}
	if err := v.Call(v.r.Context(), s.User.Actor(), "signed-in", map[string]string{"from": v.addr()}, nothing); err != nil {
		v.Accounts.SignOut(s)
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: cookieName, Value: s.Secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return nil
}
