package accounts

import (
	"context"
	"fmt"
	"maps"

	"chartvault/record"
)

// mostShortcuts bounds how many keys somebody chooses for themselves.
const mostShortcuts = 40

// SetShortcuts keeps the keys that whoever is signed in has in place of those the
// pages come with, each one printable character. record.ErrInvalid for anything else.
func (d *Desk) SetShortcuts(ctx context.Context, s *Session, own map[string]string) error {
	if len(own) > mostShortcuts {
		return fmt.Errorf("keys: %w: there are not so many", record.ErrInvalid)
	}
	for was, is := range own {
		if !oneKey(was) || !oneKey(is) {
			return fmt.Errorf("keys: %w: a key is one character", record.ErrInvalid)
		}
	}
	own = maps.Clone(own)
	if err := d.edit(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		u.Shortcuts = own
		return u, nil
	}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shortcuts = own
	return nil
}

func oneKey(k string) bool { return len(k) == 1 && k[0] > ' ' && k[0] < 0x7f }

// Shortcuts returns the keys that the session's user chose, by those they stand for.
// The caller must not change them.
func (s *Session) Shortcuts() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shortcuts
}
