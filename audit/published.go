package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"chartvault/internal/durable"
)

// Published returns how many entries have been copied to the store.
func (l *Log) Published() (int64, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, "published"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read audit position: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n < 0 || n > l.Size() {
		return 0, nil // publishing again is harmless; the copies are the same
	}
	return n, nil
}

// SetPublished records that the first n entries are in the store.
func (l *Log) SetPublished(n int64) error {
	_, err := durable.Replace(filepath.Join(l.dir, "published"), strings.NewReader(strconv.FormatInt(n, 10)+"\n"), 0o600)
	return err
}

// UnpublishedHead returns the newest checkpoint unless SetPublishedHead was told of
// it; Size 0 then, and when there is none.
func (l *Log) UnpublishedHead() (Checkpoint, error) {
	cp, err := l.Head()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || cp.Size <= l.headed {
		return Checkpoint{}, err
	}
	return cp, nil
}

// SetPublishedHead remembers that the checkpoint over n entries is in the store,
// while the log is open.
func (l *Log) SetPublishedHead(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.headed = max(l.headed, n)
}

// TileHeight is the height of the published tiles: 256 hashes wide (C2SP
// tlog-tiles).
const TileHeight = 8

// Tile is a piece of the Merkle tree to publish.
type Tile struct {
	Path string // "tile/0/x001/234", "tile/0/003.p/17"
	Data []byte
}

// Tiles returns the tiles that are new in a tree of size n since it had from
// entries.
func (l *Log) Tiles(from, n int64) ([]Tile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from < 0 || n > l.n {
		return nil, fmt.Errorf("audit tiles %d to %d: the log has %d entries", from, n, l.n)
	}
	var out []Tile
	for _, t := range tlog.NewTiles(TileHeight, from, n) {
		b, err := tlog.ReadTileData(t, l.hashReader())
		if err != nil {
			return nil, fmt.Errorf("audit tiles: %w", err)
		}
		path := t.Path() // "tile/8/0/003.p/17": C2SP leaves the height out
		out = append(out, Tile{"tile" + strings.TrimPrefix(path, fmt.Sprintf("tile/%d", TileHeight)), b})
	}
	return out, nil
}

// Count returns how many whole entries the log in dir has; it need not be
// open.
func Count(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "offsets"))
	if err == nil && len(b) >= 8 {
		return countFrom(dir, len(b)/8-1, int64(binary.LittleEndian.Uint64(b[len(b)-len(b)%8-8:])))
	}
	return countFrom(dir, 0, 0)
}

// countFrom counts the lines from the one at offset off on, which is number n.
func countFrom(dir string, n int, off int64) (int, error) {
	f, err := os.Open(filepath.Join(dir, "log"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count audit entries: %w", err)
	}
	defer f.Close() // read-only
	if st, err := f.Stat(); err != nil || st.Size() < off {
		if err == nil && off > 0 {
			return countFrom(dir, 0, 0) // the offsets are another log's
		}
		return 0, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, off, 1<<62), 1<<20)
	for {
		_, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return 0, fmt.Errorf("count audit entries: %w", err)
		default:
			n++
		}
	}
}

// Extend appends lines that were published and that the log in dir lacks,
// because it came back from a backup, or is not there at all. lines begin at the number the log ends
// with, as Count gives it. It is done before the log is opened.
func Extend(dir string, lines [][]byte) error {
	f, err := durable.Append(filepath.Join(dir, "log"))
	if err != nil {
		return fmt.Errorf("extend audit log: %w", err)
	}
	if err := extend(f, lines); err != nil {
		return errors.Join(fmt.Errorf("extend audit log: %w", err), f.Close())
	}
	return f.Close()
}

func extend(f *durable.Appender, lines [][]byte) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	// A line that a crash left unfinished was never published.
	torn := size
	for torn > 0 {
		var b [1]byte
		if _, err := f.ReadAt(b[:], torn-1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if b[0] == '\n' {
			break
		}
		torn--
	}
	if torn < size {
		if err := f.Truncate(torn); err != nil {
			return err
		}
	}
	_, err = f.Write(append(bytes.Join(lines, []byte("\n")), '\n'))
	return err
}

// TileLeaves reads the leaves of the first n entries from published tiles:
// read returns a tile by its path. A partial tile may have been published only
// at another width; its leaves end the answer.
func TileLeaves(read func(path string) ([]byte, error), n int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	const width = 1 << TileHeight
	for first := int64(0); first < n; first += width {
		t := tlog.Tile{H: TileHeight, L: 0, N: first / width, W: int(min(n-first, width))}
		b, err := read("tile" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d", TileHeight)))
		if err != nil {
			return out, fmt.Errorf("audit tile: %w", err)
		}
		for ; len(b) >= tlog.HashSize; b = b[tlog.HashSize:] {
			out = append(out, tlog.Hash(b[:tlog.HashSize]))
		}
	}
	return out, nil
}
