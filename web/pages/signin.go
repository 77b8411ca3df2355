package pages

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"chartvault/accounts"
	"chartvault/record"
)

// message is what a form says about the last try, and what a security key is asked.
type message struct {
	Message string
	Key     *accounts.Ceremony // nil where keys cannot be used
	Door    string             // what the site's own sign-in is called; "" where there is none
}

// origin is where the browser says it is: keys sign for that.
func (v *visit) origin() string {
	name, _, err := net.SplitHostPort(v.r.Host)
	if err != nil {
		name = v.r.Host
	}
	if name = strings.ToLower(name); name != "localhost" && !slices.Contains(v.Names, name) {
		return "" // a name that somebody made up
	}
	if v.r.TLS == nil {
		return "http://" + v.r.Host
	}
	return "https://" + v.r.Host
}

// ask asks a security key to say who it is; nil where none can: at an address, or
// without TLS.
func (v *visit) ask() *accounts.Ceremony {
	c, err := v.Accounts.AskKey(v.origin())
	if err != nil {
		return nil
	}
	return &c
}

// factor is the second factor that a form gives: a code, or a key's answer.
func (v *visit) factor() string {
	if key := v.r.PostFormValue("key"); key != "" {
		return accounts.KeyAnswer(v.field("ceremony"), key)
	}
	return v.field("code")
}

func (v *visit) signInForm() error {
	if v.session != nil {
		return v.to("/")
	}
	us, err := v.Accounts.Users(v.r.Context())
	if err != nil {
		return err
	}
	if len(us) == 0 {
		return v.to("/setup")
	}
	return v.show("signin", "Sign in", message{Key: v.ask(), Door: v.door()})
}

func (v *visit) signIn() error {
	s, err := v.Accounts.SignIn(v.r.Context(), v.field("name"), v.r.PostFormValue("password"), v.factor(), v.addr())
	if v.wrong(err) {
		if err := v.refused("signin", v.field("name"), err); err != nil {
			return err
		}
		return v.showAs(http.StatusUnauthorized, "signin", "Sign in", message{v.Problem(err).Message, v.ask(), v.door()})
	}
	if err == nil {
		err = v.welcome(s)
	}
	if err != nil {
		return err
	}
	return v.to("/")
}

// refused notes that a guess at a place was wrong. One that was not looked at,
// because it came too soon, is not noted: nobody fills the log with those.
func (v *visit) refused(at, name string, why error) error {
	if !errors.Is(why, record.ErrDenied) {
		return nil
	}
	return v.Call(v.r.Context(), door, "sign-in-refused", map[string]string{"at": at, "name": name, "from": v.addr()}, nothing)
}

// door is who acts where nobody is signed in.
const door record.Actor = "pages"

func (v *visit) signOut() error {
	v.Accounts.SignOut(v.session)
	http.SetCookie(v.w, &http.Cookie{Name: cookieName, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.to("/signin")
}

func (v *visit) setUpForm() error {
	us, err := v.Accounts.Users(v.r.Context())
	if err != nil {
		return err
	}
	if len(us) > 0 {
		return v.to("/signin")
	}
	return v.show("setup", "The first administrator", message{})
}

func (v *visit) setUp() error {
	err := v.Accounts.SetUp(v.r.Context(), v.field("code"), v.field("name"), v.r.PostFormValue("password"), v.addr())
	if errors.Is(err, record.ErrDenied) || errors.Is(err, record.ErrInvalid) || errors.Is(err, record.ErrNotReady) {
		if err := v.refused("setup", "", err); err != nil {
			return err
		}
		return v.showAs(http.StatusBadRequest, "setup", "The first administrator", message{Message: v.Problem(err).Message})
	}
	if err != nil {
		return err
	}
	return v.to("/signin")
}
