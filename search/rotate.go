package search

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"

	"chartvault/internal/durable"
)

// Rotate rewrites the index under a new key and destroys the old one: after
// it, no file and no backup of a file holds what was removed before. Searching
// and indexing go on beside it. A crash leaves both keys, and the next Rotate
// destroys both.
func (x *Index) Rotate(ctx context.Context) error {
	x.upkeep.Lock()
	defer x.upkeep.Unlock()
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.rotate(ctx); err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	return nil
}

func (x *Index) rotate(ctx context.Context) error {
	if x.bl.isDead() { // it would wait for the writers, and let no reader in
		return x.bl.stopped()
	}
	if err := x.settle(ctx); err != nil {
		return err
	}
	before, err := x.files()
	if err != nil {
		return err
	}
	if err := x.begin(ctx, x.state.Key+1); err != nil {
		return err
	}
	sealer().use(storeDir(x.dir), x.prints[x.state.Key])
	for {
		old, err := x.under(x.prints[x.state.Key])
		if err != nil {
			return err
		}
		if len(old) == 0 {
			break
		}
		left := make(chan error, 1)
		x.dropping = left
		go func() { left <- x.bl.Index.(bleve.IndexWithCallbacks).DropFileWriterIDs(old) }()
		if err := x.dropped(ctx, before); err != nil {
			return err
		}
	}
	return x.dropOld(ctx)
}

// look is how often the engine's work is looked at.
const look = 10 * time.Millisecond

// dropped waits until nothing the engine has is under an old key, and the files
// that were are gone. The engine itself looks for that every five seconds only;
// what it still does then is waited for by settle.
func (x *Index) dropped(ctx context.Context, before map[string]bool) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		select {
		case err := <-x.dropping:
			x.dropping = nil
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-x.bl.dead:
			return x.bl.stopped()
		case <-t.C:
		}
		left, err := x.under(x.prints[x.state.Key])
		if err != nil {
			return err
		}
		now, err := x.files()
		if err != nil {
			return err
		}
		for f := range now {
			if before[f] {
				left[f] = struct{}{}
			}
		}
		if len(left) == 0 {
			return nil
		}
	}
}

// settle waits for what the last rotation left to the engine.
func (x *Index) settle(ctx context.Context) error {
	if x.dropping == nil {
		return nil
	}
	select {
	case <-x.dropping: // whether it found what it waited for was found before
		x.dropping = nil
		return nil
	case <-x.bl.dead: // and will not finish it
		x.dropping = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// under returns the ids of files that are not under the key in force. The
// engine's own list has a race with its rewriting of the description of the
// index, whose id is read here from the file.
func (x *Index) under(now string) (map[string]struct{}, error) {
	a, err := x.bl.Advanced()
	if err != nil {
		return nil, err
	}
	ids, err := a.(bleve.IndexWithCallbacks).FileWriterIDsInUse()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(storeDir(x.dir), "index_meta.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	id := "description" // of a file that is being replaced: looked at again
	if n := len(b) - 4; n > 0 {
		if size := int(binary.BigEndian.Uint32(b[n:])); size <= n {
			id = string(b[n-size : n])
		}
	}
	ids[id] = struct{}{}
	maps.DeleteFunc(ids, func(id string, _ struct{}) bool { return id == "" || strings.HasPrefix(id, now+".") })
	return ids, nil
}

// files lists the engine's segments.
func (x *Index) files() (map[string]bool, error) {
	ents, err := os.ReadDir(filepath.Join(storeDir(x.dir), "store"))
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, e := range ents {
		if strings.HasSuffix(e.Name(), ".zap") {
			out[e.Name()] = true
		}
	}
	return out, nil
}

// dropOld destroys the keys nothing is under any more.
func (x *Index) dropOld(ctx context.Context) error {
	for _, n := range x.state.Old {
		if err := x.keys.DestroyShardKey(ctx, keyName(n)); err != nil {
			return err
		}
		sealer().forget(x.prints[n])
		delete(x.prints, n)
	}
	s := state{Key: x.state.Key, Format: format}
	if err := s.write(x.dir); err != nil {
		return err
	}
	x.state = s
	return nil
}

// Clear empties the index, before a rebuild, and begins with a new key.
func (x *Index) Clear(ctx context.Context) error {
	x.upkeep.Lock()
	defer x.upkeep.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.restart(ctx); err != nil {
		return fmt.Errorf("clear index: %w", err)
	}
	return nil
}

func (x *Index) restart(ctx context.Context) error {
	x.closed = true // until it is open again: a failure leaves nothing to close twice
	if err := x.bl.shut(); err != nil && !x.bl.isDead() {
		return err // what stopped is made anew all the same
	}
	if err := x.settle(ctx); err != nil {
		return err
	}
	if err := durable.RemoveAll(storeDir(x.dir)); err != nil {
		return err
	}
	if err := x.begin(ctx, x.state.Key+1); err != nil {
		return err
	}
	if err := x.openStore(); err != nil {
		return err
	}
	x.closed = false
	return x.dropOld(ctx)
}
