package search

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	hooks "github.com/blevesearch/bleve_index_api"
	"github.com/klauspost/compress/zstd"

	"chartvault/internal/durable"
	"chartvault/record"
)

// Index is the open index. It is safe for concurrent use.
type Index struct {
	dir  string
	keys Keys
	enc  *zstd.Encoder // EncodeAll is safe for concurrent use
	dec  *zstd.Decoder // so is DecodeAll

	upkeep   sync.Mutex // one Rotate or Clear at a time; guards what follows
	state    state
	prints   map[int]string // fingerprints of the keys in use, by number
	dropping chan error     // what a rotation left to the engine; nil when nothing

	mu     sync.RWMutex // held for writing while Clear and Close change the engine
	bl     *engine
	closed bool
}

// Open opens the index in dir, making an empty one when there is none.
func Open(ctx context.Context, dir string, keys Keys) (*Index, error) {
	x, err := open(ctx, dir, keys)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

func open(ctx context.Context, dir string, keys Keys) (*Index, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, err
	}
	x := &Index{dir: dir, keys: keys, enc: enc, dec: dec, prints: map[int]string{}}
	if x.state, err = readState(dir); err != nil {
		return nil, err
	}
	if x.state.Key != 0 && x.state.Format != format {
		return nil, fmt.Errorf("it was made by another program: %w", record.ErrCorrupt)
	}
	if x.state.Key == 0 {
		// Keys of an index that was here before would keep copies of it readable.
		if err := x.dropStrays(ctx); err != nil {
			return nil, err
		}
		if err := x.begin(ctx, 1); err != nil {
			return nil, err
		}
	}
	for _, n := range append([]int{x.state.Key}, x.state.Old...) {
		if err := x.load(ctx, n); err != nil {
			return nil, err
		}
	}
	if err := x.openStore(); err != nil {
		x.forget()
		return nil, err
	}
	return x, nil
}

// dropStrays destroys every key of an index, before the first is made.
func (x *Index) dropStrays(ctx context.Context) error {
	names, err := x.keys.ShardKeys(ctx)
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, keyPrefix) {
			if err := x.keys.DestroyShardKey(ctx, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin makes key n the one that new files get; what was in force is old.
func (x *Index) begin(ctx context.Context, n int) error {
	if err := x.load(ctx, n); err != nil {
		return err
	}
	s := state{Key: n, Old: slices.Clone(x.state.Old), Format: format}
	if x.state.Key != 0 {
		s.Old = append(s.Old, x.state.Key)
	}
	if err := s.write(x.dir); err != nil {
		return err
	}
	x.state = s
	return nil
}

func (x *Index) load(ctx context.Context, n int) error {
	key, err := x.keys.ShardKey(ctx, keyName(n))
	if err != nil {
		return err
	}
	x.prints[n] = sealer().know(key)
	return nil
}

// forget drops the keys from memory.
func (x *Index) forget() {
	sealer().leave(storeDir(x.dir))
	sealer().watching.leave(storeDir(x.dir))
	for _, f := range x.prints {
		sealer().forget(f)
	}
}

func (x *Index) openStore() error {
	dir := storeDir(x.dir)
	sealer().use(dir, x.prints[x.state.Key])
	config := map[string]any{"bolt_timeout": "10s", "asyncErrorCallbackName": asyncName}
	x.bl = sealer().watching.watch(dir)
	var err error
	if _, serr := os.Stat(dir); serr == nil {
		x.bl.Index, err = bleve.OpenUsing(dir, config)
	} else {
		m := mapping.NewIndexMapping()
		m.ScoringModel = hooks.BM25Scoring
		x.bl.Index, err = bleve.NewUsing(dir, m, scorch.Name, scorch.Name, config)
	}
	return err
}

// Close closes the index and forgets its keys.
func (x *Index) Close() error {
	x.upkeep.Lock()
	defer x.upkeep.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	err := x.bl.shut()
	if serr := x.settle(context.Background()); serr != nil {
		err = errors.Join(err, serr)
	}
	x.forget()
	x.dec.Close()
	return err
}

// positionKey is where the engine keeps how far the index has come.
const positionKey = "position"

// Position returns the catalogue change up to which the index is complete.
func (x *Index) Position(context.Context) (int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	b, err := x.bl.GetInternal([]byte(positionKey))
	if err != nil || b == nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("position of the index: %w", record.ErrCorrupt)
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// Has reports whether any page of a document is indexed.
func (x *Index) Has(_ context.Context, id record.ID) (bool, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	pages, err := x.pagesOf(id)
	return len(pages) > 0, err
}

// pagesOf returns the entries of a document's pages.
func (x *Index) pagesOf(id record.ID) (out []string, err error) {
	r, err := x.reader()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := r.TermFieldReader(context.Background(), []byte(isDocument+id.String()), fieldIs, false, false, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		d, err := f.Next(nil)
		if err != nil || d == nil {
			return out, err
		}
		name, err := r.ExternalID(d.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
}

func (x *Index) reader() (hooks.IndexReader, error) {
	a, err := x.bl.Advanced()
	if err != nil {
		return nil, err
	}
	return a.Reader()
}

// Count returns the number of documents and pages indexed.
func (x *Index) Count(ctx context.Context) (documents, pages int, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, err := x.bl.DocCount()
	if err != nil {
		return 0, 0, err
	}
	first := bleve.NewSearchRequestOptions(is(isFirst), 0, 0, false)
	res, err := x.bl.SearchInContext(ctx, first)
	if err != nil {
		return 0, 0, err
	}
	return int(res.Total), int(n), nil
}

// Each calls f with every document that is indexed and its number of pages, in
// no order that means anything. It stops at f's first error.
func (x *Index) Each(ctx context.Context, f func(id record.ID, pages int) error) (err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	r, err := x.reader()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d, err := r.FieldDictPrefix(fieldIs, []byte(isDocument))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for {
		e, err := d.Next()
		if err != nil || e == nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := record.ParseID(strings.TrimPrefix(e.Term, isDocument))
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		pages, err := x.pagesOf(id) // the dictionary still has what was removed
		if err != nil {
			return err
		}
		if len(pages) > 0 {
			if err := f(id, len(pages)); err != nil {
				return err
			}
		}
	}
}

// pageName is the engine's name of a page; page counts from 1.
func pageName(id record.ID, page int) string { return id.String() + "/" + strconv.Itoa(page) }

func parsePageName(s string) (id record.ID, page int, err error) {
	doc, n, _ := strings.Cut(s, "/")
	if id, err = record.ParseID(doc); err != nil {
		return id, 0, err
	}
	page, err = strconv.Atoi(n)
	return id, page, err
}
