package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"chartvault/internal/durable"
	"chartvault/record"
)

// algCosignature is the key type of C2SP tlog-cosignature version 1.
const algCosignature = 4

// Cosigner signs heads as a C2SP witness does: Ed25519 over a time and the
// head's text.
type Cosigner struct {
	name string
	key  ed25519.PrivateKey
	now  func() time.Time
}

// NewCosigner returns a cosigner with the key made from a 32-byte seed.
func NewCosigner(name string, seed []byte, now func() time.Time) *Cosigner {
	return &Cosigner{name, ed25519.NewKeyFromSeed(seed), now}
}

func cosignHash(name string, pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), algCosignature), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// VerifierKey is the cosigner's public key in note's text form.
func (c *Cosigner) VerifierKey() string {
	pub := c.key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%08x+%s", c.name, cosignHash(c.name, pub), base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, pub...)))
}

// Name implements note.Signer.
func (c *Cosigner) Name() string { return c.name }

// KeyHash implements note.Signer.
func (c *Cosigner) KeyHash() uint32 { return cosignHash(c.name, c.key.Public().(ed25519.PublicKey)) }

// Sign implements note.Signer.
func (c *Cosigner) Sign(text []byte) ([]byte, error) {
	at := c.now().Unix()
	return append(binary.BigEndian.AppendUint64(nil, uint64(at)), ed25519.Sign(c.key, cosigned(at, text))...), nil
}

func cosigned(at int64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// cosignatures verifies a witness's signatures.
type cosignatures struct {
	name string
	pub  ed25519.PublicKey
}

// NewCosignatureVerifier reads a witness's public key in note's text form.
func NewCosignatureVerifier(vkey string) (note.Verifier, error) {
	name, rest, ok := strings.Cut(strings.TrimSpace(vkey), "+")
	hash, key, ok2 := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.DecodeString(key)
	if !ok || !ok2 || err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != algCosignature || hash != fmt.Sprintf("%08x", cosignHash(name, b[1:])) {
		return nil, fmt.Errorf("witness's public key: %w: want NAME+HASH+KEY of a cosignature key", record.ErrInvalid)
	}
	return cosignatures{name, b[1:]}, nil
}

func (c cosignatures) Name() string    { return c.name }
func (c cosignatures) KeyHash() uint32 { return cosignHash(c.name, c.pub) }
func (c cosignatures) Verify(text, sig []byte) bool {
	return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(c.pub, cosigned(int64(binary.BigEndian.Uint64(sig)), text), sig[8:])
}

// HTTPWitness is a C2SP tlog-witness reached over HTTP. The newest head it
// cosigned is kept in File, so that it can be shown to others.
type HTTPWitness struct {
	URL      string // prefix; "/add-checkpoint" is added
	Log      note.Verifier
	Verifier note.Verifier
	File     string
	Client   *http.Client
}

// Name implements Witness.
func (w HTTPWitness) Name() string { return w.Verifier.Name() }

// Seen implements Witness: what it cosigned last, as far as this machine
// knows. After a restore that may be less than the witness knows; Show finds
// out.
func (w HTTPWitness) Seen(context.Context) (Checkpoint, error) {
	b, err := os.ReadFile(w.File)
	if errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	if _, err := note.Open(b, note.VerifierList(w.Log, w.Verifier)); err != nil {
		return Checkpoint{}, nil // damaged; the witness says again what it has
	}
	return ParseCheckpoint(b)
}

// Far says that what Seen returns is this machine's memory of the witness.
func (w HTTPWitness) Far() {}

// maxAnswer bounds a witness's answer, in bytes.
const maxAnswer = 64 << 10

// Show implements Witness.
func (w HTTPWitness) Show(ctx context.Context, old Checkpoint, proof tlog.TreeProof, cp Checkpoint) error {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old.Size)
	for _, h := range proof {
		fmt.Fprintf(&body, "%s\n", h)
	}
	body.WriteByte('\n')
	body.Write(cp.Note)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/add-checkpoint", &body)
	if err != nil {
		return err
	}
	resp, err := w.Client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	defer resp.Body.Close() // read to its end or given up
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusConflict:
		has, perr := strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
		if perr != nil {
			return fmt.Errorf("%w: it refused the head", ErrForked)
		}
		return &conflict{has}
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it refused the proof", ErrForked)
	default:
		return fmt.Errorf("%w: it answered %s", ErrAbsent, resp.Status)
	}
	both := append(bytes.Clone(cp.Note), answer...)
	n, err := note.Open(both, note.VerifierList(w.Verifier))
	if err != nil || len(n.Sigs) == 0 {
		return fmt.Errorf("%w: its answer is not its signature over this head", ErrAbsent)
	}
	_, err = durable.Replace(w.File, bytes.NewReader(both), 0o600)
	return err
}

// conflict is a witness's answer that it has a head of another size.
type conflict struct{ size int64 }

func (c *conflict) Error() string {
	return fmt.Sprintf("the witness has a head over %d entries", c.size)
}

// WitnessServer is a witness for one log: a handler of C2SP tlog-witness. The
// newest head lies in File.
type WitnessServer struct {
	Log    note.Verifier
	Signer *Cosigner
	File   string

	mu sync.Mutex
}

// ServeHTTP answers POST /add-checkpoint.
func (s *WitnessServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/add-checkpoint") {
		http.NotFound(w, r)
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	status, answer := s.add(b)
	if status == http.StatusConflict {
		w.Header().Set("Content-Type", "text/x.tlog.size")
	}
	w.WriteHeader(status)
	w.Write(answer) // the client asks again when it got none
}

func (s *WitnessServer) add(body []byte) (status int, answer []byte) {
	head, msg, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	var old int64
	if _, err := fmt.Sscanf(lines[0], "old %d", &old); !ok || err != nil || old < 0 {
		return http.StatusBadRequest, []byte("want old, proof and checkpoint\n")
	}
	var proof tlog.TreeProof
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return http.StatusBadRequest, []byte("a proof line is no hash\n")
		}
		proof = append(proof, h)
	}
	cp, err := ParseCheckpoint(msg)
	if err != nil {
		return http.StatusBadRequest, []byte("the checkpoint is none\n")
	}
	if _, err := note.Open(msg, note.VerifierList(s.Log)); err != nil {
		return http.StatusForbidden, []byte("the checkpoint is not signed by the log this witness knows\n")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, err := s.seen()
	switch {
	case err != nil:
		return http.StatusInternalServerError, []byte("the witness cannot read its own state\n")
	case old != seen.Size || cp.Size < seen.Size:
		return http.StatusConflict, fmt.Appendf(nil, "%d\n", seen.Size)
	case cp.Size == seen.Size && seen.Size > 0 && cp.Root != seen.Root:
		return http.StatusConflict, []byte("another root\n")
	case old > 0 && old < cp.Size:
		if err := tlog.CheckTree(proof, cp.Size, cp.Root, seen.Size, seen.Root); err != nil {
			return http.StatusUnprocessableEntity, []byte("the proof does not hold\n")
		}
	}
	n, err := note.Open(msg, note.VerifierList(s.Log))
	if err != nil {
		return http.StatusForbidden, nil
	}
	both, err := note.Sign(n, s.Signer)
	if err != nil {
		return http.StatusInternalServerError, []byte("the witness cannot sign\n")
	}
	if _, err := durable.Replace(s.File, bytes.NewReader(both), 0o600); err != nil {
		return http.StatusInternalServerError, []byte("the witness cannot write its state\n")
	}
	_, sigs, _ := bytes.Cut(both, []byte("\n\n"))
	for line := range bytes.Lines(sigs) {
		if bytes.HasPrefix(line, []byte("— "+s.Signer.Name()+" ")) {
			answer = append(answer, line...)
		}
	}
	return http.StatusOK, answer
}

// seen is the newest head this witness cosigned.
func (s *WitnessServer) seen() (Checkpoint, error) {
	b, err := os.ReadFile(s.File)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(s.File)); err != nil {
			return Checkpoint{}, err
		}
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return ParseCheckpoint(b)
}
