// Package catalog keeps the rows of the archive: batches, documents, charts
// and the registers of holds, approvers, plans and certificates. It is a cache
// that can be rebuilt from the documents store and the vault identity.
//
// Its invariant: no row holds a readable word about a patient. What is looked
// up exactly is a keyed token, what must be shown is sealed: chart rows and
// registers under the catalogue key, document rows under a key derived from
// the document's own identity, so that a backup of the database turns to noise
// with it. In clear are opaque ids, type codes, dates of service, states,
// counts and times; docs/threats.md names this leakage. The same schema and the
// same code serve SQLite and PostgreSQL; the subpackages open them.
//
// Several servers may have one catalogue open where its engine has Members. Then it
// also holds what they agree by: who is on, whose turn it is, what changed (Signal),
// who does which job, and the order of the audit log, whose lines it does not
// read. What a server writes that was struck off the database refuses.
//
// Stored form: the tables of schema.go. Times are milliseconds since 1970 UTC,
// 0 for none. Sealed columns are AES-256-GCM with a random nonce in front and
// the row's place as additional data. Migrations only go forward, each in one
// transaction.
package catalog
