// Package seal makes and opens the objects of the documents bucket: packages,
// manifests and the sealed files of the spool.
//
// A package is one age file around a ZIP in store mode; a manifest is one age
// file around a zstd stream of a signature line and JSON. Headers, and manifests
// as a whole, are the age library's; the payloads of packages and of the spool's
// files are done here on all cores at once. age proves that
// content is whole, and nothing about who made it: anyone with the public
// recipient can make a valid file. So every manifest is signed with the
// depositor's Ed25519 key and binds the names, sizes and hashes of what it
// describes. That is the invariant: nothing counts as stored or as whole
// unless a manifest with a trusted signature says so and every byte has been
// read to the end.
//
// docs/format.md specifies the bytes; the types here are its fields.
package seal

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"chartvault/record"
)

// Sums describe a sealed object. The plaintext needs no hash of its own: what a
// given ciphertext opens to is one thing, and it opens only whole.
type Sums struct {
	Size      int64  `json:"size"`             // of the ciphertext, in bytes
	BLAKE3    []byte `json:"blake3,omitempty"` // of the ciphertext, 32 bytes
	SHA256    []byte `json:"sha256,omitempty"` // of the ciphertext, in place of BLAKE3, in what was stored before BLAKE3 was used
	PlainSize int64  `json:"plain_size"`       // of what is sealed, in bytes
	Head      []byte `json:"head_sha256"`      // of the first HeadSize bytes of the ciphertext
}

// HeadSize is how many bytes of a sealed object its head is. The header of an
// age file and its nonce lie in it: no two files share them, so that an object
// with this head is the one that was stored, or fails to decrypt where it is
// not. That lets a part be read without reading all of it.
const HeadSize = 4 << 10

// Sum is the hash of the ciphertext, 32 bytes.
func (s Sums) Sum() []byte {
	if len(s.BLAKE3) > 0 {
		return s.BLAKE3
	}
	return s.SHA256
}

// CheckHead compares the head of a sealed object with what was stored.
// record.ErrCorrupt when it is another object.
func CheckHead(r io.ReaderAt, want Sums) error {
	b := make([]byte, min(HeadSize, want.Size))
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return fmt.Errorf("check head: %w", damaged(err))
	}
	if sum := sha256.Sum256(b); string(sum[:]) != string(want.Head) {
		return fmt.Errorf("check head: %w: it is another object", record.ErrCorrupt)
	}
	return nil
}

// WritePackage seals a ZIP in store mode into dst; parts adds its members.
func WritePackage(dst io.Writer, to age.Recipient, parts func(*zip.Writer) error) (Sums, error) {
	w, err := NewWriter(dst, to)
	if err != nil {
		return Sums{}, err
	}
	zw := zip.NewWriter(w)
	if err := parts(zw); err != nil {
		return Sums{}, fmt.Errorf("seal package: %w", err)
	}
	if err := zw.Close(); err != nil {
		return Sums{}, fmt.Errorf("seal package: %w", err)
	}
	if err := w.Close(); err != nil {
		return Sums{}, fmt.Errorf("seal package: %w", err)
	}
	return w.Sums(), nil
}

// AddPart begins a stored member of a package's ZIP.
func AddPart(zw *zip.Writer, name string) (io.Writer, error) {
	return zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
}

// OpenPackage opens a package for random access. What it returns is
// authenticated chunk by chunk; errors match record.ErrCorrupt when the
// ciphertext was changed.
func OpenPackage(r io.ReaderAt, size int64, by age.Identity) (*zip.Reader, error) {
	plain, err := newRandom(r, size, by)
	if err != nil {
		return nil, fmt.Errorf("open package: %w", err)
	}
	zr, err := zip.NewReader(plain, plain.size)
	if plain.failed != nil {
		return nil, fmt.Errorf("open package: %w", plain.failed)
	}
	if err != nil {
		return nil, corrupt("open package", err)
	}
	return zr, nil
}

// CopyMember copies a member of a package to w. fs.ErrNotExist when there is none
// of that name; record.ErrCorrupt when it is not what was sealed, or is no member
// of a ZIP, which only a wrong depositor can have made.
func CopyMember(w io.Writer, zr *zip.Reader, name string) error {
	f, err := zr.Open(name)
	if err == nil {
		_, err = io.Copy(w, f)
		err = errors.Join(err, f.Close())
	}
	for _, wrong := range []error{zip.ErrFormat, zip.ErrAlgorithm, zip.ErrChecksum} {
		if errors.Is(err, wrong) {
			return corrupt("read member", err)
		}
	}
	return err
}

// Open decrypts a sealed object to its end into w. record.ErrCorrupt when it is
// not one that by opens whole; w may have got what comes before the damage.
func Open(w io.Writer, r io.Reader, by age.Identity) error {
	err := open(r, by, func([]byte) {}, func(b []byte) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return nil
}

// Check reads a sealed object to its end, decrypts it, and compares both
// sides with want. record.ErrCorrupt when anything differs.
func Check(r io.Reader, by age.Identity, want Sums) error {
	m, n := newMeterLike(want), int64(0)
	err := open(r, by, m.write, func(b []byte) error {
		n += int64(len(b))
		return nil
	})
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if !m.sums(n).Equal(want) {
		return fmt.Errorf("check: %w: size or hash differs from the manifest", record.ErrCorrupt)
	}
	return nil
}

// Equal reports whether both describe the same object.
func (s Sums) Equal(t Sums) bool {
	return s.Size == t.Size && s.PlainSize == t.PlainSize && string(s.Sum()) == string(t.Sum()) && string(s.Head) == string(t.Head)
}

// corrupt marks a failure to decrypt or parse stored bytes. An identity that
// does not match is the same finding: the object is not the one whose key this
// is.
func corrupt(op string, err error) error {
	if errors.Is(err, record.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", op, record.ErrCorrupt, err)
}
