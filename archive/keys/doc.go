// Package keys owns every secret of the archive: the vault identity, the
// identities of single documents and batches, and the symmetric keys derived
// for tokens, rows and index shards.
//
// Its invariant: a document's identity exists in one form only, the small
// object k/ID.age, encrypted to the vault. Destroying that object in every
// configured place makes each copy of the document, anywhere, unreadable for
// ever, to the holder of the vault identity too. A key therefore counts as
// stored, and as destroyed, only when every place says so.
//
// Stored form, in each keys place (age files, hybrid ML-KEM-768 + X25519
// unless said otherwise):
//
//	site.json           public facts: Site, in clear
//	vault.age           the vault identity, under the passphrase (scrypt)
//	vault-recovery.age  the vault identity, under the recovery identities
//	secrets.age         Secrets as JSON, under the vault
//	trust/ID.age        a depositor's public signing key, under the vault, with a MAC
//	k/ID.age            the identity of document or batch ID, under the vault
//	shards/NAME.age     the 32-byte key of an index shard, under the vault
//
// Plaintexts of identities are the age tool's own identity lines, so stock age
// opens everything; docs/format.md shows how.
package keys
