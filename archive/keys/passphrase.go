package keys

import (
	"fmt"

	"filippo.io/age"

	"chartvault/record"
)

// SealPassphrase encrypts to a passphrase (scrypt). workFactor is log2 of its
// cost; 0 for age's default.
func SealPassphrase(data []byte, passphrase string, workFactor int) ([]byte, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("seal under a passphrase: %w: %w", record.ErrPassphrase, err)
	}
	if workFactor != 0 {
		r.SetWorkFactor(workFactor)
	}
	return Seal(data, r)
}

// OpenPassphrase is the inverse of SealPassphrase. record.ErrPassphrase when
// the passphrase is wrong.
func OpenPassphrase(data []byte, passphrase string) ([]byte, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("open under a passphrase: %w: %w", record.ErrPassphrase, err)
	}
	id.SetMaxWorkFactor(22)
	b, err := Open(data, id)
	if err != nil {
		return nil, fmt.Errorf("open under a passphrase: %w", record.ErrPassphrase)
	}
	return b, nil
}
