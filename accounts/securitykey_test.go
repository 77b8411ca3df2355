package accounts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"chartvault/accounts"
	"chartvault/record"
)

// softKey is a security key in software: WebAuthn, level 2, sections 6 and 7.
type softKey struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	origin string // the browser says it is at
	site   string // the key signs for
}

func newSoftKey(t *testing.T, origin, site string) *softKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &softKey{t: t, key: k, id: []byte(rand.Text()), origin: origin, site: site}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (k *softKey) marshal(v any) []byte {
	k.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

// asked is what the options of a ceremony ask.
func (k *softKey) asked(c accounts.Ceremony) (challenge string) {
	k.t.Helper()
	var o struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(c.Options, &o); err != nil || o.Challenge == "" {
		k.t.Fatalf("options: %v\n%s", err, c.Options)
	}
	if o.User.ID != "" {
		var err error
		if k.handle, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
			k.t.Fatal(err)
		}
	}
	return o.Challenge
}

func (k *softKey) client(kind, challenge string) []byte {
	return k.marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
}

func (k *softKey) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(k.site))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), k.count)
}

// create answers the making of a key.
func (k *softKey) create(c accounts.Ceremony) string {
	k.t.Helper()
	client := k.client("webauthn.create", k.asked(c))
	x, y := make([]byte, 32), make([]byte, 32)
	k.key.X.FillBytes(x)
	k.key.Y.FillBytes(y)
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: x, -3: y})
	if err != nil {
		k.t.Fatal(err)
	}
	data := append(k.data(0x45), make([]byte, 16)...) // user present and verified, with a credential
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), cose...)
	att, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		k.t.Fatal(err)
	}
	return string(k.marshal(map[string]any{"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(att)}}))
}

// get answers a sign-in.
func (k *softKey) get(c accounts.Ceremony) string {
	k.t.Helper()
	k.count++
	client := k.client("webauthn.get", k.asked(c))
	data, sum := k.data(0x05), sha256.Sum256(client)
	hash := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, k.key, hash[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return string(k.marshal(map[string]any{"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(k.handle)}}))
}

const (
	hospital = "https://charts.sample.example:8443"
	its      = "charts.sample.example"
)

// TestSecurityKey: a key is a second factor of its user, of this site, for what was
// asked a moment ago, once; and nothing else is.
func TestSecurityKey(t *testing.T) {
	d, l, c := desk(t)
	ctx := t.Context()
	d.RequireFactor = true
	for _, name := range []string{"tech", "other", "third"} {
		if err := d.Put(ctx, "t", accounts.User{Name: name, Roles: []accounts.Role{accounts.Records}}, good); err != nil {
			t.Fatal(err)
		}
	}
	give := func(name string, k *softKey) error {
		t.Helper()
		c.t = c.t.Add(time.Hour) // failures are forgotten
		var code string
		if len(l[name].Keys) > 0 {
			t.Fatal("one key is enough")
		}
		s, err := d.SignIn(ctx, name, good, code, "a")
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.NewKey(ctx, s, hospital)
		if err != nil {
			t.Fatal(err)
		}
		err = d.KeepKey(ctx, s, n.ID, "a key", k.create(n))
		if err == nil && d.Session(s.Secret) != nil {
			t.Error("a session outlives the giving of a key")
		}
		return err
	}
	for what, k := range map[string]*softKey{"made elsewhere": newSoftKey(t, "https://elsewhere.example", its), "made for another site": newSoftKey(t, hospital, "elsewhere.example")} {
		if err := give("tech", k); !errors.Is(err, record.ErrInvalid) || len(l["tech"].Keys) > 0 {
			t.Errorf("%s: got %v", what, err)
		}
	}
	mine, others := newSoftKey(t, hospital, its), newSoftKey(t, hospital, its)
	if err := give("tech", mine); err != nil || d.NeedsFactor(l["tech"]) {
		t.Fatalf("got %v, and it needs a second factor: %v", err, d.NeedsFactor(l["tech"]))
	}
	c.t = c.t.Add(time.Hour)
	asker, err := d.SignIn(ctx, "other", good, "", "a")
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.NewKey(ctx, asker, hospital)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.KeepKey(ctx, &accounts.Session{User: l["third"]}, n.ID, "a key", others.create(n)); !errors.Is(err, record.ErrInvalid) || len(l["third"].Keys) > 0 {
		t.Errorf("a key that somebody else asked for: got %v", err)
	}
	if err := give("other", others); err != nil {
		t.Fatal(err)
	}
	ask := func() accounts.Ceremony {
		t.Helper()
		n, err := d.AskKey(hospital)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	in := func(password, code string) error {
		c.t = c.t.Add(time.Hour)
		_, err := d.SignIn(ctx, "tech", password, code, "a")
		return err
	}
	now := func(f func(n accounts.Ceremony) string) error { // asked and answered without the hour
		_, err := d.SignIn(ctx, "tech", good, f(ask()), "b")
		return err
	}
	if err := in(good, ""); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the password alone: got %v", err)
	}
	var said string
	if err := now(func(n accounts.Ceremony) string { said = accounts.KeyAnswer(n.ID, mine.get(n)); return said }); err != nil {
		t.Fatalf("the key: got %v", err)
	}
	copyOf := *mine
	for what, f := range map[string]func(n accounts.Ceremony) string{
		"the same answer again": func(accounts.Ceremony) string { return said },
		"another's key":         func(n accounts.Ceremony) string { return accounts.KeyAnswer(n.ID, others.get(n)) },
		"another's key in my name": func(n accounts.Ceremony) string {
			k := *others
			k.handle = mine.handle
			return accounts.KeyAnswer(n.ID, k.get(n))
		},
		"at another site": func(n accounts.Ceremony) string {
			k := *mine
			k.origin = "https://elsewhere.example"
			return accounts.KeyAnswer(n.ID, k.get(n))
		},
		"for another site": func(n accounts.Ceremony) string {
			k := *mine
			k.site = "elsewhere.example"
			return accounts.KeyAnswer(n.ID, k.get(n))
		},
		"for another question":          func(n accounts.Ceremony) string { m := ask(); return accounts.KeyAnswer(n.ID, mine.get(m)) },
		"to no question":                func(n accounts.Ceremony) string { return accounts.KeyAnswer("x", mine.get(n)) },
		"a copy that counts behind":     func(n accounts.Ceremony) string { copyOf.count = 0; return accounts.KeyAnswer(n.ID, copyOf.get(n)) },
		"rubbish":                       func(n accounts.Ceremony) string { return accounts.KeyAnswer(n.ID, "{}") },
		"the answer to making of a key": func(n accounts.Ceremony) string { return accounts.KeyAnswer(n.ID, mine.create(n)) },
		"too late": func(n accounts.Ceremony) string {
			a := mine.get(n)
			c.t = c.t.Add(5 * time.Minute)
			return accounts.KeyAnswer(n.ID, a)
		},
	} {
		c.t = c.t.Add(time.Hour)
		if err := now(f); !errors.Is(err, record.ErrDenied) {
			t.Errorf("%s: got %v, want ErrDenied", what, err)
		}
	}
	c.t = c.t.Add(time.Hour)
	n = ask()
	if _, err := d.SignIn(ctx, "tech", "wrong", accounts.KeyAnswer(n.ID, mine.get(n)), "b"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the key with a wrong password: got %v", err)
	}
	n = ask()
	s, err := d.SignIn(ctx, "tech", good, accounts.KeyAnswer(n.ID, mine.get(n)), "b")
	if err != nil {
		t.Fatal(err)
	}
	n = ask()
	if err := d.Again(ctx, s, good, accounts.KeyAnswer(n.ID, mine.get(n)), "b"); err != nil {
		t.Errorf("asked again: got %v", err)
	}
	if err := d.DropKey(ctx, s, l["tech"].Keys[0].ID); err != nil || len(l["tech"].Keys) > 0 {
		t.Errorf("taken off: got %v", err)
	}
	for _, origin := range []string{"https://10.0.0.7", "http://charts.sample.example", "https://[::1]:8443", "charts", ""} {
		if _, err := d.AskKey(origin); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("at %q: got %v, want ErrInvalid", origin, err)
		}
	}
	if _, err := d.AskKey("http://localhost:8420"); err != nil {
		t.Errorf("on this machine: got %v", err)
	}
}
