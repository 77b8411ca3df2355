package tesseract

// MaxSide is the longest side of an image Tesseract accepts, in pixels.
const MaxSide = 32767
