package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// maxLine bounds one entry, in bytes. A plan of fifty thousand documents fits.
const maxLine = 64 << 20

// waiting is an entry whose Append has not returned.
type waiting struct {
	line []byte // with its newline
	done chan error
}

// Append adds an entry and returns its sequence number. When it returns nil
// the entry is on disk. Entries that come while others are being written share
// the next write and its fsync. After an error of the disk the log refuses
// everything: what cannot be logged must not happen.
func (l *Log) Append(action Action, object, key string, body []byte) (int64, error) {
	w, seq, err := l.enter(Entry{Action: action, Object: object, Key: key, Body: body})
	if err == nil {
		err = <-w.done
	}
	if err != nil {
		return 0, fmt.Errorf("append %s to audit log: %w", action, err)
	}
	return seq, nil
}

// enter gives an entry its number and its place in the queue.
func (l *Log) enter(e Entry) (*waiting, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, 0, l.broken
	}
	e.Seq, e.Time = l.next, l.now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(e)
	if err != nil {
		return nil, 0, err
	}
	if len(line) > maxLine {
		return nil, 0, fmt.Errorf("entry of %d bytes, limit %d", len(line), maxLine)
	}
	w := &waiting{append(line, '\n'), make(chan error, 1)}
	l.queue, l.next = append(l.queue, w), l.next+1
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return w, e.Seq, nil
}

// write takes what is queued to the disk, one batch after the other, until
// nothing is left.
func (l *Log) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 {
		batch := l.queue
		l.queue = nil
		var buf bytes.Buffer
		for _, w := range batch {
			buf.Write(w.line)
		}
		failed := l.failed
		l.mu.Unlock()
		if failed == nil {
			_, failed = l.log.Write(buf.Bytes())
		}
		l.mu.Lock()
		for _, w := range batch {
			if failed == nil {
				failed = l.derive(l.n, l.end, w.line[:len(w.line)-1])
			}
			if failed == nil {
				l.n, l.end = l.n+1, l.end+int64(len(w.line))
			}
			w.done <- failed
		}
		if failed != nil && l.failed == nil {
			l.failed = failed
			if l.broken == nil {
				l.broken = failed
			}
		}
	}
	l.writing = false
	l.idle.Broadcast()
}
