// One symbol at a time: in its mode for several, the library of Debian 12
// stops the process on pages it should only have passed over.
#include "zxing.h"

#define ZX_USE_UTF8
#include <ZXing/ReadBarcode.h>

#include <cstring>
#include <string>

using namespace ZXing;

static int ours(BarcodeFormat f) {
	switch (f) {
	case BarcodeFormat::Code128: return CV_CODE128;
	case BarcodeFormat::Code39: return CV_CODE39;
	case BarcodeFormat::QRCode: return CV_QR;
	case BarcodeFormat::DataMatrix: return CV_DATAMATRIX;
	case BarcodeFormat::PDF417: return CV_PDF417;
	default: return 0;
	}
}

static BarcodeFormats theirs(int mask) {
	BarcodeFormats f;
	if (mask & CV_CODE128) f |= BarcodeFormat::Code128;
	if (mask & CV_CODE39) f |= BarcodeFormat::Code39;
	if (mask & CV_QR) f |= BarcodeFormat::QRCode;
	if (mask & CV_DATAMATRIX) f |= BarcodeFormat::DataMatrix;
	if (mask & CV_PDF417) f |= BarcodeFormat::PDF417;
	return f;
}

void cv_zxing(const unsigned char *gray, int w, int h, int stride, int formats, cv_symbol *out) {
	std::memset(out, 0, sizeof *out);
	try {
		DecodeHints hints;
		hints.setFormats(theirs(formats)).setTryHarder(true).setTryRotate(true).setMinLineCount(2);
		hints.setBinarizer(Binarizer::LocalAverage);
		Result r = ReadBarcode(ImageView(gray, w, h, ImageFormat::Lum, stride), hints);
		std::string text = r.text();
		if (!r.isValid() || text.empty() || text.size() > sizeof out->text) return;
		out->length = static_cast<int>(text.size());
		std::memcpy(out->text, text.data(), text.size());
		for (int i = 0; i < 4; i++) {
			out->x[i] = r.position()[i].x;
			out->y[i] = r.position()[i].y;
		}
		out->format = ours(r.format());
	} catch (...) {
		out->format = 0;
	}
}
