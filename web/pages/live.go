package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// liveEvery is how often a list that changes by itself is looked at, for all who
// look at it together, and liveSign how often somebody who is told nothing new is
// told that.
const (
	liveEvery = time.Second
	liveSign  = 15 * time.Second
)

// live is the newest batches as they are now, looked at once for all who watch.
type live struct {
	mu   sync.Mutex
	at   time.Time
	rows string // JSON: cells by id
}

// now returns the rows, as old as liveEvery at most.
func (l *live) now(v *visit) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows != "" && time.Since(l.at) < liveEvery {
		return l.rows, nil
	}
	bs, err := each[batch](v, "batches", map[string]int{"most": shownRows})
	if err != nil {
		return "", err
	}
	rows := map[string][]string{}
	for _, b := range bs {
		rows[b.ID] = b.Cells()
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return "", err
	}
	l.rows, l.at = string(b), time.Now()
	return l.rows, nil
}

// batchesNow tells, for as long as somebody watches, how the list of batches
// changes: server-sent events, each the rows whole. It ends with the session, and
// with the server; browsers ask again by themselves.
func (v *visit) batchesNow() error {
	rc := http.NewResponseController(v.w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	told, err := v.live.now(v)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no")
	say := func(event string) bool {
		_, err := fmt.Fprint(v.w, event, "\n\n")
		return err == nil && rc.Flush() == nil
	}
	if !say("retry: 3000\ndata: " + told) {
		return nil
	}
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for signed := time.Now(); ; {
		select {
		case <-v.r.Context().Done():
			return nil
		case <-v.Ending:
			return nil
		case <-tick.C:
		}
		if !v.here() {
			return nil
		}
		rows, err := v.live.now(v)
		switch {
		case err != nil:
			v.Log.WarnContext(v.r.Context(), "a list cannot be kept up to date", "err", err)
			return nil
		case rows != told:
			told, signed = rows, time.Now()
			if !say("data: " + rows) {
				return nil
			}
		case time.Since(signed) > liveSign:
			if signed = time.Now(); !say(":") {
				return nil
			}
		}
	}
}

// here reports whether the session goes on, which looking does not lengthen.
func (v *visit) here() bool {
	c, err := v.r.Cookie(cookieName)
	return err == nil && v.Accounts.Peek(c.Value) == v.session
}
