// Package search is the sealed full-text index: every word of every page,
// findable, and no word readable on disk.
//
// Its invariant: whatever it writes is encrypted before it is written, under a
// key that lives in the keys places only, or is not written at all; and what is
// removed leaves no trace once Rotate has rewritten everything under a new key
// and destroyed the old one. The index is a cache: it is never backed up, and is
// rebuilt from the manifests. It knows nothing that they do not say.
//
// Stored form: index/store, a bleve index (scorch segments and their root.bolt)
// whose writer and reader hooks seal each piece with AES-256-GCM. A file begins
// with the fingerprint of its key and a salt from which the file's own key is
// derived (sealed.go). What lies in the clear: the sizes of pieces, and counts.
// index/state.json names the key in force and those that await destruction.
// docs/design.md says why bleve.
//
// A page is one entry, DOCUMENT/PAGE, with three searched fields: body, the folded
// words in their order; pair, into which buckets its pairs of neighbouring words
// fall; and is, what the page is (a document's, a chart's, of a type, of a day).
// One more is kept for excerpts: text, the words as read.
package search
