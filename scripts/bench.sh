#!/bin/sh
# Pages a minute, side by side in one run: the whole pipeline, bare Tesseract,
# and OCRmyPDF, on the same pages and both cores. Figures differ from machine to
# machine and hour to hour; the ratios are what counts.
#
#   scripts/bench.sh [PAGES]   PAGES: a folder of one-page TIFF, PNG or JPEG files;
#                              without it the corpus' pages, or our own samples
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/pages"
if [ $# -gt 0 ]; then
	cp "$1"/*.tif "$1"/*.png "$1"/*.jpg "$work/pages/" 2>/dev/null || true
elif [ -d ../shared/corpus/charts/pages ]; then
	cp ../shared/corpus/charts/pages/*.tif ../shared/corpus/charts/pages/*.jpg "$work/pages/"
	cp ../shared/corpus/pages/oldbook-*.tif "$work/pages/"
	chmod u+w "$work"/pages/*
else
	bin/chartvault sample --out "$work/pages" 2>/dev/null
	rm -f "$work/pages"/*.pdf
fi
n=$(find "$work/pages" -type f | wc -l)
cores=$(nproc)
now() { date +%s.%N; }
rate() { # rate LABEL START END
	awk -v n="$n" -v s="$2" -v e="$3" -v l="$1" 'BEGIN { printf "%-34s %7.1f s  %6.1f pages/min\n", l, e - s, n * 60 / (e - s) }'
}
ratio() { awk -v a="$1" -v b="$2" -v l="$3" 'BEGIN { printf "%-34s %.2f\n", l, b / a }'; }

echo "$n pages, $cores cores, $(tesseract --version 2>&1 | head -n 1)"
echo "a passphrase" >"$work/pass"
bin/chartvault init --data "$work/a" --yes --passphrase-file "$work/pass" --work-factor 10 2>/dev/null
# Warm the page cache and the compiled PDF engine.
cat "$work"/pages/* >/dev/null
find "$work/pages" -type f | head -n 1 | xargs bin/chartvault ingest --data "$work/a" --passphrase-file "$work/pass" >/dev/null 2>&1 || true
rm -rf "$work/a"
bin/chartvault init --data "$work/a" --yes --passphrase-file "$work/pass" --work-factor 10 2>/dev/null

t0=$(now)
bin/chartvault ingest --data "$work/a" --passphrase-file "$work/pass" "$work/pages" >"$work/ours.log" 2>&1 || true
t1=$(now)
find "$work/pages" -type f -print0 | OMP_THREAD_LIMIT=1 xargs -0 -n 1 -P "$cores" sh -c 'tesseract "$1" stdout >/dev/null 2>&1' sh
t2=$(now)
rate "chartvault (read, seal, file, index)" "$t0" "$t1"
rate "bare tesseract, $cores at once" "$t1" "$t2"
ours=$(awk -v s="$t0" -v e="$t1" 'BEGIN { print e - s }')
bare=$(awk -v s="$t1" -v e="$t2" 'BEGIN { print e - s }')
if command -v ocrmypdf >/dev/null; then
	t3=$(now)
	find "$work/pages" -type f -print0 | OMP_THREAD_LIMIT=1 xargs -0 -n 1 -P "$cores" sh -c 'ocrmypdf -q -j 1 --image-dpi 300 "$1" "$1.pdf" >/dev/null 2>&1' sh
	t4=$(now)
	rate "ocrmypdf, $cores at once" "$t3" "$t4"
	ratio "$ours" "$(awk -v s="$t3" -v e="$t4" 'BEGIN { print e - s }')" "chartvault : ocrmypdf"
	t5=$(now)
	find "$work/pages" -type f ! -name '*.pdf' -print0 | OMP_THREAD_LIMIT=1 xargs -0 -n 1 -P "$cores" sh -c 'ocrmypdf -q -j 1 --image-dpi 300 --rotate-pages --deskew --clean "$1" "$1.pdf" >/dev/null 2>&1' sh
	t6=$(now)
	rate "ocrmypdf with cleaning, $cores at once" "$t5" "$t6"
	ratio "$ours" "$(awk -v s="$t5" -v e="$t6" 'BEGIN { print e - s }')" "chartvault : ocrmypdf with cleaning"
fi
ratio "$ours" "$bare" "chartvault : bare tesseract"

# Accuracy, class by class, and what the quality rule finds: needs the corpus.
if [ -d ../shared/corpus ]; then
	go test -run '^$' -bench 'BenchmarkAccuracy|BenchmarkQuality' -benchtime 1x -timeout 60m ./ocr 2>&1 | grep -v '^goos\|^goarch\|^pkg\|^cpu\|^PASS\|^ok'
fi

# The vault: sealing beside the age library, and the audit log.
go test -run '^$' -bench BenchmarkSealing ./archive/seal 2>&1 | grep '^Benchmark'
go test -run '^$' -bench 'BenchmarkAppend|BenchmarkVerify' -benchtime 3s ./audit 2>&1 | grep '^Benchmark'

# Finding, beside the same text unencrypted. CHARTVAULT_PAGES=100000,300000,1000000
# is a hospital's size, and takes an hour.
CHARTVAULT_PAGES=${CHARTVAULT_PAGES:-20000,100000} go test -run '^$' -bench BenchmarkFinding -benchtime 1x -timeout 120m ./internal/hospital 2>&1 | grep '^finding'

# Turning pages in the browser, beside the entry of the log that each page needs.
go test -run '^$' -bench BenchmarkPage -benchtime 200x ./cmd/chartvault 2>&1 | grep '^BenchmarkPage'

# What people wait for in a browser; CHARTVAULT_SHOWN=100000 documents take a quarter of an hour.
CHARTVAULT_DOCUMENTS=${CHARTVAULT_SHOWN:-2000} go test -run '^$' -bench BenchmarkBrowser -benchtime 1x -timeout 60m ./cmd/chartvault 2>&1 | grep '^browser'

# Retention: every document of a large catalogue decided, and decided again.
CHARTVAULT_DOCUMENTS=${CHARTVAULT_DOCUMENTS:-1000000} go test -run '^$' -bench BenchmarkEvaluate -benchtime 1x -timeout 60m ./cmd/chartvault 2>&1 | grep documents
