// Package disposition governs the end of records: review of what is due, plans
// and their approval, notices, the gate every destruction passes, its
// execution, and certificates. It also keeps what binds or loosens retention
// and takes people to decide: schedules, holds, extensions, automations.
//
// Its invariants: a destruction needs a plan that was reviewed and submitted,
// two approvals over its digest by two people neither of whom prepared it (or
// a standing approval of a named automation, not older than a year), notices
// on file, a cooling-off, clocks that agree, canaries that live, a cap, and
// every check made again from scratch for every document. Retention lengthens
// at once and shortens only by two people. From the moment a document's
// destruction begins it only goes forward; a run that was cut short goes on
// where it stopped.
//
// It reads no clock, no file and no database: time, storage and randomness are
// handed in (Clock, Register, Holdings).
//
// Stored form: entries of a register, each a JSON body under a kind and an id;
// the journal keeps every version of every entry. A plan's items are an entry
// of their own, so that approvals do not copy them. A certificate is a JSON
// text with one field a line, each sealed by its own digest (seal.go).
package disposition
