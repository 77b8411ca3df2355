package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"chartvault/internal/durable"
	"chartvault/record"
)

// Station holds the signing keys of one installation: what it deposits and
// the checkpoints it makes carry its signature. The seed lies in a file of its
// own (0600, hex) and never leaves the machine; like an SSH host key it signs,
// and opens nothing.
type Station struct {
	manifest   ed25519.PrivateKey
	checkpoint ed25519.PrivateKey
	local      []byte
}

// OpenStation reads the seed in file, making one when the file is absent.
func OpenStation(file string) (*Station, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		b = []byte(hex.EncodeToString(random()) + "\n")
		_, err = durable.Create(file, bytes.NewReader(b), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("open station key: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != 32 {
		return nil, fmt.Errorf("open station key: %w: want 64 hex digits", record.ErrCorrupt)
	}
	var derived [3][]byte
	for i, purpose := range []string{"manifest signature", "checkpoint signature", "local files"} {
		if derived[i], err = Derive(seed, purpose); err != nil {
			return nil, fmt.Errorf("open station key: %w", err)
		}
	}
	return &Station{
		manifest:   ed25519.NewKeyFromSeed(derived[0]),
		checkpoint: ed25519.NewKeyFromSeed(derived[1]),
		local:      derived[2],
	}, nil
}

// Format keeps a Station from printing what it holds.
func (s *Station) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[station]") }

// ID names the station's signing key.
func (s *Station) ID() string { return SignerID(s.Public()) }

// Public is the key manifests are verified with.
func (s *Station) Public() ed25519.PublicKey { return s.manifest.Public().(ed25519.PublicKey) }

// Sign signs a manifest.
func (s *Station) Sign(message []byte) []byte { return ed25519.Sign(s.manifest, message) }

// LocalKey returns the 32-byte key of the machine's own database file. It
// guards a copy of that file; who has the whole data directory has it too.
func (s *Station) LocalKey() []byte { return s.local }

// CheckpointSeed is the seed of the key that signs the audit log's checkpoints.
func (s *Station) CheckpointSeed() []byte { return s.checkpoint.Seed() }

// NoteSigner returns the signer of audit checkpoints under the log's name, of a
// seed.
func NoteSigner(name string, seed []byte) (note.Signer, error) {
	// The format is note's own: PRIVATE+KEY+name+hash+base64(alg, seed).
	vkey, err := NoteVerifier(name, seed)
	if err != nil {
		return nil, fmt.Errorf("checkpoint signer: %w", err)
	}
	hash := strings.SplitN(vkey, "+", 3)[1]
	const algEd25519 = 1
	key := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed...))
	return note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + key)
}

// NoteVerifier returns the verifier key of audit checkpoints in note's text
// form; it may be published.
func NoteVerifier(name string, seed []byte) (string, error) {
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}
