// Package sheet knows separator sheets, cover sheets and labels: what a
// barcode on a page says about the pages that follow, and how our own sheets
// are printed.
//
// Its invariant: a sheet rules its own segment only, and nothing is guessed. A
// barcode that no pattern matches says nothing; a number that fails the site's
// rule is reported as invalid, never corrected; two numbers on one page are a
// conflict.
//
// Stored form of our own payload, version 1:
//
//	CV1|D|CHART|TYPE|CHECK
//
// where CHECK is the first four hex digits, in upper case, of the CRC-32 (IEEE)
// of what stands before its bar.
package sheet
