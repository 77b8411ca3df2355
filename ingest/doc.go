// Package ingest takes scan files in: claim, read, split, seal, store, file,
// release. Each arrow ends in a committed state and a crash replays only the
// last one.
//
//	scan file -> [claimed] -> every page read, sealed in the spool -> [split]
//	  -> documents sealed, stored, read back -> audit log -> [filed] -> source released
//
// Its invariants: no source is removed before its objects are stored, read
// back, in the audit log and catalogued; every page that entered is in a
// document, or kept as separator or blank, or in QA, and the counts of a batch
// say so; one scan makes one set of documents, whatever crashed or was
// repeated; one bad file never stops the next, and nothing is skipped
// silently.
//
// Stored form: SPOOL/BATCH/NNNN.age, a page as read (JSON of pageFile, sealed
// under the batch's identity); SPOOL/BATCH/split.age, the split the same way;
// SPOOL/kept/BATCH.age, a released source, sealed, for the days the site keeps
// it. The watched folder holds sources in clear, as the scanner wrote them, and
// nothing else of ours does: .claimed/ID/NAME, or .claimed/ID@SOURCE/NAME, is a source that has been taken.
package ingest
