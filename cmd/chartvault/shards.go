package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"chartvault/archive/keys"
)

// cleaned is the upkeep that a server has done last, by its number.
func cleaned(server string) string { return signalUpkeep + " " + server }

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
	names, err := a.vault.ShardKeys(ctx)
	if err != nil {
		return err
	}
	h, err := a.cat.Hear(ctx)
	if err != nil {
		return err
	}
	for _, n := range names {
		// One without a server is of before there were several: nobody opens it again.
		server, _, ok := strings.Cut(n, shardOf)
		if ok && server == a.cat.Self() {
			continue
		}
		k, err := a.cat.Reached(ctx, cleaned(server))
		if err != nil {
			return err
		}
		if ok && k >= h.Signals[signalUpkeep] {
			continue
		}
		if _, err := a.cat.WhileAway(ctx, server, func() error { return a.vault.DestroyShardKey(ctx, n) }); err != nil {
			return err
		}
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
	k, err := a.cat.Reached(ctx, cleaned(a.cat.Self()))
	if err != nil {
		return err
	}
	if k < n {
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
