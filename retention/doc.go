// Package retention decides how long a document must be kept, and governs its
// end: schedules as data, pure decisions with reasons, plans, approvals and
// certificates.
//
// Its invariants: nothing configured means nothing is ever due; an unknown
// trigger date means never due; the longest applicable rule wins; a hold beats
// everything; and a destruction needs a plan, two approvals over its digest by
// two people neither of whom made it, a cooling-off, clocks that agree, a cap,
// and every check made again from scratch.
//
// It reads no clock, no file and no database: dates and facts are handed in,
// and what it decides is a value.
//
// Stored form: a schedule is a TOML file (schedule.go); plans, approvals and
// certificates are JSON in the journal. A plan's digest is the SHA-256 of its
// JSON. Periods and their sources: the rules themselves carry their citations.
package retention
