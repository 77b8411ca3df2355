package pages

import (
	"fmt"

	"chartvault/accounts"
)

// someone is a user, and how they are signed in.
type someone struct {
	accounts.User
	accounts.Presence
	Last string // when they signed in last; "" for not known
}

// allowed is what a right is called, and for each role whether it has it.
type allowed struct {
	Right accounts.Right
	Roles []bool
}

// userList is the page of users.
type userList struct {
	Users  []someone
	Roles  []accounts.Role
	Rights []allowed
}

func (v *visit) users() error {
	us, err := v.Accounts.Users(v.r.Context())
	if err != nil {
		return err
	}
	seen, err := each[struct{ Name, At string }](v, "users-seen", struct{}{})
	if err != nil {
		return err
	}
	last := map[string]string{}
	for _, s := range seen {
		last[s.Name] = s.At
	}
	l := userList{Roles: accounts.Roles()}
	present := v.Accounts.Present()
	for _, u := range us {
		l.Users = append(l.Users, someone{u, present[u.Name], last[u.Name]})
	}
	for _, r := range accounts.Rights() {
		a := allowed{Right: r}
		for _, role := range l.Roles {
			a.Roles = append(a.Roles, accounts.User{Roles: []accounts.Role{role}}.May(r))
		}
		l.Rights = append(l.Rights, a)
	}
	if v.csvWanted() {
		return saveList(v, "users", []string{"name", "roles", "shut out", "sessions", "signed in last", "since", "by"}, l.Users, func(u someone) []string {
			return []string{u.Name, fmt.Sprint(u.Roles), fmt.Sprint(u.Disabled), itoa(u.Sessions), u.Last, u.Since.Format("2006-01-02"), string(u.By)}
		})
	}
	return v.show("users", "People", l)
}

// endSessions signs somebody out everywhere, once it is written down.
func (v *visit) endSessions() error {
	name := v.field("name")
	if err := v.call("sessions-ended", map[string]string{"name": name}, nothing); err != nil {
		return err
	}
	v.Accounts.EndSessions(name)
	return v.to("/users")
}

func (v *visit) putUser() error {
	if err := v.r.ParseForm(); err != nil {
		return err
	}
	u := accounts.User{Name: v.field("name"), Disabled: v.field("disabled") != ""}
	if v.field("nofactor") == "" {
		u = accounts.KeepFactor(u)
	}
	for _, r := range v.r.PostForm["role"] {
		u.Roles = append(u.Roles, accounts.Role(r))
	}
	if err := v.Accounts.Put(v.r.Context(), v.session.User.Actor(), u, v.r.PostFormValue("password")); err != nil {
		return err
	}
	return v.to("/users")
}
