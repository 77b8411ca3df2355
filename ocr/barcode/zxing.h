#ifndef CV_ZXING_H
#define CV_ZXING_H
#ifdef __cplusplus
extern "C" {
#endif

// cv_symbol is one symbol: what it says and its four corners.
typedef struct {
	int format; // 0 when none was found
	int length; // bytes of text
	char text[4096];
	int x[4], y[4];
} cv_symbol;

// cv_zxing looks for one symbol in an 8-bit image. It never throws.
void cv_zxing(const unsigned char *gray, int w, int h, int stride, int formats, cv_symbol *out);

// The formats that are asked for and reported.
enum { CV_CODE128 = 1, CV_CODE39 = 2, CV_QR = 4, CV_DATAMATRIX = 8, CV_PDF417 = 16 };

#ifdef __cplusplus
}
#endif
#endif
