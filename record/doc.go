// Package record holds the nouns of Chartvault: identifiers, chart numbers,
// civil dates, batches, documents, pages, holds and actors, and the sentinel
// errors the other packages wrap.
//
// It does no I/O and imports the standard library only. Its invariant is that
// a value that could name a patient never prints itself: ChartNumber and
// Private keep their text behind a pointer, format as "[redacted]" under every
// fmt verb and both slog handlers, and refuse to be marshalled. Code that must
// have the text says so by calling Reveal, which makes every such place easy
// to find.
//
// Stored forms: an ID is 26 characters of lower-case base32 without padding;
// a Date is "2006", "2006-01" or "2006-01-02". Enumerations are stored as the
// strings below; strings are added, never renamed.
package record
