package ocr

import (
	"errors"
	"fmt"
)

// Why says in one word why a file or page cannot be read. People are told in
// more.
type Why string

// Reasons.
const (
	WhyDamaged  Why = "damaged"  // it begins like a scan and does not go on like one
	WhyPassword Why = "password" // it is encrypted, and none of the site's passwords opens it
	WhyForeign  Why = "foreign"  // it is of no format that is read
	WhyLimit    Why = "limit"    // it is larger than is safe to decode
	WhyCrashed  Why = "crashed"  // reading it crashed the reading process, twice
	WhyStuck    Why = "stuck"    // reading it did not end in time
)

// Special cases of ErrFormat.
var (
	ErrPassword = fmt.Errorf("%w: it needs a password", ErrFormat)
	ErrForeign  = fmt.Errorf("%w: neither TIFF, PDF, JPEG, JPEG 2000 nor PNG", ErrFormat)
	ErrLimit    = fmt.Errorf("%w: over the limit of what is decoded", ErrFormat)
)

// Reason returns why a reader's error says that something cannot be read; ""
// for an error that says nothing of the kind.
func Reason(err error) Why {
	for _, r := range []struct {
		err error
		why Why
	}{{ErrPassword, WhyPassword}, {ErrForeign, WhyForeign}, {ErrLimit, WhyLimit}, {ErrFormat, WhyDamaged}, {ErrTimeout, WhyStuck}, {ErrCrashed, WhyCrashed}, {ErrOutput, WhyCrashed}} {
		if errors.Is(err, r.err) {
			return r.why
		}
	}
	return ""
}

// sentinel is the error a reason stands for.
func (w Why) sentinel() error {
	switch w {
	case WhyPassword:
		return ErrPassword
	case WhyForeign:
		return ErrForeign
	case WhyLimit:
		return ErrLimit
	}
	return ErrFormat
}
