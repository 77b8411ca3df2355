#!/bin/sh
# Runs every fuzz target for the given time, or "1000000x". Inputs are made
# smaller by twenty tries only: the default of a minute each leaves no time for
# finding them.
set -eu
grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r f; do
	dir=$(dirname "$f")
	sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$f" | while read -r target; do
		echo "== $dir $target"
		go test -run "^$" -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 20x "$dir"
	done
done
