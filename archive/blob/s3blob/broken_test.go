package s3blob_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chartvault/archive/blob/s3blob"
	"chartvault/archive/blob/steady"
)

// breaking is a server of one object whose answers break off in the middle as
// often as it is told.
func breaking(t *testing.T, content []byte, times int) (*s3blob.Store, *atomic.Int64) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(times))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/object") {
			return // the bucket is there
		}
		w.Header().Set("ETag", `"x"`)
		if r.Method == http.MethodGet && left.Add(-1) >= 0 {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			_, _ = w.Write(content[:500]) // and then the connection is closed
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Now(), bytes.NewReader(content))
	}))
	t.Cleanup(srv.Close)
	s, err := s3blob.Open(t.Context(), s3blob.Config{Endpoint: strings.TrimPrefix(srv.URL, "http://"), Region: "us-east-1", Bucket: "bucket", AccessKey: "a", SecretKey: "secretsecret", PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, &left
}

// TestBrokenAnswer: an answer that breaks off is not the end of an object, and the
// next read asks anew.
func TestBrokenAnswer(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	s, left := breaking(t, content, 100)
	o, err := s.Open(t.Context(), "object")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	got := make([]byte, len(content))
	if n, err := o.ReadAt(got, 0); err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: got %d bytes, %v, want an error that is no end", n, err)
	}
	left.Store(0)
	if n, err := o.ReadAt(got, 0); n != len(content) || err != nil || !bytes.Equal(got, content) {
		t.Errorf("again: got %d bytes, %v, want all %d", n, err, len(content))
	}
	if n, err := o.ReadAt(got, 990); n != 10 || err != io.EOF {
		t.Errorf("its end: got %d bytes, %v, want 10 and the end", n, err)
	}
}

// TestBrokenAnswerIsReadAgain: whoever reads through patience sees none of it.
func TestBrokenAnswerIsReadAgain(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	s, left := breaking(t, content, 3)
	opts := steady.Default()
	opts.First = time.Millisecond
	o, err := steady.New(s, opts).Open(t.Context(), "object")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Info().Size))
	if err != nil || !bytes.Equal(got, content) || left.Load() >= 0 {
		t.Errorf("got %d bytes, %v, want all %d", len(got), err, len(content))
	}
}
