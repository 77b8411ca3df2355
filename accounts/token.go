package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// Token lets a program act for a user, with some of the user's rights, for a
// while. What it can never do is what people decide: approve, check, change users.
type Token struct {
	ID      string    `json:"id"`   // of chance; names it in lists
	Name    string    `json:"name"` // what it is for
	Hash    []byte    `json:"hash"` // SHA-256 of its secret, which has 256 bits
	Rights  []Right   `json:"rights"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

// Bounds of tokens.
const (
	MostTokens    = 20                  // of one user
	LongestToken  = 90 * 24 * time.Hour // it may be good for
	tokenPrefix   = "cvp_"              // by which scanners for secrets find one that got somewhere
	longTokenName = 64
)

// forPrograms lists the rights a token may have.
func forPrograms() []Right {
	return []Right{SeeBatches, Settle, Correct, OpenChart, SearchAll, Import, AnswerAsks, SeeHolds, PlaceHold, SeeRetention, ProposeEnds, SeeAudit, SeeAccess, SeeReports, SeeHealth}
}

// MayGive lists the rights a user can give a token.
func MayGive(u User) []Right {
	return slices.DeleteFunc(forPrograms(), func(r Right) bool { return !u.May(r) })
}

// NewToken makes a token for whoever is signed in and returns its secret, which
// nobody can be told again. Whoever gives the user another password, takes the second
// factor off or shuts the user out ends them all. record.ErrInvalid for rights the user does not have,
// and for a time that is too long.
func (d *Desk) NewToken(ctx context.Context, s *Session, name string, rights []Right, days int) (string, error) {
	name = strings.TrimSpace(name)
	invalid := func(why string) error { return fmt.Errorf("token: %w: %s", record.ErrInvalid, why) }
	life := time.Duration(days) * 24 * time.Hour
	switch {
	case name == "" || len(name) > longTokenName:
		return "", invalid("say what it is for, in at most 64 characters")
	case len(rights) == 0:
		return "", invalid("give it at least one right")
	case days < 1 || life > LongestToken:
		return "", invalid("it is good for 1 to 90 days")
	}
	secret := tokenPrefix + s.User.Name + "_" + rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	now := d.now().UTC()
	t := Token{ID: rand.Text()[:10], Name: name, Hash: sum[:], Rights: rights, Since: now, Expires: now.Add(life)}
	return secret, d.edit(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		if d.NeedsFactor(u) {
			return u, fmt.Errorf("token: %w: you need a second factor first", record.ErrDenied)
		}
		if u.byGroups() { // nobody here would hear that they left
			return u, fmt.Errorf("token: %w: programs act for people with a password of this archive", record.ErrDenied)
		}
		for _, r := range rights {
			if !slices.Contains(MayGive(u), r) {
				return u, invalid(fmt.Sprintf("it cannot have the right to %s", r))
			}
		}
		u.Tokens = slices.DeleteFunc(slices.Clone(u.Tokens), func(o Token) bool { return !now.Before(o.Expires) })
		if u.Tokens = append(u.Tokens, t); len(u.Tokens) > MostTokens {
			return u, invalid("there are twenty; end one first")
		}
		return u, nil
	})
}

// EndToken ends one of the tokens of whoever is signed in.
func (d *Desk) EndToken(ctx context.Context, s *Session, id string) error {
	return d.edit(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		n := len(u.Tokens)
		u.Tokens = slices.DeleteFunc(slices.Clone(u.Tokens), func(t Token) bool { return t.ID == id })
		if len(u.Tokens) == n {
			return u, fmt.Errorf("token %s: %w", id, record.ErrNotFound)
		}
		return u, nil
	})
}

// Tokens lists the tokens of whoever is signed in.
func (d *Desk) Tokens(ctx context.Context, s *Session) ([]Token, error) {
	u, err := d.register.User(ctx, s.User.Name)
	return u.Tokens, err
}

// Bearer is who a token acts for, and what it may do.
type Bearer struct {
	User  User
	Token Token
}

// May reports whether the token may do something: its user may, and it was given
// the right.
func (b Bearer) May(r Right) bool {
	return b.User.May(r) && slices.Contains(b.Token.Rights, r) && slices.Contains(forPrograms(), r)
}

// IsToken reports whether a bearer secret looks like a token of a person.
func IsToken(secret string) bool { return strings.HasPrefix(secret, tokenPrefix) }

// ByToken returns whose token a secret is. record.ErrDenied, always the same, for
// one that is not, or is over, or whose user is shut out or must have a second
// factor and has none; record.ErrNotReady for whoever guesses too often.
func (d *Desk) ByToken(ctx context.Context, secret, addr string) (Bearer, error) {
	rest, ok := strings.CutPrefix(secret, tokenPrefix)
	i := strings.LastIndexByte(rest, '_')
	if !ok || i < 0 {
		return Bearer{}, errToken()
	}
	name := rest[:i]
	u, err := d.register.User(ctx, name)
	if err != nil || u.Disabled || d.NeedsFactor(u) {
		u = User{}
	}
	sum := sha256.Sum256([]byte(secret))
	now := d.now()
	for _, t := range u.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Hash) == 1 && now.Before(t.Expires) {
			return Bearer{u, t}, nil
		}
	}
	// A secret of 256 bits is not guessed; who tries is slowed down all the same.
	if err := d.guess("tokens of "+name, addr); err != nil {
		return Bearer{}, err
	}
	return Bearer{}, errToken()
}

func errToken() error {
	return fmt.Errorf("token: %w: it is wrong, over or ended", record.ErrDenied)
}
