// Package release answers requests for information: it takes them in hand, knows
// until when each must be answered, what authority it takes and what may not go
// with it, has a second person look at what was chosen, and records every
// disclosure for the accounting the law owes the patient.
//
// Its invariants: nothing is disclosed that a person did not choose, or whose
// requester has no authority for it; nothing of a sensitive class goes out
// unless the authority names the class; nobody checks a choice they had a hand
// in; what was checked is what goes out, because any change undoes the check;
// and a disclosure is written down, durably, before the package is handed over.
//
// Law is data: who may ask and under what authority, how long an answer may
// take, what is sensitive and what a copy costs are rows of rules.toml, each with
// its source, which a site replaces by its own. The package reads no clock, no
// file and no database: time, storage and charts are handed in.
//
// Stored form: a request and a disclosure are entries of a register (kinds
// "request" and "disclosure", ids "R000001" and "D000001"), sealed like all of
// those, each the JSON of Request or Disclosure. Of a package only its sum is
// kept: it is made anew when it must be sent again.
package release
