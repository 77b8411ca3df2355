#!/bin/sh
# Runs govulncheck. Where its database cannot be reached it says so and does
# not fail: a test run without a network must still be possible.
set -u
out=$("$1" ./... 2>&1)
code=$?
case $out in
*"fetching vulnerabilities"* | *"dial tcp"* | *"no such host"*)
	echo "govulncheck: NOT CHECKED, its database cannot be reached from here"
	exit 0
	;;
esac
echo "$out"
exit $code
