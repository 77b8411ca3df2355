package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/record"
)

// Note puts an entry about one document or batch into the audit log, its body
// sealed under that document's key: it turns to noise with it.
func (a *Archive) Note(ctx context.Context, action audit.Action, key *keys.Key, body any) error {
	_, err := a.note(ctx, action, key.ID.String(), key.ID.String(), key.Recipient(), body)
	return err
}

// Journal puts an entry into the audit log whose body must outlive any
// document: holds, facts, plans, approvals, certificates. It is sealed to the
// archive's journal identity, and rebuild replays it.
func (a *Archive) Journal(ctx context.Context, action audit.Action, object string, body any) error {
	_, err := a.Say(ctx, action, object, body)
	return err
}

// Say is Journal, and returns the entry's number.
func (a *Archive) Say(ctx context.Context, action audit.Action, object string, body any) (int64, error) {
	return a.note(ctx, action, object, audit.JournalKey, a.Vault.Journal().Recipient(), body)
}

func (a *Archive) note(ctx context.Context, action audit.Action, object, keyName string, to age.Recipient, body any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	plain, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("journal %s: %w", action, err)
	}
	sealed, err := keys.Seal(plain, to)
	if err != nil {
		return 0, fmt.Errorf("journal %s: %w", action, err)
	}
	return a.Log.Append(action, object, keyName, sealed)
}

// OpenBody opens an entry's body into v. record.ErrDestroyed when it was about
// a document whose key is gone.
func (a *Archive) OpenBody(ctx context.Context, e audit.Entry, v any) error {
	var by age.Identity = a.Vault.Journal()
	if e.Key != audit.JournalKey {
		id, err := record.ParseID(e.Key)
		if err != nil {
			return fmt.Errorf("open entry %d: %w", e.Seq, record.ErrCorrupt)
		}
		k, err := a.Vault.Key(ctx, id)
		if err != nil {
			return fmt.Errorf("open entry %d: %w", e.Seq, err)
		}
		by = k.Identity()
	}
	b, err := keys.Open(e.Body, by)
	if err != nil {
		return fmt.Errorf("open entry %d: %w: %w", e.Seq, record.ErrCorrupt, err)
	}
	return json.Unmarshal(b, v)
}

// Position is how far the audit log has been copied to the store, for all servers
// that write it.
type Position interface {
	Published(ctx context.Context) (int64, error)
	SetPublished(ctx context.Context, n int64) error
}

func (a *Archive) published(ctx context.Context) (int64, error) {
	if a.Position != nil {
		return a.Position.Published(ctx)
	}
	return a.Log.Published()
}

func (a *Archive) setPublished(ctx context.Context, n int64) error {
	if a.Position != nil {
		return a.Position.SetPublished(ctx, n)
	}
	return a.Log.SetPublished(n)
}

// bundle is how many entries at most go into one object.
const bundle = 500

// Publish copies new audit entries, the tiles of their tree and a signed
// checkpoint over them into the documents store, from which a rebuild takes
// them and against which the log can be held.
func (a *Archive) Publish(ctx context.Context) error {
	from, err := a.published(ctx)
	if err != nil {
		return fmt.Errorf("publish audit log: %w", err)
	}
	_, n, err := a.Log.Checkpoint()
	if err != nil {
		return fmt.Errorf("publish audit log: %w", err)
	}
	for from < n {
		to := min(from+bundle, n)
		lines, err := a.Log.Lines(from, to)
		if err != nil {
			return fmt.Errorf("publish audit log: %w", err)
		}
		name := fmt.Sprintf("a/log/%016d-%016d", from, to-1)
		if err := a.put(ctx, name, append(bytes.Join(lines, []byte("\n")), '\n')); err != nil {
			return fmt.Errorf("publish audit log: %w", err)
		}
		tiles, err := a.Log.Tiles(from, to)
		if err != nil {
			return fmt.Errorf("publish audit log: %w", err)
		}
		for _, t := range tiles {
			if err := a.put(ctx, "a/"+t.Path, t.Data); err != nil {
				return fmt.Errorf("publish audit log: %w", err)
			}
		}
		if err := a.setPublished(ctx, to); err != nil {
			return fmt.Errorf("publish audit log: %w", err)
		}
		from = to
	}
	// Entries that came back from the store count as far as a head there vouches for
	// them, so it is put until it is there, whenever it was signed.
	head, err := a.Log.UnpublishedHead()
	if err == nil && head.Size > 0 {
		err = a.put(ctx, fmt.Sprintf("a/checkpoint/%016d", head.Size), head.Note)
	}
	if err != nil {
		return fmt.Errorf("publish audit log: %w", err)
	}
	a.Log.SetPublishedHead(head.Size)
	return nil
}

// PublishedLines reads the audit log back from the documents store: the lines
// from number from on, none when it holds no more than those before. Bundles
// may overlap where a crash came between two steps; they must then agree.
func PublishedLines(ctx context.Context, docs blob.Store, from int) ([][]byte, error) {
	var lines [][]byte
	for info, err := range docs.List(ctx, "a/log/") {
		if err != nil {
			return nil, fmt.Errorf("read published audit log: %w", err)
		}
		var first, last int
		if _, err := fmt.Sscanf(strings.TrimPrefix(info.Name, "a/log/"), "%d-%d", &first, &last); err != nil {
			return nil, fmt.Errorf("read published audit log: %s: %w", info.Name, record.ErrCorrupt)
		}
		if last < from {
			continue
		}
		b, err := blob.ReadAll(ctx, docs, info.Name, maxManifestObject)
		if err != nil {
			return nil, fmt.Errorf("read published audit log: %w", err)
		}
		part := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
		if first > from+len(lines) || len(part) != last-first+1 {
			return nil, fmt.Errorf("read published audit log: %w: entries %d to %d are missing", record.ErrCorrupt, from+len(lines), first-1)
		}
		for i, line := range part {
			switch at := first + i - from; {
			case at < 0: // known
			case at == len(lines):
				lines = append(lines, line)
			case !bytes.Equal(lines[at], line):
				return nil, fmt.Errorf("read published audit log: %w: two versions of entry %d", record.ErrCorrupt, from+at)
			}
		}
	}
	return lines, nil
}

// PublishedLeaves reads the hashes of the published entries from the tiles in
// the documents store.
func PublishedLeaves(ctx context.Context, docs blob.Store) ([]tlog.Hash, error) {
	n := int64(0)
	for info, err := range docs.List(ctx, "a/checkpoint/") {
		if err != nil {
			return nil, fmt.Errorf("read published audit log: %w", err)
		}
		if size, ok := checkpointSize(info.Name); ok {
			n = max(n, size)
		}
	}
	return audit.TileLeaves(func(path string) ([]byte, error) { return blob.ReadAll(ctx, docs, "a/"+path, maxManifestObject) }, n)
}

// StoredDocuments lists the documents that have a manifest in the store, and
// their newest version. It is what a rebuild starts from.
func (a *Archive) StoredDocuments(ctx context.Context) (map[record.ID]int, error) {
	out := map[record.ID]int{}
	err := a.listed(ctx, "d/", func(parts []string) error {
		if len(parts) != 4 || parts[3] != "manifest.age" {
			return nil
		}
		id, err := record.ParseID(parts[1])
		if err != nil {
			return err
		}
		var v int
		if _, err := fmt.Sscanf(parts[2], "%d", &v); err != nil || v < 1 {
			return fmt.Errorf("version %q: %w", parts[2], record.ErrCorrupt)
		}
		out[id] = max(out[id], v)
		return nil
	})
	return out, err
}

// StoredBatches lists the batches that have a manifest in the store.
func (a *Archive) StoredBatches(ctx context.Context) ([]record.ID, error) {
	var out []record.ID
	err := a.listed(ctx, "b/", func(parts []string) error {
		if len(parts) != 3 || parts[2] != "manifest.age" {
			return nil
		}
		id, err := record.ParseID(parts[1])
		out = append(out, id)
		return err
	})
	return out, err
}

func (a *Archive) listed(ctx context.Context, prefix string, f func(parts []string) error) error {
	var errs []error
	for info, err := range a.Docs.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		if err := f(strings.Split(info.Name, "/")); err != nil {
			errs = append(errs, fmt.Errorf("%s is not an object of this archive: %w", info.Name, err))
		}
	}
	return errors.Join(errs...)
}
