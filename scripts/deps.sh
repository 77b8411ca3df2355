#!/bin/sh
# Installs the Debian packages that building (and testing) needs, with the
# administrator's rights the caller already has; otherwise prints the one line
# to run.
set -eu

need=""
want() { # want PACKAGE COMMAND...: install PACKAGE unless COMMAND succeeds
	pkg=$1
	shift
	if ! "$@" >/dev/null 2>&1; then
		need="$need $pkg"
	fi
}

for set in "$@"; do
	case $set in
	build)
		want g++ command -v g++
		want pkg-config command -v pkg-config
		want libleptonica-dev pkg-config --exists lept
		want libtesseract-dev pkg-config --exists tesseract
		want libzxing-dev pkg-config --exists zxing
		want tesseract-ocr command -v tesseract
		want tesseract-ocr-eng sh -c 'ls /usr/share/tesseract-ocr/*/tessdata/eng.traineddata'
		;;
	test)
		want poppler-utils command -v pdftotext
		want libtiff-tools command -v tiffcp
		want libopenjp2-tools command -v opj_compress
		want mupdf-tools command -v mutool
		want qpdf command -v qpdf
		want unzip command -v unzip
		want zstd command -v zstd
		want chromium command -v chromium
		want nodejs command -v node
		want npm command -v npm
		want postgresql sh -c 'ls /usr/lib/postgresql/*/bin/initdb'
		;;
	bench)
		want ocrmypdf command -v ocrmypdf
		;;
	esac
done

[ -n "$need" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	echo "installing:$need"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $need >/dev/null
else
	echo "These packages are missing. Run this line, then try again:" >&2
	echo "  sudo apt-get update && sudo apt-get install -y$need" >&2
	exit 1
fi
