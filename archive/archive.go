// Package archive is the protocol between a document and the stores that keep
// it: deposit, open, verify, destroy, and what a rebuild reads back.
//
// Its invariants: a document counts as stored only when its manifest is in the
// store and everything it names has been read back and compared; what is
// opened is what was stored or an error, never other bytes; a disclosure is in
// the audit log before its first byte leaves; and destroying begins with the
// key and from there only goes forward.
//
// Stored form (docs/format.md), in the documents store:
//
//	d/ID/VERSION/package.age   the document: PDF, previews, source
//	d/ID/VERSION/manifest.age  its signed manifest, with the text: the commit point
//	b/BATCH/rest.age           separator sheets, blank sides, unread sources
//	b/BATCH/manifest.age       its signed page accounting
//	a/log/FIRST-LAST           entries of the audit log
//	a/checkpoint/SIZE          signed checkpoints of it
package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/record"
)

// maxManifestObject bounds a sealed manifest, in bytes.
const maxManifestObject = 256 << 20

// Archive is an open archive: unlocked, and writing one audit log.
type Archive struct {
	Docs    blob.Store
	Vault   *keys.Vault
	Station *keys.Station
	Log     *audit.Log
	Spool   string // directory for sealed files on their way to the store
	Policy  string // the retention policy's name, for manifests
	Now     func() time.Time

	Position Position // how far the log is published, where several servers write it; nil for one

	LockDays int // for which stored documents cannot be deleted, where the store has locks; 0 for none
}

// Stored is a document as it lies in the store.
type Stored struct {
	Manifest *seal.Manifest
	Key      *keys.Key

	sealedSize int64 // of the manifest as it lies in the store
	sealedSum  [sha256.Size]byte
}

func packageName(id record.ID, version int) string {
	return fmt.Sprintf("d/%s/%d/package.age", id, version)
}

func manifestName(id record.ID, version int) string {
	return fmt.Sprintf("d/%s/%d/manifest.age", id, version)
}

func (a *Archive) signers(ctx context.Context) seal.Signers {
	return func(id string) (ed25519.PublicKey, error) { return a.Vault.Signer(ctx, id, keys.RoleServer) }
}

// Deposit stores version 1 of a document: key, package, manifest, in this
// order, then reads all of it back. m carries what the caller knows; object
// name, sums and policy are filled in. parts writes the package's members and
// may set m.PDF.
//
// It may be repeated after a crash with the same id: a document whose manifest
// is stored is returned as it is, and debris of an unfinished deposit is
// removed first.
func (a *Archive) Deposit(ctx context.Context, m seal.Manifest, parts func(*zip.Writer, *seal.Manifest) error) (*Stored, error) {
	m.Version = 1
	s, err := a.Load(ctx, m.ID, m.Version)
	if err == nil {
		if err := a.again(ctx, manifestName(m.ID, m.Version)); err != nil {
			return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
		}
		return s, a.check(ctx, s)
	}
	if !errors.Is(err, record.ErrDestroyed) && !errors.Is(err, record.ErrNotFound) {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	if err := a.sweep(ctx, m.ID, m.Version); err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	key, err := a.Vault.NewKey(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	m.Object, m.Policy = packageName(m.ID, m.Version), a.Policy
	m.Package, err = a.putPackage(ctx, m.Object, key, func(zw *zip.Writer) error { return parts(zw, &m) })
	if err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	sealed, err := seal.SealManifest(&m, key.Recipient(), a.Station)
	if err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	if err := a.put(ctx, manifestName(m.ID, m.Version), sealed); err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	if s, err = a.Load(ctx, m.ID, m.Version); err != nil {
		return nil, fmt.Errorf("deposit %s: read back: %w", m.ID, err)
	}
	return s, a.check(ctx, s)
}

// sweep removes what an unfinished deposit left. Its manifest is missing, so
// nothing refers to it.
func (a *Archive) sweep(ctx context.Context, id record.ID, version int) error {
	if err := a.Docs.Delete(ctx, packageName(id, version)); err != nil {
		return err
	}
	return a.Vault.DestroyKey(ctx, id)
}

// putPackage seals a package into the spool and puts it into the store. Only
// ciphertext touches the disk.
func (a *Archive) putPackage(ctx context.Context, name string, key *keys.Key, parts func(*zip.Writer) error) (seal.Sums, error) {
	tmp := filepath.Join(a.Spool, "out", key.ID.String()+".age")
	if err := durable.Remove(tmp); err != nil { // left by a crash
		return seal.Sums{}, err
	}
	sums, err := sealPackage(tmp, key, parts)
	if err != nil {
		return seal.Sums{}, err
	}
	f, err := os.Open(tmp)
	if err != nil {
		return seal.Sums{}, err
	}
	defer f.Close() // read-only
	if _, err := a.Docs.Put(ctx, name, f, sums.Size); err != nil {
		return seal.Sums{}, err
	}
	return sums, durable.Remove(tmp)
}

// sealPackage seals a package into a new file.
func sealPackage(file string, key *keys.Key, parts func(*zip.Writer) error) (seal.Sums, error) {
	pr, pw := io.Pipe()
	done := make(chan seal.Sums, 1)
	go func() {
		sums, err := seal.WritePackage(pw, key.Recipient(), parts)
		pw.CloseWithError(err) // nil ends the file
		done <- sums
	}()
	_, err := durable.Create(file, pr, 0o600)
	pr.CloseWithError(err) // unblocks the writer when the disk failed
	return <-done, err
}

// put stores a small object. Finding it there already with the same bytes is
// success.
func (a *Archive) put(ctx context.Context, name string, data []byte) error {
	return put(ctx, a.Docs, name, data)
}

func put(ctx context.Context, docs blob.Store, name string, data []byte) error {
	_, err := docs.Put(ctx, name, bytes.NewReader(data), int64(len(data)))
	if errors.Is(err, blob.ErrExist) {
		old, rerr := blob.ReadAll(ctx, docs, name, maxManifestObject)
		if rerr == nil && bytes.Equal(old, data) {
			return nil
		}
	}
	return err
}

// again stores a small object that is there once more, which makes sure of it:
// whoever stored it may have been told of a failure when it could be read already,
// and a power cut would take it away.
func (a *Archive) again(ctx context.Context, name string) error {
	b, err := readAll(ctx, a.Docs, name)
	if err != nil {
		return err
	}
	return a.put(ctx, name, b)
}

// Load opens a document's manifest. record.ErrDestroyed when its key is gone,
// record.ErrNotFound when its manifest was never stored, record.ErrCorrupt
// when it is not what a trusted server signed.
func (a *Archive) Load(ctx context.Context, id record.ID, version int) (*Stored, error) {
	key, err := a.Vault.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	return load(ctx, a.Docs, key, version, a.signers(ctx))
}

// load opens the manifest of the key's document in a store.
func load(ctx context.Context, docs blob.Store, key *keys.Key, version int, trusted seal.Signers) (*Stored, error) {
	b, err := readAll(ctx, docs, manifestName(key.ID, version))
	if err != nil {
		return nil, err
	}
	m, err := seal.OpenManifest(b, key.Identity(), trusted)
	if err != nil {
		return nil, err
	}
	if m.ID != key.ID || m.Version != version || m.Object != packageName(key.ID, version) {
		return nil, fmt.Errorf("manifest of %s: %w: it describes another document or version", key.ID, record.ErrCorrupt)
	}
	return &Stored{Manifest: m, Key: key, sealedSize: int64(len(b)), sealedSum: sha256.Sum256(b)}, nil
}

func readAll(ctx context.Context, docs blob.Store, name string) ([]byte, error) {
	b, err := blob.ReadAll(ctx, docs, name, maxManifestObject)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, record.ErrNotFound)
	}
	return b, err
}

// check reads a document's package to its end and compares it with the
// manifest.
func (a *Archive) check(ctx context.Context, s *Stored) error {
	return checkObject(ctx, a.Docs, s.Manifest.Object, s.Key.Identity(), s.Manifest.Package)
}

// open opens an object that must be there. record.ErrCorrupt when it is gone.
func open(ctx context.Context, docs blob.Store, name string) (blob.Object, error) {
	o, err := docs.Open(ctx, name)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: the object is gone", name, record.ErrCorrupt)
	}
	return o, err
}

func checkObject(ctx context.Context, docs blob.Store, name string, by age.Identity, want seal.Sums) error {
	o, err := open(ctx, docs, name)
	if err != nil {
		return err
	}
	defer o.Close() // read-only
	if size := o.Info().Size; size != want.Size {
		return fmt.Errorf("%s: %w: %d bytes, the manifest says %d", name, record.ErrCorrupt, size, want.Size)
	}
	if err := seal.Check(io.NewSectionReader(o, 0, want.Size), by, want); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Verify re-reads a document's every object against its signed manifest.
func (a *Archive) Verify(ctx context.Context, id record.ID, version int) (*Stored, error) {
	s, err := a.Load(ctx, id, version)
	if errors.Is(err, record.ErrNotFound) || errors.Is(err, record.ErrDestroyed) {
		return nil, fmt.Errorf("verify %s: %w: %w", id, record.ErrCorrupt, err)
	}
	if err == nil {
		err = a.check(ctx, s)
	}
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", id, err)
	}
	return s, nil
}

// ReadPart writes one member of a document's package ("preview/0001.png") to w,
// reading of it no more than that takes: for a page on a screen. That it is the
// package that was stored is known by its head, and every chunk that is read
// is authenticated; what is not read is not checked. The entry in the audit log
// is durable before the first byte.
func (a *Archive) ReadPart(ctx context.Context, who Access, id record.ID, version int, member string, w io.Writer) error {
	s, err := a.Load(ctx, id, version)
	if err != nil {
		return fmt.Errorf("read part of %s: %w", id, err)
	}
	o, err := open(ctx, a.Docs, s.Manifest.Object)
	if err != nil {
		return fmt.Errorf("read part of %s: %w", id, err)
	}
	defer o.Close() // read-only
	if o.Info().Size != s.Manifest.Package.Size {
		return fmt.Errorf("read part of %s: %w: %d bytes, the manifest says %d", id, record.ErrCorrupt, o.Info().Size, s.Manifest.Package.Size)
	}
	if err := seal.CheckHead(o, s.Manifest.Package); err != nil {
		return fmt.Errorf("read part of %s: %w", id, err)
	}
	return a.member(ctx, who, s, o, member, w)
}

// member copies one member of an open package to w.
func (a *Archive) member(ctx context.Context, who Access, s *Stored, o blob.Object, member string, w io.Writer) error {
	id := s.Manifest.ID
	zr, err := seal.OpenPackage(o, s.Manifest.Package.Size, s.Key.Identity())
	if err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	if _, err := fs.Stat(zr, member); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %s: %w", id, member, record.ErrNotFound)
	}
	if err := a.Note(ctx, audit.ActDocumentRead, s.Key, struct {
		Access
		Member string `json:"member"`
	}{who, member}); err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	if err := seal.CopyMember(w, zr, member); err != nil {
		return fmt.Errorf("read %s: %s: %w", id, member, err)
	}
	return nil
}

// Prove reads a document's package to its end and returns an HMAC-SHA-256 of
// its plaintext under the challenge: whoever has it has opened the document.
func (a *Archive) Prove(ctx context.Context, id record.ID, version int, challenge []byte) ([]byte, error) {
	s, err := a.Verify(ctx, id, version)
	if err != nil {
		return nil, err
	}
	o, err := open(ctx, a.Docs, s.Manifest.Object)
	if err != nil {
		return nil, err
	}
	defer o.Close() // read-only
	mac := hmac.New(sha256.New, challenge)
	if err := seal.Open(mac, io.NewSectionReader(o, 0, o.Info().Size), s.Key.Identity()); err != nil {
		return nil, fmt.Errorf("prove %s: %w", id, err)
	}
	return mac.Sum(nil), nil
}

// Access is who reads and why. It is what the audit entry says.
type Access struct {
	Actor   record.Actor `json:"actor"`
	Purpose string       `json:"purpose"`
}

// Read writes one member of a document's package ("document.pdf") to w. The
// whole package is verified first and the entry in the audit log is durable
// before the first byte; if either fails nothing is written.
func (a *Archive) Read(ctx context.Context, who Access, id record.ID, version int, member string, w io.Writer) error {
	s, err := a.Verify(ctx, id, version)
	if err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	o, err := a.Docs.Open(ctx, s.Manifest.Object)
	if err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	defer o.Close() // read-only
	return a.member(ctx, who, s, o, member, w)
}
