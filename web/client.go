package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client calls the API of a daemon on this machine.
type Client struct {
	Addr  string // host:port
	Token string
}

// Error is a Problem that came back from the daemon.
type Error struct{ Problem }

// Error returns the daemon's message.
func (e *Error) Error() string { return e.Message }

// maxLine bounds one line of an answer, in bytes.
const maxLine = 64 << 20

// errStarting is the error of a daemon that answers, but not with anything yet.
var errStarting = errors.New("ask the daemon: it is starting still; try again in a moment")

// A daemon that is starting is asked again this often, and for this long.
const (
	askAgain = 200 * time.Millisecond
	patience = time.Minute
)

// Call runs an operation and hands each line of the answer to f. Errors of the
// daemon are of type *Error. One that is only starting is waited for.
func (c *Client) Call(ctx context.Context, op string, in any, f func(json.RawMessage) error) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	give := time.NewTimer(patience)
	defer give.Stop()
	for {
		if err = c.ask(ctx, op, body, f); !errors.Is(err, errStarting) {
			return err
		}
		select {
		case <-give.C:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

// ask does it once.
func (c *Client) ask(ctx context.Context, op string, body []byte, f func(json.RawMessage) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Addr+"/api/v1/"+op, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	tr := &http.Transport{} // no proxy: the daemon is on this machine
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer resp.Body.Close()
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(make([]byte, 64<<10), maxLine)
	for sc.Scan() {
		var e struct{ Error *Problem }
		if err := json.Unmarshal(sc.Bytes(), &e); err == nil && e.Error != nil && e.Error.Code != "" {
			return &Error{*e.Error}
		}
		if err := f(bytes.Clone(sc.Bytes())); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return errStarting // whoever has a reason says it in a line
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("ask the daemon: status %d", resp.StatusCode)
	}
	return nil
}
