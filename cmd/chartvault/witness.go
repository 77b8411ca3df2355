package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/record"
)

// extendLog completes a log that came back from a backup with what was
// published after it, as far as the log's own key vouches for it.
func (a *app) extendLog(ctx context.Context, dir string, v note.Verifier) error {
	n, err := audit.Count(dir)
	if err != nil {
		return err
	}
	signed := func(cp audit.Checkpoint) bool {
		_, err := note.Open(cp.Note, note.VerifierList(v))
		return err == nil
	}
	heads, err := archive.PublishedHeads(ctx, a.docs, n, signed)
	if err != nil {
		return err
	}
	lines, err := archive.PublishedLines(ctx, a.docs, n)
	if err != nil || len(lines) == 0 && len(heads) == 0 {
		return err
	}
	good, err := audit.Vouched(dir, lines, heads, v)
	if err != nil && !a.cfg.resumed(err) {
		return err
	}
	if err != nil { // people know of it: an older head may vouch for some
		every := func(audit.Checkpoint) bool { return false }
		if heads, err = archive.PublishedHeads(ctx, a.docs, n, every); err != nil {
			return err
		}
		if good, err = audit.Vouched(dir, lines, heads, v); err != nil && !a.cfg.resumed(err) {
			return err
		}
	}
	if good > 0 {
		a.log.WarnContext(ctx, "the audit log is older than what was published: it is completed", "entries", n, "added", good)
		if err := audit.Extend(dir, lines[:good]); err != nil {
			return err
		}
	}
	// Where there are several servers, one of them may be about to sign the rest.
	beyond := slices.ContainsFunc(heads, func(cp audit.Checkpoint) bool { return cp.Size > int64(n+good) })
	if good == len(lines) && !beyond || a.cat.Shared() {
		return nil
	}
	a.log.ErrorContext(ctx, "the documents store has of the audit log what this archive never signed, or what is known to be lost: it is not believed, and set aside as a/stray", "from", n+good, "entries", len(lines)-good)
	return archive.SetAside(ctx, a.docs, int64(n+good))
}

// witnessTries is how often a server looks again at what the others wrote, where a
// witness has seen more than it.
const witnessTries = 3

// witnessPatience is how long a witness may take to answer.
const witnessPatience = 10 * time.Second

// witnesses are those the site has configured.
func (c *config) witnesses(log note.Verifier) ([]audit.Witness, error) {
	var out []audit.Witness
	if f := c.Audit.WitnessFile; f != "" {
		out = append(out, audit.FileWitness{Path: c.path(f), Verifier: log})
	}
	if c.Audit.WitnessURL != "" {
		v, err := audit.NewCosignatureVerifier(c.Audit.WitnessKey)
		if err != nil {
			return nil, fmt.Errorf("audit.witness_key: %w", err)
		}
		out = append(out, audit.HTTPWitness{URL: c.Audit.WitnessURL, Log: log, Verifier: v, File: c.path("audit/cosigned"), Client: &http.Client{Timeout: witnessPatience}})
	}
	return out, nil
}

// verifier is the public key of the data directory's audit log.
func (c *config) verifier(keyFile string) (note.Verifier, error) {
	if keyFile == "" {
		keyFile = c.path("audit/verifier")
	}
	b, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("audit log's public key: %w", err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("audit log's public key: %w: %w", record.ErrInvalid, err)
	}
	return v, nil
}

// witness shows the newest head to every witness. What they say stays in the
// status until they say otherwise.
func (a *app) witness(ctx context.Context) error {
	v, err := a.cfg.verifier("")
	if err != nil {
		return err
	}
	ws, err := a.cfg.witnesses(v)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range ws {
		err := a.arch.Log.Witness(ctx, w)
		for range witnessTries {
			if !a.cat.Shared() || !errors.Is(err, audit.ErrBehind) {
				break
			}
			// Another server showed it what it wrote a moment ago.
			if err = a.arch.Log.Follow(ctx); err == nil {
				err = a.arch.Log.Witness(ctx, w)
			}
		}
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	a.witnessed.Store(&err)
	return err
}

// publish signs a head over what was logged, copies both to the store, and
// shows the head to the witnesses.
func (a *app) publish(ctx context.Context) error {
	// The catalogue has followed up to where the log was the last time: what was
	// logged since may still be on its way into it.
	err := a.arch.Log.Follow(ctx)
	followed, now := a.followed.Load(), a.arch.Log.Size()
	err = errors.Join(err, a.arch.Publish(ctx))
	if followed > 0 {
		err = errors.Join(err, a.setFollowed(ctx, followed))
	}
	a.followed.Store(now)
	return errors.Join(err, a.witness(ctx))
}

// setFollowed writes down that what was logged before has taken effect: what this
// server logged, where there are several.
func (a *app) setFollowed(ctx context.Context, n int64) error {
	if first := a.stuck.Load(); first != 0 {
		n = min(n, first-1)
	}
	err := a.cat.SetProgress(ctx, logProgress, fmt.Sprint(n))
	if a.cat.Shared() {
		err = errors.Join(err, a.cat.SetProgress(ctx, logOf(a.cat.Self()), fmt.Sprint(n)))
	}
	return err
}

// published is how far the servers have copied their log to the store.
type published struct{ *app }

// publishedProgress is its name in the catalogue.
const publishedProgress = "published"

// Published implements archive.Position.
func (p published) Published(ctx context.Context) (int64, error) {
	text, err := p.cat.Progress(ctx, publishedProgress)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, nil // publishing again is harmless; the copies are the same
	}
	return min(n, p.arch.Log.Size()), nil // another server may have published more than this one has copied
}

// SetPublished implements archive.Position.
func (p published) SetPublished(ctx context.Context, n int64) error {
	_, err := p.cat.Raise(ctx, publishedProgress, n)
	return err
}

// publishLast is publish when nothing is on its way any more. A witness that
// is away then is for the log, and no error of the command that ends.
func (a *app) publishLast(ctx context.Context) error {
	err := a.arch.Log.Follow(ctx)
	n := a.arch.Log.Size()
	err = errors.Join(err, a.arch.Publish(ctx), a.setFollowed(ctx, n))
	if werr := a.witness(ctx); werr != nil {
		a.log.WarnContext(ctx, "the audit log's head was not witnessed", "err", werr)
	}
	return err
}

// resumedFile lists what people know of the entries of the log that are lost: a
// line for each who saw them, of the size of the head they have and their name.
const resumedFile = "audit/resumed"

// resumed reports whether people know of all that an error says of the log.
func (c *config) resumed(err error) bool {
	b, rerr := os.ReadFile(c.path(resumedFile))
	found := differing(err)
	for _, d := range found {
		if rerr != nil || !slices.Contains(strings.Split(string(b), "\n"), resumedLine(d)) {
			return false
		}
	}
	return len(found) > 0
}

func resumedLine(d *audit.Differs) string { return fmt.Sprintf("%d %s", d.Size, d.From) }

// differing is what an error says of the log.
func differing(err error) (out []*audit.Differs) {
	switch e := err.(type) {
	case *audit.Differs:
		return []*audit.Differs{e}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			out = append(out, differing(err)...)
		}
	case interface{ Unwrap() error }:
		return differing(e.Unwrap())
	}
	return out
}

// quarantine keeps an archive shut whose log is not, or not yet, what its
// witnesses saw: it was restored from a copy that is too old, or was tampered
// with. Going on would sign a second history. What people know of is let pass, and
// nothing that comes after it.
func (a *app) quarantine(ctx context.Context) error {
	err := a.witness(ctx)
	if len(differing(err)) == 0 || a.cfg.resumed(err) {
		return nil // they agree, or cannot be asked: the status says so
	}
	return fmt.Errorf("this archive is shut until its audit log is what its witness saw: restore a newer copy of %s, or of the documents store; where entries are lost for good, run \"chartvault audit resume\": %w: %w",
		filepath.Join(a.cfg.dir, "audit"), record.ErrNotReady, err)
}

// logProgress is how far the catalogue has followed the log, in entries.
const logProgress = "log"

// publishEvery is how often a head is signed at least, while there are entries.
const publishEvery = 20 * time.Second

// publishing signs and copies the log while the daemon runs.
func (a *app) publishing(ctx context.Context) error {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := a.publish(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "audit log not published or not witnessed; it is tried again", "err", err)
		}
	}
}

// checkWitness is the doctor's look at the witnesses.
func checkWitness(ctx context.Context, cfg *config) (string, error) {
	v, err := cfg.verifier("")
	if err != nil {
		return "", err
	}
	ws, err := cfg.witnesses(v)
	if err != nil {
		return "", err
	}
	if len(ws) == 0 {
		return "", errors.New("none is set up: set audit.witness_file or audit.witness_url")
	}
	var said []string
	for _, w := range ws {
		seen, err := w.Seen(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", w.Name(), err)
		}
		said = append(said, fmt.Sprintf("%s saw %d entries", w.Name(), seen.Size))
	}
	return strings.Join(said, ", "), nil
}
