package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"image"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"chartvault/record"
)

// Second factor: a code that changes every thirty seconds (RFC 6238), as
// authenticator apps show it.
const (
	factorStep = 30 * time.Second
	factorSkew = 1 // steps a clock may be off, either way
)

// Enrolment is a second factor that is not confirmed yet.
type Enrolment struct {
	Secret string // base32, to be typed into an app
	url    string
}

// NewEnrolment draws a secret for a user of a site.
func NewEnrolment(site, name string) (Enrolment, error) {
	raw := make([]byte, 20)
	rand.Read(raw) // never fails
	k, err := totp.Generate(totp.GenerateOpts{Issuer: site, AccountName: name, Secret: raw, Period: uint(factorStep / time.Second)})
	if err != nil {
		return Enrolment{}, fmt.Errorf("second factor: %w", err)
	}
	return Enrolment{base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw), k.URL()}, nil
}

// Image is what an app scans instead, size pixels wide.
func (e Enrolment) Image(size int) (image.Image, error) {
	k, err := otp.NewKeyFromURL(e.url)
	if err != nil {
		return nil, fmt.Errorf("second factor: %w", err)
	}
	return k.Image(size, size)
}

// Confirm gives a user the second factor, when the code shows that the app has
// it. The user's sessions end, this one too: the next sign-in is with it.
func (d *Desk) Confirm(ctx context.Context, s *Session, e Enrolment, code string) error {
	name := s.User.Name
	if err := d.guess("factor of "+name, ""); err != nil {
		return err
	}
	step, ok := d.step(e.Secret, code)
	if !ok {
		return fmt.Errorf("second factor: %w: this is not the code the app shows now", record.ErrDenied)
	}
	d.right("factor of "+name, "")
	d.mu.Lock()
	d.used[name] = max(d.used[name], step) // the code is not good for a sign-in as well
	d.mu.Unlock()
	if d.Once != nil {
		if _, err := d.Once(name, step); err != nil {
			return fmt.Errorf("second factor: %w", err)
		}
	}
	return d.change(ctx, s.User.Actor(), name, func(u User) (User, error) {
		if u.Name == "" || u.Disabled {
			return u, fmt.Errorf("second factor: %w: this user may not sign in any more", record.ErrDenied)
		}
		u.Factor = e.Secret
		return u, nil
	})
}

// step returns which step a code is of, when it is good now.
func (d *Desk) step(secret, code string) (int64, bool) {
	now := d.now()
	for i := -factorSkew; i <= factorSkew; i++ {
		at := now.Add(time.Duration(i) * factorStep)
		want, err := totp.GenerateCode(secret, at)
		if err == nil && len(code) == len(want) && equal(code, want) {
			return at.Unix() / int64(factorStep/time.Second), true
		}
	}
	return 0, false
}

// factorOK checks a code, or a security key's answer, at the sign-in. Each is good
// once.
func (d *Desk) factorOK(u User, code string) bool {
	if answer, ok := strings.CutPrefix(code, keyAnswer); ok {
		return d.keyOK(u, answer)
	}
	if u.Factor == "" {
		return len(u.Keys) == 0
	}
	step, ok := d.step(u.Factor, code)
	if !ok || !d.usedHere(u.Name, step) {
		return false
	}
	if d.Once == nil {
		return true
	}
	first, err := d.Once(u.Name, step) // without the lock that every request takes: it asks a database
	return err == nil && first
}

// usedHere uses a step, and reports whether this process has seen none as late.
func (d *Desk) usedHere(name string, step int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if step <= d.used[name] {
		return false
	}
	d.used[name] = step
	return true
}

// NeedsFactor reports whether the user has to enrol a second factor before
// anything else: whoever opens charts or decides about them, where the site
// wants it. Of whoever has no password here, the site's own sign-in asked for it.
func (d *Desk) NeedsFactor(u User) bool {
	return d.RequireFactor && u.Factor == "" && len(u.Keys) == 0 && !u.byGroups() && needsFactor(u)
}

// needsFactor reports whether a user's roles are those of second factors.
func needsFactor(u User) bool {
	return u.May(OpenChart) || u.May(BreakGlass) || u.May(Settle) || u.May(PlaceHold) || u.May(KeepUsers)
}
