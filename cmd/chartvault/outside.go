package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"chartvault/accounts/provider"
	"chartvault/web/pages"
)

// door is the site's own sign-in; nil where the configuration names none. It is
// asked when somebody comes by it, so that its being away stops nothing else.
func (c *config) door(now func() time.Time) (pages.Door, error) {
	s := c.SignIn
	if s == nil {
		return nil, nil
	}
	out := provider.Config{Issuer: s.Issuer, Client: s.Client, Label: cmp.Or(s.Label, "Sign in with the hospital's sign-in"), Hosts: s.Hosts, Groups: s.Groups,
		Claims: provider.Claims{Name: cmp.Or(s.Name, "preferred_username"), Groups: cmp.Or(s.Claim, "groups")}, Factors: s.Factors, Now: now}
	if len(out.Factors) == 0 {
		out.Factors = []string{"mfa"} // RFC 8176, 2
	}
	if s.SecretFile != "" {
		lines, err := secretFile(c.path(s.SecretFile))
		if err != nil {
			return nil, fmt.Errorf("signin.secret_file: %w", err)
		}
		out.Secret = lines[0]
	}
	if s.CAFile != "" {
		var err error
		if out.Roots, err = os.ReadFile(c.path(s.CAFile)); err != nil {
			return nil, fmt.Errorf("signin.ca_file: %w", err)
		}
	}
	return provider.New(out)
}
