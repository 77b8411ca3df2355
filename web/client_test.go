package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chartvault/web"
)

// TestCallWaits: a daemon that is starting is waited for, and one that says why
// it cannot is not.
func TestCallWaits(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if asked++; err != nil || string(b) != `{"n":7}` {
			t.Errorf("time %d: got %q, %v", asked, b, err)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/sealed"):
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"error":{"code":"sealed","message":"it is sealed"}}`+"\n")
		case asked < 3 || strings.HasSuffix(r.URL.Path, "/never"):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			io.WriteString(w, `{"answer":1}`+"\n")
		}
	}))
	defer srv.Close()
	c := &web.Client{Addr: strings.TrimPrefix(srv.URL, "http://")}
	in := map[string]int{"n": 7}
	var got []string
	take := func(b json.RawMessage) error { got = append(got, string(b)); return nil }
	if err := c.Call(t.Context(), "status", in, take); err != nil || asked != 3 || len(got) != 1 || got[0] != `{"answer":1}` {
		t.Errorf("got %v, %v after %d times, want the answer after 3", got, err, asked)
	}
	asked = 0
	var e *web.Error
	if err := c.Call(t.Context(), "sealed", in, take); !errors.As(err, &e) || asked != 1 {
		t.Errorf("a reason: got %v after %d times, want it after 1", err, asked)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := c.Call(ctx, "never", in, take); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no longer than is asked for: got %v", err)
	}
}
