package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxLine bounds one entry, in bytes, and maxBody its body as it stands there. A
// plan of fifty thousand documents fits.
const (
	maxLine = 64 << 20
	maxBody = maxLine - 4096
)

// waiting is an entry whose Append has not returned.
type waiting struct {
	entry Entry
	line  []byte // once it has its number; with its newline
	done  chan error
}

// number gives an entry its number and the time.
func (w *waiting) number(seq int64, now time.Time) error {
	w.entry.Seq, w.entry.Time = seq, now.UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(w.entry)
	w.line = append(line, '\n')
	return err
}

// Append adds an entry and returns its sequence number. When it returns nil
// the entry is on disk, and in the log of the servers where several write one.
// Entries that come while others are being written share the next write and its
// fsync. After an error of the disk the log refuses everything: what cannot be
// logged must not happen.
func (l *Log) Append(action Action, object, key string, body []byte) (int64, error) {
	w, err := l.enter(Entry{Action: action, Object: object, Key: key, Body: body})
	if err == nil {
		err = <-w.done
	}
	if err != nil {
		return 0, fmt.Errorf("append %s to audit log: %w", action, err)
	}
	return w.entry.Seq, nil
}

// enter gives an entry its place in the queue.
func (l *Log) enter(e Entry) (*waiting, error) {
	if n := base64.StdEncoding.EncodedLen(len(e.Body)); n > maxBody {
		return nil, fmt.Errorf("entry of %d bytes, limit %d", n, maxBody)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	w := &waiting{entry: e, done: make(chan error, 1)}
	l.queue = append(l.queue, w)
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return w, nil
}

// write takes what is queued to the disk, one batch after the other, until
// nothing is left.
func (l *Log) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 {
		batch := l.queue
		l.queue = nil
		failed := l.failed
		l.mu.Unlock()
		if failed == nil {
			failed = l.put(batch)
		}
		l.mu.Lock()
		if failed != nil && l.failed == nil && !errors.Is(failed, errNotTaken) {
			l.failed = failed
			if l.broken == nil {
				l.broken = failed
			}
		}
		for _, w := range batch {
			w.done <- failed
		}
	}
	l.writing = false
	l.idle.Broadcast()
}

// put writes a batch: here, or where the servers have their order and then here.
func (l *Log) put(batch []*waiting) error {
	if l.sequence != nil {
		return l.putShared(batch)
	}
	first := l.Size()
	for i, w := range batch {
		if err := w.number(first+int64(i), l.now()); err != nil {
			return err
		}
	}
	l.files.Lock()
	defer l.files.Unlock()
	return l.keep(lines(batch))
}

func lines(batch []*waiting) [][]byte {
	out := make([][]byte, len(batch))
	for i, w := range batch {
		out[i] = w.line
	}
	return out
}

// keep writes the next lines, each with its newline, into the files. Held: files.
func (l *Log) keep(lines [][]byte) error {
	if _, err := l.log.Write(bytes.Join(lines, nil)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range lines {
		if err := l.derive(l.n, l.end, line[:len(line)-1]); err != nil {
			return err
		}
		l.n, l.end = l.n+1, l.end+int64(len(line))
	}
	return nil
}
