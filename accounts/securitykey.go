package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"chartvault/record"
)

// SecurityKey is a second factor of its own kind (WebAuthn, level 2): a key that a
// browser asks to sign, and that signs for one site only.
type SecurityKey struct {
	ID         string              `json:"id"`   // of chance; names it in lists
	Name       string              `json:"name"` // which one it is, as its user calls it
	Site       string              `json:"site"` // the host name it was made for
	Since      time.Time           `json:"since"`
	Credential webauthn.Credential `json:"credential"`
}

// Bounds of keys and of what is asked of them.
const (
	mostKeys    = 10
	ceremonyFor = 5 * time.Minute // in which a browser answers
	mostAsked   = 256             // keys being made at once
	keyAnswer   = "key:"          // begins the second factor of a sign-in that a key gives
)

// Ceremony is what a browser asks a key to sign.
type Ceremony struct {
	ID      string          // names it in the answer
	Options json.RawMessage // as PublicKeyCredential.parse...OptionsFromJSON reads them
}

// KeyAnswer is a key's answer as the code of SignIn and Again.
func KeyAnswer(ceremony, assertion string) string { return keyAnswer + ceremony + ":" + assertion }

// asked is the making of a key that is waited for.
type asked struct {
	id      string
	site    *webauthn.WebAuthn
	host    string
	session webauthn.SessionData
	user    string // who gets the key
	handle  []byte // as keys name that user
	at      time.Time
}

// question is what a sign-in asks of a key. It travels with the form, under a MAC:
// strangers who ask for the page again and again take no memory for it.
type question struct {
	Origin  string               `json:"origin"`
	Session webauthn.SessionData `json:"session"`
	At      time.Time            `json:"at"`
}

// holder is a user as the library sees one, with the keys of one site.
type holder struct {
	User
	site   string
	handle []byte
}

// WebAuthnID implements webauthn.User.
func (h holder) WebAuthnID() []byte { return h.handle }

// WebAuthnName implements webauthn.User.
func (h holder) WebAuthnName() string { return h.Name }

// WebAuthnDisplayName implements webauthn.User.
func (h holder) WebAuthnDisplayName() string { return h.Name }

// WebAuthnCredentials implements webauthn.User.
func (h holder) WebAuthnCredentials() (out []webauthn.Credential) {
	for _, k := range h.Keys {
		if k.Site == h.site {
			out = append(out, k.Credential)
		}
	}
	return out
}

// relying is the site as keys know it: they sign for a name, never for an address.
func relying(origin string) (*webauthn.WebAuthn, string, error) {
	scheme, host, ok := strings.Cut(origin, "://")
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if !ok || name == "" || net.ParseIP(name) != nil || scheme != "https" && name != "localhost" {
		return nil, "", errKey("keys sign for a server's name: open the pages by it, not by an address")
	}
	w, err := webauthn.New(&webauthn.Config{RPID: name, RPDisplayName: "Chartvault", RPOrigins: []string{origin}})
	if err != nil {
		return nil, "", fmt.Errorf("security key: %w: %w", record.ErrInvalid, err)
	}
	return w, name, nil
}

// NewKey begins to give whoever is signed in a key, at an origin such as
// "https://charts.hospital.example".
func (d *Desk) NewKey(ctx context.Context, s *Session, origin string) (Ceremony, error) {
	site, host, err := relying(origin)
	if err != nil {
		return Ceremony{}, err
	}
	u, err := d.register.User(ctx, s.User.Name)
	if err != nil {
		return Ceremony{}, err
	}
	handle := u.Handle
	if len(handle) == 0 {
		handle = make([]byte, 32)
		rand.Read(handle) // never fails
	}
	h := holder{u, host, handle}
	var have []protocol.CredentialDescriptor
	for _, c := range h.WebAuthnCredentials() {
		have = append(have, c.Descriptor())
	}
	options, session, err := site.BeginRegistration(h, webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired), webauthn.WithExclusions(have))
	if err != nil {
		return Ceremony{}, fmt.Errorf("security key: %w", err)
	}
	return d.ask(&asked{site: site, host: host, session: *session, user: s.User.Name, handle: handle}, options.Response)
}

// AskKey begins a sign-in with a key, whoever it will be.
func (d *Desk) AskKey(origin string) (Ceremony, error) {
	site, _, err := relying(origin)
	if err != nil {
		return Ceremony{}, err
	}
	options, session, err := site.BeginDiscoverableLogin()
	if err != nil {
		return Ceremony{}, fmt.Errorf("security key: %w", err)
	}
	q, err := json.Marshal(question{origin, *session, d.now()})
	if err != nil {
		return Ceremony{}, fmt.Errorf("security key: %w", err)
	}
	b, err := json.Marshal(options.Response)
	if err != nil {
		return Ceremony{}, fmt.Errorf("security key: %w", err)
	}
	return Ceremony{base64.RawURLEncoding.EncodeToString(append(d.mac(q), q...)), b}, nil
}

// mac authenticates what this desk asked.
func (d *Desk) mac(q []byte) []byte {
	h := hmac.New(sha256.New, []byte(d.macKey))
	h.Write(q) // never fails
	return h.Sum(nil)
}

// questioned reads a question that this desk asked, not too long ago; false for any
// other.
func (d *Desk) questioned(id string) (q question, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], d.mac(b[sha256.Size:])) {
		return q, false
	}
	if err := json.Unmarshal(b[sha256.Size:], &q); err != nil {
		return q, false
	}
	return q, d.now().Sub(q.At) < ceremonyFor
}

func (d *Desk) ask(a *asked, options any) (Ceremony, error) {
	b, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("security key: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a.id, a.at = rand.Text(), d.now()
	for len(d.asked) > 0 && (len(d.asked) >= mostAsked || a.at.Sub(d.asked[0].at) >= ceremonyFor) {
		d.asked = d.asked[1:]
	}
	d.asked = append(d.asked, a)
	return Ceremony{a.id, b}, nil
}

// answered takes the making of a key that is waited for; nil for one that is not, or over.
// Each is answered once.
func (d *Desk) answered(id string) *asked {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.asked, func(a *asked) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	a := d.asked[i]
	d.asked = slices.Delete(d.asked, i, i+1)
	if d.now().Sub(a.at) >= ceremonyFor {
		return nil
	}
	return a
}

// errKey is why a key is not taken, for whoever is signed in.
func errKey(why string) error {
	return fmt.Errorf("security key: %w: %s", record.ErrInvalid, why)
}

// KeepKey gives whoever is signed in the key that answered. The user's sessions
// end, this one too: the next sign-in is with it.
func (d *Desk) KeepKey(ctx context.Context, s *Session, ceremony, name, credential string) error {
	a := d.answered(ceremony)
	if a == nil || a.user != s.User.Name {
		return errKey("it took too long; begin again")
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > longTokenName {
		return errKey("give it a name of at most 64 characters")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(credential))
	if err != nil {
		return errKey("its answer cannot be read")
	}
	return d.change(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		if u.Name == "" || u.Disabled || len(u.Handle) > 0 && string(u.Handle) != string(a.handle) {
			return u, errKey("begin again")
		}
		c, err := a.site.CreateCredential(holder{u, a.host, a.handle}, a.session, parsed)
		if err != nil {
			return u, errKey("its answer is not right")
		}
		if len(u.Keys) >= mostKeys {
			return u, errKey("there are ten; take one off first")
		}
		u.Handle = a.handle
		u.Keys = append(slices.Clone(u.Keys), SecurityKey{rand.Text()[:10], name, a.host, d.now().UTC(), *c})
		return u, nil
	})
}

// DropKey takes a key off whoever is signed in, whose sessions end.
func (d *Desk) DropKey(ctx context.Context, s *Session, id string) error {
	return d.change(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		n := len(u.Keys)
		u.Keys = slices.DeleteFunc(slices.Clone(u.Keys), func(k SecurityKey) bool { return k.ID == id })
		if len(u.Keys) == n {
			return u, fmt.Errorf("security key %s: %w", id, record.ErrNotFound)
		}
		return u, nil
	})
}

// keyOK checks a key's answer at the sign-in of a user: theirs, of this site, for
// what was asked a moment ago, and not a copy that counts behind.
func (d *Desk) keyOK(u User, answer string) bool {
	id, assertion, ok := strings.Cut(answer, ":")
	if !ok {
		return false
	}
	q, ok := d.questioned(id)
	if !ok || len(u.Handle) == 0 {
		return false
	}
	site, host, err := relying(q.Origin)
	if err != nil {
		return false
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(assertion))
	if err != nil {
		return false
	}
	c, err := site.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if string(handle) != string(u.Handle) {
			return nil, errors.New("somebody else's")
		}
		return holder{u, host, u.Handle}, nil
	}, q.Session, parsed)
	if err != nil || c.Authenticator.CloneWarning {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for challenge, at := range d.answers { // only right answers are remembered: there are few
		if now.Sub(at) >= ceremonyFor {
			delete(d.answers, challenge)
		}
	}
	if _, used := d.answers[q.Session.Challenge]; used {
		return false
	}
	d.answers[q.Session.Challenge] = q.At
	had, n := d.counts[string(c.ID)], c.Authenticator.SignCount
	if n <= had && (n > 0 || had > 0) {
		return false
	}
	d.counts[string(c.ID)] = n
	return true
}
