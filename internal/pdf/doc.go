// Package pdf writes the PDF files documents are filed as: one page a side,
// each image in the encoding the scanner gave it, and the recognised words as
// invisible text where they stand on the page.
//
// It writes and never parses. Its invariant is that image bytes pass through
// untouched, and that nothing about a patient gets into the document's
// properties. Libraries were tried first (docs/design.md): none writes CCITT
// images and text render mode 3.
//
// Stored form: PDF/A-2u (ISO 19005-2) unless an image is in CMYK, which is PDF
// 1.7 with a classic cross-reference table; text in a
// glyphless font, so that a viewer has nothing to draw and a search finds
// everything.
package pdf
