package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"

	"chartvault/record"
)

// Sizes of an age file's payload, in bytes (age-encryption.org/v1, "Payload").
const (
	tagSize     = chacha20poly1305.Overhead // behind each chunk
	chunkSize   = 64 << 10                  // of plaintext; only the last chunk is shorter
	sealedChunk = chunkSize + tagSize       // as it lies in the file
	nonceSize   = 16                        // between header and payload
)

// errPayload is a payload that is not what was sealed.
var errPayload = fmt.Errorf("%w: a chunk is not authentic", record.ErrCorrupt)

// payload is the cipher of an age file's payload: ChaCha20-Poly1305 with the
// number of the chunk for a nonce, and a mark in the nonce of the last chunk.
// The age library makes and reads headers; the payload is done here because the
// library's does one chunk after the other, and chunks have nothing to do with
// each other.
type payload struct{ aead cipher.AEAD }

func newPayload(fileKey, nonce []byte) (payload, error) {
	key, err := hkdf.Key(sha256.New, fileKey, nonce, "payload", chacha20poly1305.KeySize)
	if err != nil {
		return payload{}, err
	}
	aead, err := chacha20poly1305.New(key)
	return payload{aead}, err
}

// chunksIn is how many chunks n bytes of a payload are, the last one cut or not.
func chunksIn(n int64) int64 { return (n + sealedChunk - 1) / sealedChunk }

func chunkNonce(n uint64, last bool) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSize)
	binary.BigEndian.PutUint64(nonce[3:], n)
	if last {
		nonce[len(nonce)-1] = 1
	}
	return nonce
}

// seal encrypts the chunks that lie in b in their sealed size, the last 16 bytes
// of each still free. first is the number of the first of them; end tells that
// the last of them ends the file.
func (p payload) seal(b []byte, first uint64, end bool) {
	for n := first; len(b) > 0; n++ {
		size := min(len(b), sealedChunk)
		plain := b[:size-tagSize]
		p.aead.Seal(plain[:0], chunkNonce(n, end && size == len(b)), plain, nil)
		b = b[size:]
	}
}

// open appends what the sealed chunks in b hold to dst.
func (p payload) open(dst, b []byte, first uint64, end bool) ([]byte, error) {
	if len(b) == 0 {
		return nil, errPayload // an empty file has an empty chunk
	}
	dst = slices.Grow(dst, max(0, len(b)-int(chunksIn(int64(len(b))))*tagSize))
	for n := first; len(b) > 0; n++ {
		size := min(len(b), sealedChunk)
		last := end && size == len(b)
		// A file of whole chunks has no empty one behind them.
		if last && n > 0 && size == tagSize {
			return nil, errPayload
		}
		var err error
		if dst, err = p.aead.Open(dst, chunkNonce(n, last), b[:size], nil); err != nil {
			return nil, errPayload
		}
		b = b[size:]
	}
	return dst, nil
}

// keeper is a recipient that keeps the key of the file it is asked to wrap.
type keeper struct {
	to      age.Recipient
	fileKey []byte
}

// Wrap implements age.Recipient.
func (k *keeper) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	s, _, err := k.WrapWithLabels(fileKey)
	return s, err
}

// WrapWithLabels implements age.RecipientWithLabels, which post-quantum
// recipients are.
func (k *keeper) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	k.fileKey = bytes.Clone(fileKey)
	if r, ok := k.to.(age.RecipientWithLabels); ok {
		return r.WrapWithLabels(fileKey)
	}
	s, err := k.to.Wrap(fileKey)
	return s, nil, err
}

// newHeader returns what an age file to a recipient begins with, header and
// nonce, and the cipher of its payload.
func newHeader(to age.Recipient) ([]byte, payload, error) {
	k := &keeper{to: to}
	var head bytes.Buffer
	// What is returned writes a payload; it is dropped, so nothing more is written.
	if _, err := age.Encrypt(&head, k); err != nil {
		return nil, payload{}, err
	}
	if head.Len() > HeadSize {
		return nil, payload{}, fmt.Errorf("header and nonce take %d bytes, of at most %d", head.Len(), HeadSize)
	}
	p, err := newPayload(k.fileKey, head.Bytes()[head.Len()-nonceSize:])
	return head.Bytes(), p, err
}

// openHeader returns how long header and nonce of an age file are, in bytes, and
// the cipher of its payload. b is the beginning of the file.
func openHeader(b []byte, by age.Identity) (int, payload, error) {
	header, err := age.ExtractHeader(bytes.NewReader(b))
	if err != nil {
		return 0, payload{}, err
	}
	n := len(header) + nonceSize
	if n > len(b) || !bytes.HasPrefix(b, header) {
		return 0, payload{}, fmt.Errorf("no header and nonce in %d bytes", len(b))
	}
	fileKey, err := age.DecryptHeader(header, by)
	if err != nil {
		return 0, payload{}, err
	}
	p, err := newPayload(fileKey, b[n-nonceSize:n])
	return n, p, err
}
