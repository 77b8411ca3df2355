// Package accountstest has what tests of sign-ins need. It owns no stored form.
package accountstest

import (
	"context"
	"slices"
	"strings"

	"chartvault/accounts"
	"chartvault/record"
)

// Register is an accounts.Register in memory, by name. It is not safe for
// concurrent changes.
type Register map[string]accounts.User

// User implements accounts.Register.
func (r Register) User(_ context.Context, name string) (accounts.User, error) {
	u, ok := r[name]
	if !ok {
		return u, record.ErrNotFound
	}
	return u, nil
}

// Users implements accounts.Register.
func (r Register) Users(context.Context) (out []accounts.User, _ error) {
	for _, u := range r {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b accounts.User) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// PutUser implements accounts.Register.
func (r Register) PutUser(_ context.Context, _ record.Actor, u accounts.User) error {
	r[u.Name] = u
	return nil
}
