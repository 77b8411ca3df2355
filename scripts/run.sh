#!/bin/sh
# A trial archive in ./data: made if it is not there, served until Ctrl-C, with
# sample charts the first time.
set -eu
cd "$(dirname "$0")/.."
cv=bin/chartvault
pass=data/passphrase

if [ ! -f data/catalogue.db ]; then
	mkdir -p -m 700 data
	# For a trial only: a real passphrase is not kept beside what it opens.
	[ -s $pass ] || (umask 077 && head -c 18 /dev/urandom | base64 >$pass)
	$cv init --data data --yes --passphrase-file $pass
fi

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

if [ ! -f data/.samples ]; then
	$cv sample --out data/.fresh 2>/dev/null
	for f in data/.fresh/*; do mv "$f" data/scans/; done
	rmdir data/.fresh
	: >data/.samples
	echo "Three sample batches are in data/scans; the daemon takes a file when it has rested for five seconds."
fi

# Somebody of every role, for the pages; each sign-in is printed once.
if [ ! -f data/.people ]; then
	echo
	echo "The pages are on http://127.0.0.1:8420. These fictitious people may sign in (shown once):"
	for name in scan records release director auditor privacy clinician admin; do
		role=$name
		[ $name != privacy ] || role=auditor # two can then approve what the director drafts
		word=$(head -c 15 /dev/urandom | base64 | tr '+/' 'xy')
		echo "$word" | $cv users put "demo.$name" --role $role --data data --passphrase-file $pass >/dev/null
		printf '  demo.%-10s %s\n' "$name" "$word"
	done
	echo
	: >data/.people
fi

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
