// Package ocr turns the sides of a scan file into text, and owns what that
// takes: the text model, the contract of the reader, and the pool of sandboxed
// worker processes that does the reading.
//
// Its invariant is the process boundary. Everything that parses a hostile file
// (PDF, TIFF, JPEG, PNG, barcodes, Tesseract) runs in a worker: the same
// binary re-executed without keys, secrets, environment or write access, with
// limits on memory, time and output. The worker is given a read-only file
// descriptor and answers on a pipe. When it crashes, hangs or answers rubbish
// it is killed with its process group, and that costs one page.
//
// This package is the parent's side and imports no parser. The subpackages are
// the worker's: scan opens files, lept cleans images, barcode reads sheets,
// tesseract reads words, worker ties them together.
//
// Stored form: PageText as JSON; a word is [text, x0, y0, x1, y1, confidence,
// line] in pixels of the page as it is displayed.
package ocr
