#!/bin/sh
# A trial archive in ./data, of a fictitious hospital: made if it is not there,
# served until Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
cv=bin/chartvault
pass=data/passphrase

if [ ! -f data/catalogue.db ]; then
	# For a trial only: a real passphrase is not kept beside what it opens.
	$cv demo --data data --make
	echo "Three sample batches are in data/scans; the daemon takes a file when it has rested for five seconds."
fi
echo "The pages are on http://127.0.0.1:8420."
echo

$cv serve --data data --passphrase-file $pass 2>>data/daemon.log &
daemon=$!
stop() {
	trap - INT TERM EXIT
	kill -TERM $daemon 2>/dev/null || true
	wait $daemon || true
	echo
	echo "stopped; run \"make run\" to go on"
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

tries=0
until [ -f data/daemon.json ]; do
	kill -0 $daemon 2>/dev/null || {
		cat data/daemon.log >&2
		exit 1
	}
	tries=$((tries + 1))
	[ $tries -lt 600 ] || exit 1
	sleep 0.1
done

last=""
while :; do
	kill -0 $daemon 2>/dev/null || {
		cat data/daemon.log >&2
		exit 1
	}
	# What a trial lacks is for "status", once, not for every second.
	line=$($cv status --data data --passphrase-file $pass | grep -v '^  warning:\|objects stored')
	if [ "$line" != "$last" ]; then
		echo "$line"
		last=$line
	fi
	if [ -z "$(find data/scans -type f ! -name '.*' | head -n 1)" ]; then
		case $line in *"(0 open)"*) break ;; esac
	fi
	sleep 1
done

cat <<'END'

Every sample batch is filed. Look at http://127.0.0.1:8420, or in another terminal:

  bin/chartvault batches
  echo 9118427 | bin/chartvault get --passphrase-file data/passphrase --out chart
  echo '"lungs clear"' | bin/chartvault search --passphrase-file data/passphrase
  bin/chartvault qa list --passphrase-file data/passphrase
  bin/chartvault verify --passphrase-file data/passphrase
  bin/chartvault keys drill --passphrase-file data/passphrase --recovery-identity data/recovery.age-identity
  bin/chartvault status --passphrase-file data/passphrase      # and what this trial lacks for production

Drop scans into data/scans. The log is data/daemon.log. Ctrl-C stops the daemon.
END
if [ -n "${CHARTVAULT_ONCE:-}" ]; then
	exit 0
fi
wait $daemon
