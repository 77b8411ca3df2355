package search

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2/index/scorch"
	hooks "github.com/blevesearch/bleve_index_api"

	"chartvault/record"
)

// The engine's hooks are variables of the process, so what they look keys up
// in has to be one too: the only state of this program that is.
var sealer = sync.OnceValue(func() *sealing {
	s := &sealing{keys: map[string][]byte{}, dirs: map[string]string{}, watching: watching{engines: map[string]*engine{}}}
	hooks.WriterHook, hooks.ReaderHook = s.writer, s.reader
	scorch.RegistryAsyncErrorCallbacks[asyncName] = s.watching.failed
	return s
})

// sealing holds the keys of the indexes that are open. A file's id is
// FINGERPRINT.SALT: the key it is sealed under, and what its own key is derived
// with, so that no key seals more pieces than random nonces allow. Files that
// the engine writes in place have no salt, because it names one id for what it
// wrote at different times.
type sealing struct {
	mu   sync.RWMutex
	keys map[string][]byte // by fingerprint
	dirs map[string]string // fingerprint of the key that new files below a directory get

	watching watching
}

// fingerprint names a key without telling it.
func fingerprint(key []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("chartvault index key fingerprint"))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// know lets files under key be read.
func (s *sealing) know(key []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := fingerprint(key)
	s.keys[f] = key
	return f
}

// use has new files below dir sealed under a key that is known.
func (s *sealing) use(dir, f string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs[dir] = f
}

// forget drops a key from memory.
func (s *sealing) forget(f string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, f)
}

// leave ends the writing below dir.
func (s *sealing) leave(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dirs, dir)
}

// writer is the engine's writer hook. A file whose directory no open index owns
// is refused: nothing is ever written in clear.
func (s *sealing) writer(path []byte) (string, func([]byte) []byte, error) {
	dir := filepath.Dir(string(path))
	s.mu.RLock()
	f, ok := s.dirs[dir]
	for !ok && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		f, ok = s.dirs[dir]
	}
	s.mu.RUnlock()
	if !ok {
		return "", nil, fmt.Errorf("seal index: no key for a new file: %w", record.ErrSealed)
	}
	id := f + "."
	if filepath.Ext(string(path)) == ".zap" {
		salt := make([]byte, 16)
		rand.Read(salt) // never fails
		id += hex.EncodeToString(salt)
	}
	aead, err := s.cipher(id)
	if err != nil {
		return "", nil, err
	}
	return id, func(data []byte) []byte { return aead.Seal(nil, nil, data, nil) }, nil
}

// reader is the engine's reader hook. Without an id it is asked for what is in
// memory only.
func (s *sealing) reader(id string, _ []byte) (func([]byte) ([]byte, error), error) {
	if id == "" {
		return func(data []byte) ([]byte, error) { return data, nil }, nil
	}
	aead, err := s.cipher(id)
	if err != nil {
		return nil, err
	}
	return func(data []byte) ([]byte, error) {
		out, err := aead.Open(nil, nil, data, nil)
		if err != nil {
			return nil, fmt.Errorf("open index: %w", record.ErrCorrupt)
		}
		return out, nil
	}, nil
}

func (s *sealing) cipher(id string) (cipher.AEAD, error) {
	f, salt, _ := strings.Cut(id, ".")
	s.mu.RLock()
	key := s.keys[f]
	s.mu.RUnlock()
	if key == nil {
		return nil, fmt.Errorf("open index: a file is sealed under a key that is gone: %w", record.ErrCorrupt)
	}
	own, err := hkdf.Key(sha256.New, key, []byte(salt), "chartvault index file", 32)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
