package main

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/note"

	"chartvault/archive/keys"
	"chartvault/audit"
)

// openLog opens the audit log. Where the data directory has none, the archive
// has moved here: the log comes back from the documents store.
func (a *app) openLog(ctx context.Context) (*audit.Log, error) {
	dir := a.cfg.path("audit")
	seed, err := a.logSeed(ctx)
	if err != nil {
		return nil, err
	}
	origin := a.logName()
	signer, err := keys.NoteSigner(origin, seed)
	if err != nil {
		return nil, err
	}
	vkey, err := keys.NoteVerifier(origin, seed)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	if err := a.extendLog(ctx, dir, v); err != nil {
		return nil, err
	}
	if err := writeOnce(a.cfg.path("audit/verifier"), vkey+"\n"); err != nil {
		return nil, err
	}
	if !a.cat.Shared() {
		return audit.Open(dir, origin, signer, a.now)
	}
	return a.openShared(ctx, dir, origin, signer)
}

// logSeed is what the log's checkpoints are signed with: on every server, and on
// the machine the archive moves to. The first server gives its own.
func (a *app) logSeed(ctx context.Context) ([]byte, error) {
	leave, err := a.cat.Turn(ctx, "log key")
	if err != nil {
		return nil, err
	}
	defer leave()
	return a.vault.LogSeed(ctx, a.station.CheckpointSeed())
}

// openShared opens the log that several servers write.
func (a *app) openShared(ctx context.Context, dir, origin string, signer note.Signer) (*audit.Log, error) {
	have, err := audit.Count(dir)
	if err != nil {
		return nil, err
	}
	n, err := a.cat.Log().Size(ctx)
	if err != nil {
		return nil, err
	}
	alone, err := a.alone(ctx)
	if err != nil {
		return nil, err
	}
	a.restored = n < int64(have)
	return audit.OpenShared(ctx, dir, origin, signer, a.now, a.cat.Log(), alone)
}

// alone reports whether no other server is on, whatever the catalogue says of them:
// it may have come back from a backup.
func (a *app) alone(ctx context.Context) (bool, error) {
	others, err := a.cat.Others(ctx)
	for _, s := range others {
		ended, eerr := a.cat.Ended(ctx, s)
		if eerr != nil || !ended {
			return false, errors.Join(err, eerr)
		}
	}
	return err == nil, err
}

// resumeAlone finishes destructions that were interrupted, unless other servers are
// on: then one of them may be at it, and it is a job.
func (a *app) resumeAlone(ctx context.Context) error {
	if a.cat.Shared() {
		if alone, err := a.alone(ctx); err != nil || !alone {
			return err
		}
	}
	return a.resume(ctx)
}

func (a *app) logName() string { return "chartvault/" + a.vault.Site().ID }
