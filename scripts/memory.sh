#!/bin/sh
# Resident memory of the whole program (all processes together, at its peak)
# while it takes in a 5-page and a PAGES-page TIFF of the same page.
#
#   scripts/memory.sh PAGE.tif [PAGES]   PAGE.tif: one Group 4 page, little-endian
set -eu
cd "$(dirname "$0")/.."
page=$1
many=${2:-500}
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
go run ./internal/sample/jointiff "$work/few.tif" "$page" 5
go run ./internal/sample/jointiff "$work/many.tif" "$page" "$many"
few=$(peak "$work/few.tif")
lots=$(peak "$work/many.tif")
echo "5 pages: $few MiB, $many pages: $lots MiB, difference $((lots - few)) MiB"
