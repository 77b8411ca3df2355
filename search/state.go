package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"chartvault/internal/durable"
	"chartvault/record"
)

// Keys gives and destroys the keys of the index.
type Keys interface {
	ShardKeys(ctx context.Context) ([]string, error) // names of all there are
	ShardKey(ctx context.Context, name string) ([]byte, error)
	DestroyShardKey(ctx context.Context, name string) error
}

// state is index/state.json: which key new files get, by number, which are to be
// destroyed once nothing is under them, and what the index says of pages.
type state struct {
	Key    int   `json:"key"`
	Old    []int `json:"old,omitempty"`
	Format int   `json:"format,omitempty"`
}

// format is what this program writes of a page. An index of another one does not
// open, and is made anew.
const format = 2

// keyPrefix begins the names of the index's keys.
const keyPrefix = "main-"

func keyName(n int) string { return fmt.Sprintf("%s%06d", keyPrefix, n) }

func stateFile(dir string) string { return filepath.Join(dir, "state.json") }
func storeDir(dir string) string  { return filepath.Join(dir, "store") }

// readState returns the state of dir; key 0 when there is none.
func readState(dir string) (s state, err error) {
	b, err := os.ReadFile(stateFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil && json.Unmarshal(b, &s) != nil {
		err = fmt.Errorf("state: %w", record.ErrCorrupt)
	}
	return s, err
}

func (s state) write(dir string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = durable.Replace(stateFile(dir), bytes.NewReader(b), 0o600)
	return err
}
