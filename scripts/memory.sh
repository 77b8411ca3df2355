#!/bin/sh
# Resident memory of the whole program (all processes together, at its peak)
# while it takes in a 50-page and a PAGES-page file of the same page, as TIFF and
# as PDF.
#
#   scripts/memory.sh PAGE.tif [PAGES]   PAGE.tif: one Group 4 page, little-endian
set -eu
cd "$(dirname "$0")/.."
page=$1
many=${2:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "a passphrase" >"$work/pass"
peak() { # peak FILE: MiB
	rm -rf "$work/a"
	bin/chartvault init --data "$work/a" --yes --passphrase-file "$work/pass" --work-factor 10 2>/dev/null
	bin/chartvault ingest --data "$work/a" --passphrase-file "$work/pass" "$1" >/dev/null &
	pid=$!
	max=0
	while kill -0 $pid 2>/dev/null; do
		sum=0
		for p in $pid $(pgrep -P $pid || true); do
			kb=$(awk '/^VmRSS/ {print $2}' "/proc/$p/status" 2>/dev/null || echo 0)
			sum=$((sum + ${kb:-0}))
		done
		[ $sum -gt $max ] && max=$sum
		sleep 0.2
	done
	wait $pid
	echo $((max / 1024))
}
for n in 50 "$many"; do
	go run ./internal/sample/jointiff "$work/$n.tif" "$page" "$n"
	tiff2pdf -o "$work/$n.pdf" "$work/$n.tif" # of libtiff-tools
done
for ext in tif pdf; do
	few=$(peak "$work/50.$ext")
	lots=$(peak "$work/$many.$ext")
	echo "$ext: 50 pages: $few MiB, $many pages: $lots MiB, difference $((lots - few)) MiB"
done
