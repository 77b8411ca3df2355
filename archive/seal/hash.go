package seal

import (
	"crypto/sha256"
	"hash"

	"github.com/zeebo/blake3"
)

// meter counts and hashes a sealed object.
type meter struct {
	n    int64
	head []byte
	hash hash.Hash
	old  bool
}

// newMeter returns a meter for an object to be stored.
func newMeter() *meter { return &meter{hash: blake3.New()} }

// newMeterLike returns a meter that hashes as whoever stored an object did.
func newMeterLike(s Sums) *meter {
	if len(s.BLAKE3) == 0 {
		return &meter{hash: sha256.New(), old: true}
	}
	return newMeter()
}

func (m *meter) write(b []byte) {
	m.n += int64(len(b))
	if room := HeadSize - len(m.head); room > 0 {
		m.head = append(m.head, b[:min(len(b), room)]...)
	}
	m.hash.Write(b) // never fails
}

// sums is what the bytes were, plain of which were sealed.
func (m *meter) sums(plain int64) Sums {
	head := sha256.Sum256(m.head)
	s := Sums{Size: m.n, PlainSize: plain, Head: head[:]}
	if m.old {
		s.SHA256 = m.hash.Sum(nil)
	} else {
		s.BLAKE3 = m.hash.Sum(nil)
	}
	return s
}
