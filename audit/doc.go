// Package audit is the append-only log of everything that was done: a Merkle
// tree (RFC 6962, golang.org/x/mod/sumdb/tlog) over entries whose bodies are
// sealed, with signed checkpoints in the C2SP tlog-checkpoint form.
//
// The invariant is that the log only grows, and that an entry is on disk
// before Append returns: a disclosure is logged before its first byte leaves.
// An entry's leaf is the hash of its line, and the line carries the body as
// ciphertext; erasing a document's key turns the body into noise and leaves
// the tree verifiable.
//
// Several servers may write one log: then a Sequence has its order and every line,
// an entry is durable there before Append returns, and the directory is a copy, from
// which everything is read.
//
// Stored form, in one directory:
//
//	log          one entry a line: JSON, see Entry
//	offsets      the byte offset of each line, 8 bytes little-endian each
//	hashes       tlog's stored hashes, 32 bytes each
//	checkpoints  signed notes, oldest first, each followed by an empty line
//	published    how many entries have been copied to the store, as text
//
// offsets and hashes are derived from log. They are durable up to the newest
// checkpoint, are made again from there at every start, and whole when they do
// not fit.
package audit

import "time"

// Action says what happened. Actions stand in clear, so they name no patient.
type Action string

// Actions. They are stored; new ones are added, none is renamed. What people and
// the daemon do at the disposition desk has the names of its events.
const (
	ActInit              Action = "archive.init"
	ActStart             Action = "daemon.start"
	ActStop              Action = "daemon.stop"
	ActRefused           Action = "source.refused"
	ActBatchClaimed      Action = "batch.claimed"
	ActBatchFiled        Action = "batch.filed"
	ActSourceRemoved     Action = "batch.source_removed"
	ActDocumentFiled     Action = "document.filed"
	ActDocumentIndexed   Action = "document.indexed"            // a person assigned chart or type
	ActCorrection        Action = "document.corrected"          // a correction was proposed, agreed to, refused or carried out
	ActCorrectionFailing Action = "document.correction_failing" // what was made for a correction that cannot be is about to be removed

	ActDocumentRead  Action = "document.read"
	ActSearch        Action = "search"
	ActLookup        Action = "chart.lookup"
	ActFacts         Action = "facts.import"
	ActPatients      Action = "patients.import"
	ActDestroying    Action = "document.destroying"
	ActDestroyed     Action = "document.destroyed"
	ActEvaluated     Action = "retention.evaluated"
	ActVerified      Action = "archive.verified"
	ActLogVerified   Action = "log.verified"
	ActUser          Action = "user.changed" // somebody may sign in to the pages, or may no more
	ActSignedIn      Action = "user.signed_in"
	ActSignInRefused Action = "user.refused" // a password, a code or a set-up code was wrong
	ActRebuilt       Action = "archive.rebuilt"

	ActApproverKey Action = "approver.key" // of somebody who approves in the pages, sealed with their passphrase

	ActEmergency Action = "emergency.access" // somebody broke the glass, or what they did was reviewed

	ActRequest    Action = "request.changed"       // a request for information was taken in hand, worked on or closed
	ActDisclosed  Action = "information.disclosed" // something left the facility, or is about to
	ActReleased   Action = "document.released"     // and this document is in it
	ActAccounting Action = "disclosures.accounted" // a patient's disclosures were looked at
	ActReviewed   Action = "request.reviewed"      // somebody looked at a request, with what is filed under its charts

	ActDestroyedAgain Action = "document.destroyed_again" // its key had come back from a backup
	ActResumed        Action = "log.resumed"              // entries were lost, and people said so

	ActDepositRefused   Action = "deposit.refused"   // what a station put down is not what a trusted one would
	ActDepositDuplicate Action = "deposit.duplicate" // its source had been filed before
	ActDepositLooked    Action = "deposit.retried"   // a person had a refused deposit looked at again
	ActDepositDiscarded Action = "deposit.discarded" // a person had a refused deposit removed
	ActStationTrusted   Action = "station.trusted"
	ActStationRevoked   Action = "station.revoked"
	ActUnlocked         Action = "daemon.unlocked"

	ActRestricted   Action = "chart.restricted"    // charts were shut, opened to somebody else, or to everybody again
	ActAccessListed Action = "chart.access_listed" // somebody looked at who saw a chart
	ActTurnedAway   Action = "chart.refused"       // somebody asked for a chart that is shut to them

	ActRescan Action = "document.rescan" // a document in quality is to be scanned again, or was settled all the same

	ActServerForgotten Action = "server.forgotten" // one of several, that will not come back

	ActSessionsEnded Action = "user.sessions_ended" // an administrator signed somebody out everywhere
	ActSavedSearch   Action = "search.saved"        // somebody kept a search of theirs, or dropped it
	ActChecked       Action = "health.checked"      // somebody had everything checked

	ActBatchMarked Action = "batch.marked" // somebody took a batch in hand or left it, or said that it is urgent or not

	ActImport Action = "import.changed" // an import by the daemon was begun, stopped or ended

	ActPersonSearched Action = "patients.search"
	ActPullList       Action = "patients.pull_list"
	ActChartsLinked   Action = "chart.linked"   // two numbers are one person's
	ActChartsUnlinked Action = "chart.unlinked" // they are not, after all

	ActKeysRotated         Action = "keys.rotated"
	ActKeysPassphrase      Action = "keys.passphrase_changed"
	ActKeysWayAdded        Action = "keys.way_added"
	ActKeysWayRemoved      Action = "keys.way_removed"
	ActKeysRecoveryAdded   Action = "keys.recovery_added"
	ActKeysRecoveryRemoved Action = "keys.recovery_removed"
	ActKeysDrill           Action = "keys.drill"
	ActKeyExported         Action = "key.exported"
)

// Entry is one line of the log.
type Entry struct {
	Seq    int64     `json:"seq"`
	Time   time.Time `json:"time"` // UTC, to the millisecond
	Action Action    `json:"action"`
	Object string    `json:"object,omitempty"` // opaque id of the batch, document, hold or plan
	Key    string    `json:"key"`              // whose key opens Body: a document's id, or "journal"
	Body   []byte    `json:"body"`             // an age file
}

// JournalKey is the Key of bodies sealed to the archive's journal identity.
const JournalKey = "journal"
