package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"filippo.io/age"
	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"chartvault/record"
)

// A share's text is "cvshare1-", and in base32 without padding: need and of (a
// byte each), the set's 8 random bytes, the share's number (1 to of), its
// scalar (32 bytes), need Feldman commitments (32 bytes each), the identity
// sealed under the shared secret, and the first 4 bytes of a SHA-256 over all
// that. White space and case do not matter, so that it can be typed.
const (
	sharePrefix = "cvshare1-"
	scalarSize  = 32
	shareCheck  = 4
	shareHead   = 2 + 8 + 1
	maxShares   = 16
)

// Share is one part of a split recovery identity. By itself it says nothing.
type Share struct {
	Need, Of, Number int
	Set              [8]byte
	text             string
	share            secretsharing.Share
	commitment       secretsharing.SecretCommitment
	sealed           []byte
}

// Format keeps a Share from printing what it holds.
func (s Share) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[share %d of %d]", s.Number, s.Of) }

// Text is the share as it is printed and typed.
func (s Share) Text() string { return s.text }

// Split splits an identity's line so that need shares of of open it again, and
// fewer tell nothing (Shamir over Ristretto255, with Feldman commitments, by
// which each holder can see that a share is whole).
func Split(identity string, need, of int) ([]Share, error) {
	if need < 2 || of < need || of > maxShares {
		return nil, fmt.Errorf("split identity: %w: want 2 to %d shares, and no more needed than there are", record.ErrInvalid, maxShares)
	}
	ids, err := age.ParseIdentities(strings.NewReader(identity))
	if err != nil || len(ids) != 1 {
		return nil, fmt.Errorf("split identity: %w: not one age identity", record.ErrInvalid)
	}
	secret := group.Ristretto255.RandomNonZeroScalar(rand.Reader)
	aead, err := shareKey(secret)
	if err != nil {
		return nil, fmt.Errorf("split identity: %w", err)
	}
	head := make([]byte, 2+8)
	head[0], head[1] = byte(need), byte(of)
	rand.Read(head[2:]) // never fails
	sealed := aead.Seal(nil, nil, []byte(bareIdentity(identity)), head)
	ss := secretsharing.New(rand.Reader, uint(need-1), secret)
	var commitments []byte
	for _, c := range ss.CommitSecret() {
		b, err := c.MarshalBinaryCompress()
		if err != nil {
			return nil, fmt.Errorf("split identity: %w", err)
		}
		commitments = append(commitments, b...)
	}
	var out []Share
	for i, sh := range ss.Share(uint(of)) {
		v, err := sh.Value.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("split identity: %w", err)
		}
		raw := bytes.Join([][]byte{head, {byte(i + 1)}, v, commitments, sealed}, nil)
		sum := sha256.Sum256(raw)
		s, err := ParseShare(sharePrefix + letters().EncodeToString(append(raw, sum[:shareCheck]...)))
		if err != nil {
			return nil, fmt.Errorf("split identity: %w", err)
		}
		out = append(out, s)
	}
	return out, nil
}

// bareIdentity is an identity file without its comments.
func bareIdentity(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

func letters() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// ParseShare reads a share's text and checks that it is whole: its checksum,
// and that its number lies on the curve its commitments describe.
func ParseShare(text string) (Share, error) {
	bad := func(why string) (Share, error) {
		return Share{}, fmt.Errorf("share: %w: %s", record.ErrInvalid, why)
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	body, ok := strings.CutPrefix(text, sharePrefix)
	if !ok {
		return bad("it does not begin with " + sharePrefix)
	}
	raw, err := letters().DecodeString(body)
	if err != nil || len(raw) < shareHead+scalarSize+shareCheck || letters().EncodeToString(raw) != body {
		return bad("it is cut, or has a character no share has")
	}
	raw, check := raw[:len(raw)-shareCheck], raw[len(raw)-shareCheck:]
	if sum := sha256.Sum256(raw); !bytes.Equal(check, sum[:shareCheck]) {
		return bad("its checksum is wrong: look for a mistyped character")
	}
	s := Share{Need: int(raw[0]), Of: int(raw[1]), Number: int(raw[10]), text: text}
	copy(s.Set[:], raw[2:10])
	rest := raw[shareHead:]
	if s.Need < 2 || s.Of < s.Need || s.Number < 1 || s.Number > s.Of || len(rest) < scalarSize*(1+s.Need) {
		return bad("it contradicts itself")
	}
	g := group.Ristretto255
	s.share = secretsharing.Share{ID: g.NewScalar().SetUint64(uint64(s.Number)), Value: g.NewScalar()}
	if err := s.share.Value.UnmarshalBinary(rest[:scalarSize]); err != nil {
		return bad("its number is none")
	}
	rest = rest[scalarSize:]
	for range s.Need {
		e := g.NewElement()
		if err := e.UnmarshalBinary(rest[:scalarSize]); err != nil {
			return bad("a commitment is none")
		}
		s.commitment, rest = append(s.commitment, e), rest[scalarSize:]
	}
	s.sealed = rest
	if !secretsharing.Verify(uint(s.Need-1), s.share, s.commitment) {
		return bad("it is not on the curve its set was made with")
	}
	return s, nil
}

// Combine opens a split identity from enough of its shares, and returns its
// line.
func Combine(shares []Share) (string, error) {
	if len(shares) == 0 {
		return "", fmt.Errorf("combine shares: %w: none was given", record.ErrInvalid)
	}
	first := shares[0]
	seen := map[int]bool{}
	var parts []secretsharing.Share
	for _, s := range shares {
		if s.Set != first.Set || s.Need != first.Need || !bytes.Equal(s.sealed, first.sealed) {
			return "", fmt.Errorf("combine shares: %w: share %d is of another set", record.ErrInvalid, s.Number)
		}
		if !seen[s.Number] {
			seen[s.Number] = true
			parts = append(parts, s.share)
		}
	}
	if len(parts) < first.Need {
		return "", fmt.Errorf("combine shares: %w: %d different shares were given, %d are needed", record.ErrInvalid, len(parts), first.Need)
	}
	secret, err := secretsharing.Recover(uint(first.Need-1), parts)
	if err != nil {
		return "", fmt.Errorf("combine shares: %w: %w", record.ErrInvalid, err)
	}
	aead, err := shareKey(secret)
	if err != nil {
		return "", fmt.Errorf("combine shares: %w", err)
	}
	head := append([]byte{byte(first.Need), byte(first.Of)}, first.Set[:]...)
	line, err := aead.Open(nil, nil, first.sealed, head)
	if err != nil {
		return "", fmt.Errorf("combine shares: %w: they do not open their set", record.ErrCorrupt)
	}
	return string(line), nil
}

// shareKey is the cipher the identity is sealed with under a set's secret,
// which is used once: the nonce is random and travels in front.
func shareKey(secret group.Scalar) (cipher.AEAD, error) {
	b, err := secret.MarshalBinary()
	if err != nil {
		return nil, err
	}
	key, err := Derive(b, "recovery shares")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
