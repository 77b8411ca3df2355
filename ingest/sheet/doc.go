// Package sheet knows separator sheets, cover sheets and labels: what a
// barcode on a page says about the pages that follow, and how our own sheets
// are printed.
//
// Its invariant: a sheet rules its own segment only, and nothing is guessed. A
// barcode that no pattern matches says nothing; a number that fails the site's
// rule is reported as invalid, never corrected; two numbers on one page are a
// conflict.
//
// Stored form of our own payload, version 2, of a separator and of a batch
// cover sheet:
//
//	CV2|D|CHART|TYPE|PAGES|CHECK
//	CV2|B|LABEL|DOCUMENTS|PAGES|CHECK
//
// where counts may be empty and CHECK is the CRC-32 (IEEE) of what stands before
// its bar, as eight hex digits in upper case. Version 1 was
//
//	CV1|D|CHART|TYPE|CHECK
//
// with the first four digits of the same check.
package sheet
