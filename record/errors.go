package record

import "errors"

// Sentinels. They are wrapped with the operation and an opaque id where they
// are detected, and matched at the edges only: the exit codes of the command
// and the HTTP statuses of the server.
var (
	ErrInvalid    = errors.New("invalid")                     // input that no retry will mend
	ErrNotFound   = errors.New("not found")                   // nothing under that number or id
	ErrExists     = errors.New("already exists")              // create-only refused
	ErrDestroyed  = errors.New("destroyed")                   // gone under a certificate
	ErrHeld       = errors.New("under hold")                  // a hold forbids it
	ErrDenied     = errors.New("denied")                      // the actor may not
	ErrCorrupt    = errors.New("corrupt")                     // stored bytes are not what was stored
	ErrSealed     = errors.New("sealed")                      // the vault is not unlocked
	ErrPassphrase = errors.New("wrong passphrase")            // the vault does not open with it
	ErrUnreadable = errors.New("unreadable")                  // a scan no page of which could be had
	ErrNotReady   = errors.New("not ready")                   // too early: cooling-off, approvals, clocks
	ErrBusy       = errors.New("in use by another process")   // a lock is taken
	ErrNoSpace    = errors.New("no space left for new scans") // reserve reached
)
