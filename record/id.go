package record

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ID names a batch, a document, a plan or a hold: 128 random bits. It is never
// derived from content or from a person, so it may stand in object names,
// URLs and logs.
type ID [16]byte

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// idLen is the length of an ID's text: 128 bits at 5 bits a character.
const idLen = 26

func idEncoding() *base32.Encoding {
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)
}

// NewID draws an ID from rand. It fails only when rand does.
func NewID(rand io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return ID{}, fmt.Errorf("draw id: %w", err)
	}
	return id, nil
}

// ParseID reads the text form of an ID. Only the canonical form is accepted,
// so that one ID has exactly one object name.
func ParseID(s string) (ID, error) {
	if len(s) != idLen {
		return ID{}, fmt.Errorf("parse id: %d characters, want %d", len(s), idLen)
	}
	b, err := idEncoding().DecodeString(s)
	if err != nil {
		return ID{}, errors.New("parse id: not lower-case base32")
	}
	var id ID
	copy(id[:], b)
	if id.String() != s {
		return ID{}, errors.New("parse id: not in canonical form")
	}
	return id, nil
}

// String returns the 26-character text form.
func (id ID) String() string { return idEncoding().EncodeToString(id[:]) }

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the text form; the zero ID is the empty string.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText is the inverse of MarshalText.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	v, err := ParseID(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	*id = v
	return nil
}
