package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/record"
)

// logOf is how far the catalogue has followed what one of several servers logged.
func logOf(server string) string { return logProgress + " " + server }

// cleaned is the upkeep that a server has done last, by its number.
func cleaned(server string) string { return signalUpkeep + " " + server }

// takeOverServers finishes what servers left that have ended. A destruction that was
// begun is finished by whoever does that job next.
func (a *app) takeOverServers(ctx context.Context) error {
	return a.cat.Lapsed(ctx, a.now(), func(server string) error {
		a.log.WarnContext(ctx, "another server has ended; what it had begun is finished here", "server", server)
		if err := a.finishLog(ctx, server); err != nil {
			return err
		}
		if err := a.cat.Free(ctx, server); err != nil {
			return err
		}
		// It may have told nobody, and not have bound what follows from whose numbers are whose.
		if err := a.loadPatients(ctx, a.pipeline.Sheets); err != nil {
			return err
		}
		for _, t := range a.tallies() {
			t.Add()
		}
		a.dueSums.Store(nil)
		if err := errors.Join(a.relateAnew(ctx), a.mapMade(ctx)); err != nil {
			return err
		}
		a.tell(ctx)
		return a.resumeCorrections(ctx)
	})
}

// finishLog has the catalogue follow what a server logged that may have ended
// before it took effect. Of what is kept in registers the last word is applied, and
// no earlier one, whoever said it; the rest in the order of the log, with what is
// logged meanwhile behind it, until there is nothing newer.
func (a *app) finishLog(ctx context.Context, server string) error {
	text, err := a.cat.Progress(ctx, logOf(server))
	if err != nil {
		return err
	}
	at := int64(0)
	if text != "" {
		if at, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("server %s's position in the log: %w", server, record.ErrCorrupt)
		}
	}
	theirs, err := a.cat.Log().Of(ctx, server, at)
	if err != nil {
		return err
	}
	if len(theirs) > 0 {
		if err := a.applyAgain(ctx, theirs); err != nil {
			return fmt.Errorf("follow the audit log of server %s: %w", server, err)
		}
	}
	return a.cat.SetProgress(ctx, logOf(server), strconv.FormatInt(a.arch.Log.Size(), 10))
}

// mostPasses bounds how often what is logged meanwhile is applied as well.
const mostPasses = 1000

// applyAgain applies the log from the first of some entries on. Of those, batches
// that were filed come back from the store. What is damaged is said, and keeps
// nothing else from being applied.
func (a *app) applyAgain(ctx context.Context, theirs []int64) error {
	b := &rebuild{app: a, batches: map[record.ID]bool{}, keyless: map[record.ID]bool{}}
	its, at := map[int64]bool{}, theirs[0]
	for _, n := range theirs {
		its[n] = true
	}
	for range mostPasses {
		if err := a.arch.Log.Follow(ctx); err != nil {
			return err
		}
		n, changed := a.arch.Log.Size(), false
		last, err := a.lastWords(ctx, at, n)
		if err != nil {
			return err
		}
		err = a.entriesTo(at, n, func(e audit.Entry) error {
			changed = changed || applies(e.Action)
			var err error
			if its[e.Seq] && e.Action == audit.ActBatchFiled {
				err = b.refile(ctx, e)
			}
			if err == nil && !last.superseded(e) {
				err = a.apply(ctx, e)
			}
			if err != nil && finding(err) {
				b.fault(fmt.Sprintf("entry %d", e.Seq), err)
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		if at = n; !changed {
			for _, f := range b.line.Faults {
				a.log.ErrorContext(ctx, "following the audit log", "fault", f)
			}
			return nil
		}
	}
	return fmt.Errorf("the other servers change things faster than they can be followed: %w", record.ErrBusy)
}

// lastWords are, of a part of the log, the last entries about each thing that a
// register keeps, and which entries are of registers at all.
type lastWords struct {
	of   map[int64]string // by entry: what it is about
	last map[string]int64
}

// superseded reports whether a later entry says something else of the same.
func (l lastWords) superseded(e audit.Entry) bool {
	about, ok := l.of[e.Seq]
	return ok && l.last[about] != e.Seq
}

func (a *app) lastWords(ctx context.Context, from, to int64) (lastWords, error) {
	l := lastWords{map[int64]string{}, map[string]int64{}}
	err := a.entriesTo(from, to, func(e audit.Entry) error {
		if !registers(e.Action) {
			return nil
		}
		var c change
		if err := a.arch.OpenBody(ctx, e, &c); err != nil {
			if finding(err) || errors.Is(err, record.ErrDestroyed) {
				return nil // it is said where it is applied
			}
			return err
		}
		if c.Register != nil {
			about := c.Register.Kind + "\x00" + c.Register.ID
			l.of[e.Seq], l.last[about] = about, e.Seq
		}
		return nil
	})
	return l, err
}

// cleanOthers has the traces of destroyed documents leave the indexes of the other
// servers: those that are on are told, and do it at once by themselves; of those
// that are not the keys are destroyed, and they make their index again.
func (a *app) cleanOthers(ctx context.Context) error {
	if !a.cat.Shared() {
		return nil
	}
	a.hearMu.Lock()
	n, err := a.cat.Signal(ctx, signalUpkeep)
	if err == nil {
		a.heard.Signals[signalUpkeep] = n
	}
	a.hearMu.Unlock()
	if err != nil {
		return err
	}
	if err := a.cat.SetProgress(ctx, cleaned(a.cat.Self()), strconv.FormatInt(n, 10)); err != nil {
		return err
	}
	return a.endShards(ctx)
}

// endShards destroys the index keys of servers whose index has traces of what was
// destroyed and that are not on to clean it. It is done again and again, for servers that
// ended since.
func (a *app) endShards(ctx context.Context) error {
	h, err := a.cat.Hear(ctx)
	if err != nil {
		return err
	}
	ms, err := a.cat.Members(ctx)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, m := range ms {
		text, err := a.cat.Progress(ctx, cleaned(m.Server))
		if err != nil {
			return err
		}
		if k, _ := strconv.ParseInt(text, 10, 64); k >= h.Signals[signalUpkeep] || m.Server == a.cat.Self() {
			keep[m.Server] = true
			continue
		}
		ended, err := a.cat.Ended(ctx, m.Server)
		if err != nil {
			return err
		}
		keep[m.Server] = !ended
	}
	return a.destroyShards(ctx, keep)
}

// destroyShards destroys the index keys of all servers but some.
func (a *app) destroyShards(ctx context.Context, but map[string]bool) error {
	names, err := a.vault.ShardKeys(ctx)
	if err != nil {
		return err
	}
	for _, n := range names {
		// One without a server is of before there were several: nobody opens it again.
		server, _, ok := strings.Cut(n, shardOf)
		if ok && but[server] {
			continue
		}
		if err := a.vault.DestroyShardKey(ctx, n); err != nil {
			return err
		}
		a.log.InfoContext(ctx, "the index of a server that is away was ended with its key", "server", server)
	}
	return nil
}

// cleanIndex takes the traces of destroyed documents out of this server's index, if
// another asked for it.
func (a *app) cleanIndex(ctx context.Context) error {
	a.hearMu.Lock()
	n := a.heard.Signals[signalUpkeep]
	a.hearMu.Unlock()
	if a.cleanedAs >= n {
		return nil
	}
	text, err := a.cat.Progress(ctx, cleaned(a.cat.Self()))
	if err != nil {
		return err
	}
	if k, _ := strconv.ParseInt(text, 10, 64); k < n {
		if err := a.feed(ctx); err != nil && !finding(err) {
			return err
		}
		if err := a.index.Rotate(ctx); err != nil {
			return err
		}
		if err := a.cat.SetProgress(ctx, cleaned(a.cat.Self()), strconv.FormatInt(n, 10)); err != nil {
			return err
		}
	}
	a.cleanedAs = n
	return nil
}

// cleaning cleans this server's index whenever another asks for it, until ctx ends.
func (a *app) cleaning(ctx context.Context) error {
	if !a.cat.Shared() {
		return nil
	}
	for {
		if err := a.cleanIndex(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the index is not cleaned yet; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// shardOf stands between a server's name and the name of one of its index keys.
const shardOf = "."

// ownShards are the index keys of one of several servers.
type ownShards struct {
	vault  *keys.Vault
	prefix string // "" for a server that is alone
}

// shards are this server's.
func (a *app) shards() ownShards {
	if !a.cat.Shared() {
		return ownShards{vault: a.vault}
	}
	return ownShards{a.vault, a.cat.Self() + shardOf}
}

// ShardKeys implements search.Keys.
func (s ownShards) ShardKeys(ctx context.Context) ([]string, error) {
	all, err := s.vault.ShardKeys(ctx)
	var out []string
	for _, n := range all {
		if own, ok := strings.CutPrefix(n, s.prefix); ok {
			out = append(out, own)
		}
	}
	return out, err
}

// ShardKey implements search.Keys.
func (s ownShards) ShardKey(ctx context.Context, name string) ([]byte, error) {
	return s.vault.ShardKey(ctx, s.prefix+name)
}

// DestroyShardKey implements search.Keys.
func (s ownShards) DestroyShardKey(ctx context.Context, name string) error {
	return s.vault.DestroyShardKey(ctx, s.prefix+name)
}

// serverLine is a server as it is listed.
type serverLine struct {
	Server  string `json:"server"`
	Name    string `json:"name,omitempty"`
	On      bool   `json:"on"`
	Here    bool   `json:"here,omitempty"`
	Since   string `json:"since"`             // it came, or ended
	Batches int    `json:"batches,omitempty"` // it had begun to take in
}

func (e *env) serversCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "servers", Short: "List the servers on this archive, or forget one that will not come back", Args: cobra.NoArgs,
		Long: "Lists the servers that share this archive: those on one PostgreSQL catalogue. A scan that a server had begun to take in when it\n" +
			"ended waits for it to come back; once it is forgotten, any other takes the scan in.",
		Example: "  chartvault servers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "servers", struct{}{}, show(e, func(l serverLine) {
				state := "away"
				if l.On {
					state = "on"
				}
				if l.Here {
					state += ", here"
				}
				fmt.Fprintf(e.out, "%s  %s (%s) since %s\n", l.Server, l.Name, state, l.Since)
				if l.Batches > 0 && !l.On {
					fmt.Fprintf(e.out, "  %d batches wait for it to come back, or to be forgotten\n", l.Batches)
				}
			}))
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "forget SERVER", Short: "Forget a server that will not come back: what it had begun to take in others take in", Args: cobra.ExactArgs(1),
		Example: "  chartvault servers forget 0123456789abcdef0123456789abcdef",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "servers-forget", serverParams{args[0]}, show(e, func(serverParams) {
				fmt.Fprintln(e.out, "forgotten")
			}))
		},
	})
	return c
}

// serverWarnings are about servers that left something behind.
func (a *app) serverWarnings(ctx context.Context) (out []string) {
	if !a.cat.Shared() {
		return nil
	}
	ms, err := a.cat.Members(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range ms {
		n, err := a.cat.Begun(ctx, m.Server)
		if err != nil {
			return []string{err.Error()}
		}
		if n > 0 && !m.Present {
			out = append(out, fmt.Sprintf(`%d scans wait for server %s, which has been away since %s: start it, or run "chartvault servers forget %s"`, n, m.Server, m.Since.Local().Format("2006-01-02 15:04"), m.Server))
		}
	}
	return out
}

type serverParams struct {
	Server string `json:"server"`
}

func (a *app) opServers(ctx context.Context, _ asked, out func(any) error) error {
	if !a.cat.Shared() {
		return nil
	}
	names := map[string]string{}
	ds, err := a.vault.Depositors(ctx)
	if err != nil {
		return err
	}
	for _, d := range ds {
		names[d.ID] = d.Name
	}
	ms, err := a.cat.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range ms {
		l := serverLine{Server: m.Server, Name: names[m.Server], On: m.Present, Here: m.Server == a.cat.Self(), Since: m.Since.Format(time.RFC3339)}
		if l.Batches, err = a.cat.Begun(ctx, m.Server); err != nil {
			return err
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opServersForget(ctx context.Context, r asked, out func(any) error) error {
	var p serverParams
	if err := r.params(&p); err != nil {
		return err
	}
	if !a.cat.Shared() {
		return fmt.Errorf("servers: this archive has one server: %w", record.ErrInvalid)
	}
	if err := a.arch.Journal(ctx, audit.ActServerForgotten, p.Server, map[string]any{"actor": r.Actor}); err != nil {
		return err
	}
	if err := a.cat.Forget(ctx, p.Server); err != nil {
		return err
	}
	return out(p)
}
