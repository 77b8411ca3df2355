package accounts

import (
	"crypto/sha256"
	"fmt"
	"time"

	"chartvault/record"
)

// Guessing is made slow three ways: for one name from one address, for one name
// from anywhere, and for one address. A stranger elsewhere can make somebody
// wait half a minute, never shut an account.
type limit struct {
	free    int           // failures before somebody waits
	longest time.Duration // wait; it doubles from a second
}

// forgive is after how long failures are forgotten.
const forgive = 30 * time.Minute

// mostGuessed bounds how many failures are remembered.
const mostGuessed = 100_000

// guessed says whose failures are counted: a hash, because what was typed may
// be anything.
type guessed [16]byte

// failure is how often in a row something failed, and when last.
type failure struct {
	n    int
	last time.Time
}

func counted(kind, what string) (g guessed) {
	sum := sha256.Sum256([]byte(kind + "\x00" + what))
	copy(g[:], sum[:])
	return g
}

// limits are those that apply to a guess.
func limits(name, addr string) map[guessed]limit {
	return map[guessed]limit{
		counted("pair", name+"\x00"+addr): {5, 5 * time.Minute},
		counted("name", name):             {25, 30 * time.Second},
		counted("addr", addr):             {50, time.Minute},
	}
}

// guess counts an attempt as failed, before it is looked at, so that many at
// once are counted too; right takes it back. An error says how long to wait.
func (d *Desk) guess(name, addr string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	all := limits(name, addr)
	for g, l := range all {
		f := d.failures[g]
		if f.n < l.free || now.Sub(f.last) > forgive {
			continue
		}
		pause := l.longest
		if n := f.n - l.free; n < 12 {
			pause = min(time.Second<<n, l.longest)
		}
		if left := f.last.Add(pause).Sub(now); left > 0 {
			return fmt.Errorf("sign in: %w: too many attempts; wait %d seconds", record.ErrNotReady, int(left.Seconds())+1)
		}
	}
	d.makeRoom(now)
	for g := range all {
		f := d.failures[g]
		if now.Sub(f.last) > forgive {
			f.n = 0
		}
		d.failures[g] = failure{f.n + 1, now}
	}
	return nil
}

// makeRoom forgets what is old, and then whatever comes.
func (d *Desk) makeRoom(now time.Time) {
	if len(d.failures) < mostGuessed {
		return
	}
	for g, f := range d.failures {
		if now.Sub(f.last) > forgive {
			delete(d.failures, g)
		}
	}
	for g := range d.failures {
		if len(d.failures) < mostGuessed*9/10 {
			return
		}
		delete(d.failures, g)
	}
}

// right forgets the failures of a name; of an address it takes back the one, so
// that a right guess now and then does not hide many wrong ones.
func (d *Desk) right(name, addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failures, counted("pair", name+"\x00"+addr))
	delete(d.failures, counted("name", name))
	g := counted("addr", addr)
	if f := d.failures[g]; f.n > 1 {
		d.failures[g] = failure{f.n - 1, f.last}
	} else {
		delete(d.failures, g)
	}
}
