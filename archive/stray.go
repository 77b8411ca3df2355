package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"chartvault/archive/blob"
	"chartvault/audit"
)

// PublishedHeads reads the checkpoints in the documents store over more than from
// entries, newest first, up to one that is enough: there is one for every twenty
// seconds of work. What is no checkpoint is passed over: only signed ones count, and
// the caller verifies them.
func PublishedHeads(ctx context.Context, docs blob.Store, from int, enough func(audit.Checkpoint) bool) (out []audit.Checkpoint, err error) {
	names := map[int64]string{}
	for info, err := range docs.List(ctx, "a/checkpoint/") {
		if err != nil {
			return nil, fmt.Errorf("read published checkpoints: %w", err)
		}
		if size, ok := checkpointSize(info.Name); ok && size > int64(from) {
			names[size] = info.Name
		}
	}
	for _, size := range slices.Backward(slices.Sorted(maps.Keys(names))) {
		b, err := blob.ReadAll(ctx, docs, names[size], maxManifestObject)
		if err != nil {
			return nil, fmt.Errorf("read published checkpoints: %w", err)
		}
		cp, err := audit.ParseCheckpoint(b)
		if err != nil {
			continue
		}
		if out = append(out, cp); enough(cp) {
			break
		}
	}
	return out, nil
}

// checkpointSize is how many entries a published checkpoint is over, by its name.
func checkpointSize(name string) (n int64, ok bool) {
	rest, ok := strings.CutPrefix(name, "a/checkpoint/")
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscanf(rest, "%d", &n)
	return n, err == nil
}

// SetAside moves what the documents store has of a log behind its first n entries
// to a/stray/: a server that was lost put it there and had not signed it, somebody
// else put it there, or people know that what belongs to it is lost. The log goes
// on in its place.
func SetAside(ctx context.Context, docs blob.Store, n int64) error {
	var stray []string
	for _, prefix := range []string{"a/log/", "a/tile/", "a/checkpoint/"} {
		for info, err := range docs.List(ctx, prefix) {
			if err != nil {
				return fmt.Errorf("set published entries aside: %w", err)
			}
			if behind(info.Name, n) {
				stray = append(stray, info.Name)
			}
		}
	}
	for _, name := range stray {
		if err := aside(ctx, docs, name); err != nil {
			return fmt.Errorf("set %s aside: %w", name, err)
		}
	}
	return nil
}

// behind reports whether an object has anything of entry n or a later one.
func behind(name string, n int64) bool {
	if rest, ok := strings.CutPrefix(name, "a/log/"); ok {
		var first, last int64
		_, err := fmt.Sscanf(rest, "%d-%d", &first, &last)
		return err == nil && last >= n
	}
	if size, ok := checkpointSize(name); ok {
		return size > n
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", audit.TileHeight, strings.TrimPrefix(name, "a/tile/")))
	if err != nil {
		return false
	}
	return ((t.N<<t.H)+int64(t.W))<<(t.L*t.H) > n
}

// aside moves an object to a name of which there is no other.
func aside(ctx context.Context, docs blob.Store, name string) error {
	b, err := blob.ReadAll(ctx, docs, name, maxManifestObject)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		err := put(ctx, docs, fmt.Sprintf("a/stray/%d/%s", i, strings.TrimPrefix(name, "a/")), b)
		if err == nil {
			return docs.Delete(ctx, name)
		}
		if !errors.Is(err, blob.ErrExist) {
			return err
		}
	}
}
