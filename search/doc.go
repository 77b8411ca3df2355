// Package search is the sealed full-text index: every word of every page,
// findable, and no word readable on disk.
//
// Its invariant: each file it writes is encrypted under a shard key that lives
// in the keys places only, and what is removed leaves no trace once Rotate has
// rewritten the shard under a new key and destroyed the old one. The index is a
// cache; it is never backed up and is rebuilt from the manifests.
//
// Stored form: index/main-NNNNNN.db, a SQLite database with FTS5 (tokenizer
// unicode61, diacritics folded) under the Adiantum VFS of ncruces/go-sqlite3,
// with secure-delete on. The highest number is the live one. docs/design.md says why
// FTS5 and when that should change.
package search
