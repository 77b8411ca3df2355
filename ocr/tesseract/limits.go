package tesseract

// MaxSide is the longest side of an image Tesseract accepts, in pixels.
const MaxSide = 32767

// Look is how a page is to be read.
type Look struct {
	DPI   int  // always given: an image without one is read as 70 dpi
	White bool // it may have white letters on black: lines read poorly are read inverted too
}
