package main

import (
	"context"
	"errors"
	"net/http"
	"syscall"

	"chartvault/archive/blob"
	"chartvault/archive/blob/steady"
	"chartvault/archive/keys"
	"chartvault/disposition"
	"chartvault/record"
	"chartvault/web"
)

// Exit codes. They are part of the contract with scripts and documented in
// docs/cli.md; a code never changes its meaning.
const (
	exitOK         = 0
	exitInternal   = 1   // anything not in the table
	exitInvalid    = 2   // usage, configuration or input that no retry will mend
	exitNotFound   = 3   // nothing under that number or id
	exitDestroyed  = 4   // destroyed; the answer says when and under which certificate
	exitDenied     = 5   // a hold, a missing approval, a clock, a person who may not
	exitCorrupt    = 6   // stored bytes are not what was stored, or the log was tampered with
	exitUnread     = 7   // some input could not be read; it is kept
	exitSealed     = 8   // the vault is not open: wrong or missing passphrase
	exitBusy       = 9   // another process has the archive
	exitUnfit      = 10  // storage or disk is not usable now; nothing was lost
	exitInterrupts = 130 // interrupted
)

// outcomes is the one table from errors to exit codes, API codes and HTTP
// statuses. The first match counts.
func outcomes() []outcome {
	return []outcome{
		{context.Canceled, exitInterrupts, "interrupted", 499, ""},
		{record.ErrDestroyed, exitDestroyed, "destroyed", http.StatusGone, ""},
		{record.ErrCorrupt, exitCorrupt, "corrupt", http.StatusInternalServerError, `run "chartvault verify --all" and restore the object from a replica`},
		{record.ErrPassphrase, exitSealed, "passphrase", http.StatusUnauthorized, "check the passphrase, or use --recovery-identity"},
		{record.ErrSealed, exitSealed, "sealed", http.StatusServiceUnavailable, `give --passphrase-file; a daemon that runs sealed is opened with "chartvault unlock"`},
		{keys.ErrRevoked, exitDenied, "revoked", http.StatusForbidden, "a station that comes back makes a new key"},
		{record.ErrHeld, exitDenied, "held", http.StatusConflict, `list holds with "chartvault hold list"`},
		{record.ErrDenied, exitDenied, "denied", http.StatusForbidden, ""},
		{record.ErrNotReady, exitDenied, "not_ready", http.StatusConflict, ""},
		{disposition.ErrFrozen, exitDenied, "frozen", http.StatusConflict, `set the clock right; then two approvers say so with "chartvault retention thaw"`},
		{disposition.ErrClocks, exitDenied, "clocks", http.StatusConflict, "set the clocks right, then try again"},
		{disposition.ErrCanary, exitDenied, "canary", http.StatusConflict, "schedule, facts or clock cannot be right: look at the chart's dates with \"chartvault retention why\""},
		{record.ErrUnreadable, exitUnread, "unreadable", http.StatusUnprocessableEntity, `see "chartvault batches"; the source is kept`},
		{record.ErrNotFound, exitNotFound, "not_found", http.StatusNotFound, ""},
		{record.ErrInvalid, exitInvalid, "invalid", http.StatusBadRequest, ""},
		{record.ErrExists, exitInvalid, "exists", http.StatusConflict, ""},
		{record.ErrBusy, exitBusy, "busy", http.StatusConflict, "wait for the other command to end"},
		{record.ErrNoSpace, exitUnfit, "no_space", http.StatusInsufficientStorage, "make room; claiming goes on by itself"},
		{syscall.ENOSPC, exitUnfit, "no_space", http.StatusInsufficientStorage, "make room and call again: it goes on where it stopped"},
		{syscall.EDQUOT, exitUnfit, "no_space", http.StatusInsufficientStorage, "make room and call again: it goes on where it stopped"},
		{steady.ErrAway, exitUnfit, "store_away", http.StatusServiceUnavailable, "nothing was lost; it goes on by itself when the store answers"},
		{blob.ErrNotExist, exitCorrupt, "missing_object", http.StatusInternalServerError, `run "chartvault verify --all"`},
	}
}

type outcome struct {
	err    error
	exit   int
	code   string
	status int
	hint   string
}

// classify finds an error's row; anything not in the table is internal.
func classify(err error) outcome {
	if e, ok := errors.AsType[*web.Error](err); ok {
		for _, o := range outcomes() {
			if o.code == e.Code {
				return o
			}
		}
	}
	for _, o := range outcomes() {
		if errors.Is(err, o.err) {
			return o
		}
	}
	return outcome{nil, exitInternal, "internal", http.StatusInternalServerError, ""}
}

// problem is the same table for the API.
func problem(err error) web.Problem {
	if err == nil {
		return web.Problem{}
	}
	o := classify(err)
	return web.Problem{Code: o.code, Message: err.Error(), Status: o.status}
}
