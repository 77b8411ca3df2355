package record

import (
	"errors"
	"fmt"
	"log/slog"
)

// redacted is what a private value prints as, everywhere.
const redacted = "[redacted]"

// errPrivate is returned when something tries to serialise a private value
// without revealing it on purpose.
var errPrivate = errors.New("private value: reveal it explicitly to store it")

// Private is text that may identify a patient: a name, words of a page, a file
// name chosen by a person. The text sits behind a pointer because fmt prints
// the fields of unexported struct members without asking their methods; a
// pointer it does not follow.
type Private struct{ text *string }

// NewPrivate wraps s.
func NewPrivate(s string) Private { return Private{text: &s} }

// Reveal returns the text, or "" for the zero value.
func (p Private) Reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// IsZero reports whether there is no text.
func (p Private) IsZero() bool { return p.Reveal() == "" }

// Format implements fmt.Formatter for every verb.
func (p Private) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements slog.LogValuer.
func (p Private) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses, so that no encoder writes the text by accident.
func (p Private) MarshalText() ([]byte, error) { return nil, errPrivate }
