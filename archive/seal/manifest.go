package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"chartvault/record"
)

// Contexts of signatures, so that a signature over one kind of manifest is
// none over another.
const (
	documentContext = "chartvault document manifest v1\n"
	batchContext    = "chartvault batch manifest v1\n"
)

// ErrSignature is a manifest that opens and that no trusted depositor signed.
var ErrSignature = errors.New("no trusted signature")

// maxManifest bounds what a manifest may unpack to, in bytes.
const maxManifest = 512 << 20

// Manifest describes one version of one document. It is the commit point of a
// deposit: a document whose manifest is stored is stored.
type Manifest struct {
	ID          record.ID            `json:"id"`
	Version     int                  `json:"version"`
	Batch       record.ID            `json:"batch"`
	Chart       string               `json:"chart,omitempty"` // as read from the sheet
	Type        string               `json:"type"`
	Facility    string               `json:"facility,omitempty"` // code of the place whose charts were scanned
	ServiceDate record.Date          `json:"service_date"`
	FiledAt     time.Time            `json:"filed_at"`
	State       record.DocumentState `json:"state"`
	Doubts      []record.Doubt       `json:"doubts,omitempty"`
	Object      string               `json:"object"` // name of the package
	Package     Sums                 `json:"package"`
	PDF         []byte               `json:"pdf_sha256"`      // of document.pdf inside the package; empty when it has none
	Policy      string               `json:"policy"`          // the site's retention policy the deposit was made under
	Via         string               `json:"via,omitempty"`   // the station that deposited it; the server signs that it checked
	Index       json.RawMessage      `json:"index,omitempty"` // what was read of the document and how surely; opaque here
	Pages       []Page               `json:"pages"`
}

// Page is one page of a document, in order.
type Page struct {
	Source int             `json:"source"` // 1-based number in the batch's source file
	Doubts []record.Doubt  `json:"doubts,omitempty"`
	Text   json.RawMessage `json:"text,omitempty"` // words, boxes and confidences; opaque here

	Original *Original `json:"original,omitempty"` // where it lies in its own format; nil for its own place in source.original, where that is
}

// Original is a page in the format it was scanned in.
type Original struct {
	Member string `json:"member"` // of the package
	Page   int    `json:"page"`   // of that file, from 1
}

// BatchManifest describes a batch: where each of its pages went.
type BatchManifest struct {
	ID         record.ID         `json:"id"`
	SHA256     []byte            `json:"sha256"` // of the source file
	Size       int64             `json:"size"`   // of the source file
	Name       string            `json:"name"`   // of the source file, SOURCE/NAME where it lay in a folder of its own
	ReceivedAt time.Time         `json:"received_at"`
	State      record.BatchState `json:"state"`
	Why        string            `json:"why,omitempty"` // a source that could not be read: in one word
	Counts     record.Counts     `json:"counts"`
	Pages      []BatchPage       `json:"pages"`
	Object     string            `json:"object,omitempty"` // name of the rest; empty when there is none
	Rest       Sums              `json:"rest,omitzero"`
	Via        string            `json:"via,omitempty"` // the station that deposited it
}

// BatchPage is the place of one page of the source file.
type BatchPage struct {
	Placement record.Placement `json:"placement"`
	Document  record.ID        `json:"document,omitzero"` // zero for what lies in the rest
}

// signature is the first line of a manifest.
type signature struct {
	Signer string `json:"signer"`
	Sig    []byte `json:"sig"`
}

// Signer signs manifests.
type Signer interface {
	ID() string
	Sign(message []byte) []byte
}

// Signers finds the public key of a trusted depositor.
type Signers func(id string) (ed25519.PublicKey, error)

// SealManifest signs and seals a document's manifest.
func SealManifest(m *Manifest, to age.Recipient, by Signer) ([]byte, error) {
	return sealSigned(m, documentContext, to, by)
}

// OpenManifest opens a document's manifest and checks its signature.
func OpenManifest(data []byte, by age.Identity, trusted Signers) (*Manifest, error) {
	m := &Manifest{}
	return m, openSigned(data, m, documentContext, by, trusted)
}

// SealBatch signs and seals a batch's manifest.
func SealBatch(m *BatchManifest, to age.Recipient, by Signer) ([]byte, error) {
	return sealSigned(m, batchContext, to, by)
}

// OpenBatch opens a batch's manifest and checks its signature.
func OpenBatch(data []byte, by age.Identity, trusted Signers) (*BatchManifest, error) {
	m := &BatchManifest{}
	return m, openSigned(data, m, batchContext, by, trusted)
}

func sealSigned(m any, context string, to age.Recipient, by Signer) ([]byte, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	head, err := json.Marshal(signature{by.ID(), by.Sign(append([]byte(context), payload...))})
	if err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	for _, b := range [][]byte{head, {'\n'}, payload} {
		if _, err := z.Write(b); err != nil {
			return nil, fmt.Errorf("seal manifest: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal manifest: %w", err)
	}
	return out.Bytes(), nil
}

func openSigned(data []byte, m any, context string, by age.Identity, trusted Signers) error {
	r, err := age.Decrypt(bytes.NewReader(data), by)
	if err != nil {
		return corrupt("open manifest", err)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return fmt.Errorf("open manifest: %w", err)
	}
	defer z.Close()
	plain, err := io.ReadAll(io.LimitReader(z, maxManifest))
	if err != nil {
		return corrupt("open manifest", err)
	}
	// The compressed stream may end before the age file does; a cut there is a
	// fault all the same.
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		return corrupt("open manifest", fmt.Errorf("%d bytes after its end: %w", n, record.ErrCorrupt))
	}
	head, payload, ok := bytes.Cut(plain, []byte("\n"))
	var s signature
	if !ok || json.Unmarshal(head, &s) != nil {
		return fmt.Errorf("open manifest: %w: no signature", record.ErrCorrupt)
	}
	pub, err := trusted(s.Signer)
	if errors.Is(err, record.ErrDenied) {
		return fmt.Errorf("open manifest: %w: %w: %w", record.ErrCorrupt, ErrSignature, err)
	}
	if err != nil {
		return fmt.Errorf("open manifest: %w", err)
	}
	if !ed25519.Verify(pub, append([]byte(context), payload...), s.Sig) {
		return fmt.Errorf("open manifest: %w: %w", record.ErrCorrupt, ErrSignature)
	}
	if err := json.Unmarshal(payload, m); err != nil {
		return corrupt("open manifest", err)
	}
	return nil
}
