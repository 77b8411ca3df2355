// Package retention decides how long a document must be kept: schedules of
// rules as data, facts with their sources, and a pure decision that carries its
// proof. It also says which holds bind a document, compares schedules, and
// counts forecasts.
//
// Its invariants: nothing configured means nothing is ever due; an unknown
// trigger date means never due; the longest applicable rule wins, unless a rule
// itself says that the earliest of several clocks is enough; a hold beats
// everything; and equal arguments give equal decisions. A change of schedule
// that Shortens is silent about lets nothing end earlier.
//
// It reads no clock, no file and no database: dates and facts are handed in,
// and what it decides is a value.
//
// Stored form: a schedule is written as a TOML file (parse.go, format 2) and
// kept as the JSON of Schedule, complete with the rules it took from the pack.
// Periods and their sources: the rules themselves carry their citations.
package retention
