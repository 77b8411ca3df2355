// Package seal makes and opens the objects of the documents bucket: packages,
// manifests and the sealed files of the spool.
//
// A package is one age file around a ZIP in store mode; a manifest is one age
// file around a zstd stream of a signature line and JSON. age proves that
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
	Size      int64  `json:"size"`        // of the ciphertext, in bytes
	SHA256    []byte `json:"sha256"`      // of the ciphertext, 32 bytes
	PlainSize int64  `json:"plain_size"`  // of what is sealed, in bytes
	Head      []byte `json:"head_sha256"` // of the first HeadSize bytes of the ciphertext
}

// HeadSize is how many bytes of a sealed object its head is. The header of an
// age file and its nonce lie in it: no two files share them, so that an object
// with this head is the one that was stored, or fails to decrypt where it is
// not. That lets a part be read without reading all of it.
const HeadSize = 4 << 10

// Writer encrypts a stream, counts both sides of it and hashes what it writes.
type Writer struct {
	age    io.WriteCloser
	plain  int64
	cipher *meterWriter
}

// NewWriter returns a Writer that seals to the recipient into dst. Close it
// to complete the file; dst stays open.
func NewWriter(dst io.Writer, to age.Recipient) (*Writer, error) {
	c := newMeterWriter(dst)
	w, err := age.Encrypt(c, to)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Writer{age: w, cipher: c}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.age.Write(p)
	w.plain += int64(n)
	return n, err
}

// Close completes the age file.
func (w *Writer) Close() error {
	if err := w.age.Close(); err != nil {
		return err
	}
	return w.cipher.flush()
}

// Sums returns sizes and hashes; it is valid after Close.
func (w *Writer) Sums() Sums { return w.cipher.sums(w.plain) }

// CheckHead compares the head of a sealed object with what was stored.
// record.ErrCorrupt when it is another object.
func CheckHead(r io.ReaderAt, want Sums) error {
	b := make([]byte, min(HeadSize, want.Size))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, want.Size), b); err != nil {
		return corrupt("check head", err)
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
	plain, n, err := age.DecryptReaderAt(r, size, by)
	if err != nil {
		return nil, corrupt("open package", err)
	}
	zr, err := zip.NewReader(plain, n)
	if err != nil {
		return nil, corrupt("open package", err)
	}
	return zr, nil
}

// Open decrypts a sealed object to its end into w.
func Open(w io.Writer, r io.Reader, by age.Identity) error {
	plain, err := age.Decrypt(r, by)
	if err == nil {
		_, err = io.Copy(w, plain)
	}
	if err != nil {
		return corrupt("open", err)
	}
	return nil
}

// Check reads a sealed object to its end, decrypts it, and compares both
// sides with want. record.ErrCorrupt when anything differs.
func Check(r io.Reader, by age.Identity, want Sums) error {
	c := newMeterReader(r)
	plain, err := age.Decrypt(c, by)
	n := int64(0)
	if err == nil {
		n, err = io.Copy(io.Discard, plain)
	}
	if err != nil {
		return corrupt("check", err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if !c.sums(n).Equal(want) {
		return fmt.Errorf("check: %w: size or hash differs from the manifest", record.ErrCorrupt)
	}
	return nil
}

// Equal reports whether both describe the same object.
func (s Sums) Equal(t Sums) bool {
	return s.Size == t.Size && s.PlainSize == t.PlainSize && string(s.SHA256) == string(t.SHA256) && string(s.Head) == string(t.Head)
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
