package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/accounts"
)

// userParams are somebody who may sign in to the pages.
type userParams struct {
	Name     string          `json:"name"`
	Roles    []accounts.Role `json:"roles"`
	Password string          `json:"password,omitempty"` // "" keeps the one there is
	Disabled bool            `json:"disabled,omitempty"`
}

// userLine is one of them, without the password.
type userLine struct {
	Name     string          `json:"name"`
	Roles    []accounts.Role `json:"roles"`
	Disabled bool            `json:"disabled,omitempty"`
	By       string          `json:"by"`
	Since    string          `json:"since"`
}

func (e *env) usersCmd() *cobra.Command {
	c := &cobra.Command{Use: "users", Short: "Say who may sign in to the pages"}
	human := func(l userLine) {
		state := "may sign in"
		if l.Disabled {
			state = "shut out"
		}
		fmt.Fprintf(e.out, "%-20s %v, %s, since %s by %s\n", l.Name, l.Roles, state, l.Since, l.By)
	}
	var p userParams
	var roles []string
	put := &cobra.Command{
		Use: "put NAME --role ROLE < password", Short: "Add somebody, or change roles and password", Args: cobra.ExactArgs(1),
		Long: "Reads the password from standard input. Roles are scan, records, release, director, auditor and admin; who keeps the system sees no\n" +
			"chart, and who audits does nothing that is audited. Somebody's sessions end when they are changed.",
		Example: "  chartvault users put a.technician --role records < password",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Name = args[0]
			for _, r := range roles {
				p.Roles = append(p.Roles, accounts.Role(r))
			}
			if !p.Disabled {
				var err error
				if p.Password, err = e.private("", "Password: "); err != nil {
					return err
				}
			}
			return e.call(cmd.Context(), "users-put", p, show(e, human))
		},
	}
	put.Flags().StringArrayVar(&roles, "role", nil, "a role; may be given again")
	put.Flags().BoolVar(&p.Disabled, "disabled", false, "may not sign in any more; no password is asked for")
	must(put.MarkFlagRequired("role"))
	list := &cobra.Command{
		Use: "list", Short: "List who may sign in", Example: "  chartvault users list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "users-list", struct{}{}, show(e, human))
		},
	}
	c.AddCommand(put, list)
	return c
}

// usersDesk is the accounts' desk: the one of the pages while they are served.
func (a *app) usersDesk() (*accounts.Desk, error) {
	if d := a.accounts.Load(); d != nil {
		return d, nil
	}
	return a.newAccounts()
}

func (a *app) newAccounts() (*accounts.Desk, error) {
	d, err := accounts.NewDesk(people{a}, a.now, false)
	if err == nil {
		d.Changes = &turn{a: a, name: "accounts", deaf: true}
		d.Once = func(name string, step int64) (bool, error) {
			return a.cat.Raise(context.Background(), "factor "+a.tokenOf(name), step)
		}
	}
	return d, err
}

func (a *app) opUsersPut(ctx context.Context, r asked, out func(any) error) error {
	var p userParams
	if err := r.params(&p); err != nil {
		return err
	}
	d, err := a.usersDesk()
	if err != nil {
		return err
	}
	if err := d.Put(ctx, r.Actor, accounts.KeepFactor(accounts.User{Name: p.Name, Roles: p.Roles, Disabled: p.Disabled}), p.Password); err != nil {
		return err
	}
	u, err := people{a}.User(ctx, p.Name)
	if err != nil {
		return err
	}
	return out(lineOfUser(u))
}

func (a *app) opUsersList(ctx context.Context, _ asked, out func(any) error) error {
	us, err := people{a}.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range us {
		if err := out(lineOfUser(u)); err != nil {
			return err
		}
	}
	return nil
}

func lineOfUser(u accounts.User) userLine {
	return userLine{u.Name, u.Roles, u.Disabled, string(u.By), u.Since.Format("2006-01-02")}
}
