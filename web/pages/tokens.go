package pages

import (
	"fmt"
	"slices"
	"strconv"

	"chartvault/accounts"
	"chartvault/record"
)

// tokensPage is what somebody's programs have, and what they may be given.
type tokensPage struct {
	Tokens []accounts.Token
	Rights []accounts.Right
	Secret string // of one that was just made: shown this once
}

func (v *visit) tokens() error { return v.showTokens("") }

func (v *visit) showTokens(secret string) error {
	ts, err := v.Accounts.Tokens(v.r.Context(), v.session)
	if err != nil {
		return err
	}
	return v.show("tokens", "My tokens", tokensPage{ts, accounts.MayGive(v.session.User), secret})
}

// newToken makes a token. Its secret is on the page that comes, and nowhere else.
func (v *visit) newToken() error {
	days, err := strconv.Atoi(v.field("days"))
	if err != nil {
		return fmt.Errorf("token: %w: say for how many days", record.ErrInvalid)
	}
	var rights []accounts.Right
	for _, r := range v.r.PostForm["right"] {
		rights = append(rights, accounts.Right(r))
	}
	slices.Sort(rights)
	secret, err := v.Accounts.NewToken(v.r.Context(), v.session, v.field("name"), slices.Compact(rights), days)
	if err != nil {
		return err
	}
	return v.showTokens(secret)
}

func (v *visit) endToken() error {
	if err := v.Accounts.EndToken(v.r.Context(), v.session, v.field("id")); err != nil {
		return err
	}
	return v.to("/tokens")
}

// endpoint is an operation for programs, as it is described.
type endpoint struct {
	Op      string `json:"op"`
	Group   string `json:"group"`
	Summary string `json:"summary"`
	Right   string `json:"right"`
	Changes bool   `json:"changes"`
	In      string `json:"in"`
	Out     string `json:"out"`
}

func (v *visit) describe() error {
	es, err := each[endpoint](v, "api-describe", struct{}{})
	if err != nil {
		return err
	}
	return v.show("api", "For programs", es)
}
