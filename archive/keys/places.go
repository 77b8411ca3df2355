package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/record"
)

// maxKeyObject bounds the objects of the keys places, in bytes.
const maxKeyObject = 1 << 20

// Places is where keys live: one store, or several that mirror each other.
type Places []blob.Store

// put stores an object in every place. Where one of them has the name already
// with the same bytes, the call is a repetition and succeeds.
func (p Places) put(ctx context.Context, name string, data []byte) error {
	if len(p) == 0 {
		return errors.New("no keys place is configured")
	}
	for i, s := range p {
		_, err := s.Put(ctx, name, bytes.NewReader(data), int64(len(data)))
		if errors.Is(err, blob.ErrExist) {
			old, rerr := blob.ReadAll(ctx, s, name, maxKeyObject)
			if rerr != nil {
				return fmt.Errorf("keys place %d: %w", i+1, rerr)
			}
			if bytes.Equal(old, data) {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
	}
	return nil
}

// fill stores an object in every place that has none under its name.
func (p Places) fill(ctx context.Context, name string, data []byte) error {
	for i, s := range p {
		_, err := s.Put(ctx, name, bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, blob.ErrExist) {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
	}
	return nil
}

// get reads an object from the first place that has it.
func (p Places) get(ctx context.Context, name string) ([]byte, error) {
	err := error(blob.ErrNotExist)
	for i, s := range p {
		var b []byte
		if b, err = blob.ReadAll(ctx, s, name, maxKeyObject); err == nil {
			return b, nil
		}
		if !errors.Is(err, blob.ErrNotExist) {
			return nil, fmt.Errorf("keys place %d: %w", i+1, err)
		}
	}
	return nil, err
}

// replace stores an object in every place, over what is there.
func (p Places) replace(ctx context.Context, name string, data []byte) error {
	if len(p) == 0 {
		return errors.New("no keys place is configured")
	}
	for i, s := range p {
		old, err := blob.ReadAll(ctx, s, name, maxKeyObject)
		switch {
		case errors.Is(err, blob.ErrNotExist):
			_, err = s.Put(ctx, name, bytes.NewReader(data), int64(len(data)))
		case err == nil:
			err = s.Swap(ctx, name, old, data)
		}
		if err != nil {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
	}
	return nil
}

// has reports whether any place still has the object.
func (p Places) has(ctx context.Context, name string) (bool, error) {
	for i, s := range p {
		_, err := s.Stat(ctx, name)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, blob.ErrNotExist) {
			return false, fmt.Errorf("keys place %d: %w", i+1, err)
		}
	}
	return false, nil
}

// destroy removes an object from every place and looks that it is gone.
func (p Places) destroy(ctx context.Context, name string) error {
	for i, s := range p {
		if err := s.Delete(ctx, name); err != nil {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
		if _, err := s.Stat(ctx, name); !errors.Is(err, blob.ErrNotExist) {
			return fmt.Errorf("keys place %d: %s is still there after its removal", i+1, name)
		}
	}
	return nil
}

// SealFor encrypts to a recipient in age's text form, of any kind.
// record.ErrInvalid when it is none.
func SealFor(recipient string, data []byte) ([]byte, error) {
	to, err := age.ParseRecipients(strings.NewReader(recipient))
	if err != nil {
		return nil, fmt.Errorf("age recipient: %w", record.ErrInvalid)
	}
	return Seal(data, to...)
}

// Seal encrypts data that fits in memory to the recipients.
func Seal(data []byte, to ...age.Recipient) ([]byte, error) {
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Open decrypts a whole age file that fits in memory.
func Open(data []byte, by ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(data), by...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
