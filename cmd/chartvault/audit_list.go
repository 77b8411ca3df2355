package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"chartvault/audit"
	"chartvault/record"
)

// listParams ask for a part of the log.
type listParams struct {
	Before int64        `json:"before"`           // entries before this one; 0 for the newest
	Limit  int          `json:"limit"`            // at most 1000
	Action string       `json:"action,omitempty"` // only these, or those it begins, such as "document."
	Actor  record.Actor `json:"actor,omitempty"`  // only this one's
}

// entryLine is an entry of the log as auditors see it in a list.
type entryLine struct {
	Seq    int64        `json:"seq"`
	Time   string       `json:"time"`
	Action audit.Action `json:"action"`
	Object string       `json:"object,omitempty"`
	Actor  record.Actor `json:"actor,omitempty"` // not known any more where the body's key is destroyed
	User   string       `json:"user,omitempty"`  // who was not let in
	From   string       `json:"from,omitempty"`  // the address of a sign-in
}

// lookedAt is how many entries are looked at for one list, and listedAtOnce how many
// are read together.
const (
	lookedAt     = 20_000
	listedAtOnce = 1000
)

// opAuditList lists entries, newest first. Where only some are wanted it looks back
// for a while, and ends with an empty entry that says how far when there may be more.
func (a *app) opAuditList(ctx context.Context, r asked, out func(any) error) error {
	var p listParams
	if err := r.params(&p); err != nil {
		return err
	}
	to := a.arch.Log.Size()
	if p.Before > 0 {
		to = min(to, p.Before)
	}
	left, least := min(max(p.Limit, 1), listedAtOnce), max(0, to-lookedAt)
	if p.Action == "" && p.Actor == "" {
		least = max(0, to-int64(left))
	}
	for ; to > least && left > 0; to = max(least, to-listedAtOnce) {
		lines, err := a.arch.Log.Lines(max(least, to-listedAtOnce), to)
		if err != nil {
			return err
		}
		for i := len(lines) - 1; i >= 0 && left > 0; i-- {
			l, ok, err := a.entryLine(ctx, lines[i], p)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := out(l); err != nil {
				return err
			}
			left--
		}
	}
	if left > 0 && least > 0 {
		return out(entryLine{Seq: least})
	}
	return nil
}

// entryLine is an entry as it is listed; ok is false for one that is not wanted.
func (a *app) entryLine(ctx context.Context, line []byte, p listParams) (l entryLine, ok bool, err error) {
	var e audit.Entry
	if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
		return l, false, fmt.Errorf("log entry: %w", record.ErrCorrupt)
	}
	if !strings.HasPrefix(string(e.Action), p.Action) {
		return l, false, nil
	}
	var body struct {
		Actor record.Actor `json:"actor"`
		User  string       `json:"user"`
		From  string       `json:"from"`
	}
	if err := a.arch.OpenBody(ctx, e, &body); errors.Is(err, record.ErrCorrupt) {
		body.Actor = "not readable: damaged"
	} else if err != nil && !errors.Is(err, record.ErrDestroyed) {
		return l, false, err
	}
	l = entryLine{e.Seq, e.Time.Format("2006-01-02T15:04:05Z07:00"), e.Action, e.Object, body.Actor, body.User, body.From}
	return l, p.Actor == "" || body.Actor == p.Actor, nil
}
