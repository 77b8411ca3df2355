// Package s3blob keeps objects in a bucket of an S3-compatible server through
// minio-go.
//
// Put asks for create-only with If-None-Match and looks first, because some
// servers ignore the header on versioned buckets; safety rests on random names
// either way. Delete removes every version and delete marker. Locks are Object
// Lock retention in governance or compliance mode. The server's Date header is
// the store's clock.
//
// Stored form: one S3 object per name, no user metadata, no tags, content type
// application/octet-stream.
package s3blob

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"chartvault/archive/blob"
)

// Config says how to reach a bucket.
type Config struct {
	Endpoint  string // host:port, without scheme
	Region    string
	Bucket    string
	AccessKey string
	SecretKey string
	// Credentials, when set, is asked instead of the two above, and again whenever
	// Changed says so: keys are rotated without a restart.
	Credentials func() (access, secret string, err error)
	Changed     func() bool

	PlainHTTP  bool   // without TLS: for loopback only
	CAFile     string // PEM of the authority that signed the server's certificate; "" for the system's
	Versioned  bool   // make the bucket with versioning and Object Lock when it is absent
	Governance bool   // lock in governance instead of compliance mode
	PutOnly    bool   // the account may only put: nothing is looked at first, and nothing else works
}

// Store is one bucket.
type Store struct {
	mc     *minio.Client
	bucket string
	mode   minio.RetentionMode
	clock  *clock
	blind  bool         // nothing may be looked at
	swap   sync.RWMutex // between Swap and Delete, for servers that compare and write in two steps
}

// Open connects to the bucket and makes it when it is absent.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Endpoint == "" || c.Bucket == "" {
		return nil, errors.New("open s3 store: endpoint and bucket must be configured")
	}
	tr, err := transport(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	ck := &clock{rt: tr}
	mc, err := minio.New(c.Endpoint, &minio.Options{
		Creds:     c.credentials(),
		Secure:    !c.PlainHTTP,
		Region:    c.Region,
		Transport: ck,
		// Checksums that trail the body need TLS on some servers.
		TrailingHeaders: !c.PlainHTTP,
		BucketLookup:    minio.BucketLookupPath,
		MaxRetries:      1, // patience is the caller's, who knows what may be sent again
	})
	if err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	s := &Store{mc: mc, bucket: c.Bucket, mode: minio.Compliance, clock: ck, blind: c.PutOnly}
	if s.blind {
		return s, nil
	}
	if c.Governance {
		s.mode = minio.Governance
	}
	ok, err := mc.BucketExists(ctx, c.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: bucket %s: %w", c.Bucket, err)
	}
	if ok {
		return s, nil
	}
	if err := mc.MakeBucket(ctx, c.Bucket, minio.MakeBucketOptions{Region: c.Region, ObjectLocking: c.Versioned}); err != nil {
		return nil, fmt.Errorf("open s3 store: make bucket %s: %w", c.Bucket, err)
	}
	if c.Versioned {
		if err := mc.EnableVersioning(ctx, c.Bucket); err != nil {
			return nil, fmt.Errorf("open s3 store: version bucket %s: %w", c.Bucket, err)
		}
	}
	return s, nil
}

func transport(caFile string) (http.RoundTripper, error) {
	tr, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, err
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return tr, nil
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, fmt.Errorf("put: %w", err)
	}
	if !s.blind {
		if _, err := s.Stat(ctx, name); err == nil {
			return blob.Info{}, fmt.Errorf("put %s: %w", name, blob.ErrExist)
		} else if !errors.Is(err, blob.ErrNotExist) {
			return blob.Info{}, err
		}
	}
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	opts.SetMatchETagExcept("*")
	r = &guarded{r: r}
	up, err := s.mc.PutObject(ctx, s.bucket, name, blob.Exact(r, size), size, opts)
	if err == nil && (up.Size != size || more(r)) {
		err = blob.ErrShort
	}
	if errors.Is(err, blob.ErrShort) && !s.blind {
		// The server may have taken what came for the whole. We found the name
		// free a moment ago, so what lies there is ours.
		return blob.Info{}, errors.Join(fmt.Errorf("put %s: %w", name, blob.ErrShort), s.Delete(ctx, name))
	}
	if err != nil {
		return blob.Info{}, s.wrap("put", name, err)
	}
	return blob.Info{Name: name, Size: size, Version: up.VersionID}, nil
}

// guarded lets one read at a time: the client may still be reading when it has
// its answer.
type guarded struct {
	mu sync.Mutex
	r  io.Reader
}

func (g *guarded) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.r.Read(p)
}

// more reports whether a reader has bytes left.
func more(r io.Reader) bool {
	n, _ := io.ReadFull(r, make([]byte, 1)) // only whether a byte came matters
	return n > 0
}

// Open implements blob.Store. The object is pinned to the version seen now.
func (s *Store) Open(ctx context.Context, name string) (blob.Object, error) {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &object{info: info, open: func() (*minio.Object, error) {
		o, err := s.mc.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{VersionID: info.Version})
		if err != nil {
			return nil, s.wrap("open", name, err)
		}
		return o, nil
	}}, nil
}

// ReadWhole implements blob.Whole.
func (s *Store) ReadWhole(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	o, err := s.mc.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.wrap("read", name, err)
	}
	defer o.Close() // read-only
	b, err := io.ReadAll(io.LimitReader(o, limit+1))
	if err != nil {
		return nil, s.wrap("read", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes: %w", name, limit, blob.ErrLarge)
	}
	// The client checks the length the server announced; a body that ends early
	// is an error of the read above.
	return b, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, fmt.Errorf("stat: %w", err)
	}
	st, err := s.mc.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return blob.Info{}, s.wrap("stat", name, err)
	}
	return blob.Info{Name: name, Size: st.Size, Version: st.VersionID}, nil
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	s.swap.RLock()
	defer s.swap.RUnlock()
	locked := false
	for v := range s.mc.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: name, Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			return s.wrap("delete", name, v.Err)
		}
		if v.Key != name {
			continue
		}
		err := s.mc.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{VersionID: v.VersionID})
		if isLocked(err) {
			locked = true
		} else if err != nil {
			return s.wrap("delete", name, err)
		}
	}
	if locked {
		// A delete marker hides what the lock keeps.
		if err := s.mc.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil && !isLocked(err) {
			return s.wrap("delete", name, err)
		}
		return fmt.Errorf("delete %s: %w", name, blob.ErrLocked)
	}
	if _, err := s.Stat(ctx, name); err == nil {
		// A listing may come short; the name itself does not lie.
		return fmt.Errorf("delete %s: still there after every listed version was removed", name)
	} else if !errors.Is(err, blob.ErrNotExist) {
		return err
	}
	return nil
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends minio-go's lister when the loop breaks early
		for o := range s.mc.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if o.Err != nil {
				yield(blob.Info{}, s.wrap("list", prefix, o.Err))
				return
			}
			if !yield(blob.Info{Name: o.Key, Size: o.Size, Version: o.VersionID}, nil) {
				return
			}
		}
	}
}

// Now implements blob.Clock: the Date of the server's answer to a fresh
// request.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if _, err := s.mc.BucketExists(ctx, s.bucket); err != nil {
		return time.Time{}, s.wrap("ask time of", s.bucket, err)
	}
	return s.clock.last()
}

func (s *Store) wrap(op, name string, err error) error {
	switch code := minio.ToErrorResponse(err); {
	case code.Code == "NoSuchKey", code.StatusCode == http.StatusNotFound && code.Code != "NoSuchBucket":
		return fmt.Errorf("%s %s: %w", op, name, blob.ErrNotExist)
	case code.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s %s: %w", op, name, blob.ErrExist)
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

type object struct {
	open func() (*minio.Object, error)
	info blob.Info

	mu sync.Mutex    // minio.Object seeks inside; its ReadAt is not concurrent
	o  *minio.Object // nil before the first read, and after one that failed
}

// ReadAt implements io.ReaderAt. Only a read that ends at the object's end says
// io.EOF; an answer that broke off is an error that matches neither it nor
// io.ErrUnexpectedEOF, and the next read asks anew.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off >= o.info.Size {
		return 0, io.EOF
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.o == nil {
		var err error
		if o.o, err = o.open(); err != nil {
			return 0, err
		}
	}
	n, err := o.o.ReadAt(p, off)
	switch whole := int64(n) == min(int64(len(p)), o.info.Size-off); {
	case whole && n == len(p):
		return n, nil
	case whole:
		return n, io.EOF
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("read %s: the answer broke off: %v", o.info.Name, err)
	}
	// It remembers its error for good.
	_ = o.o.Close() // nothing was written
	o.o = nil
	return n, err
}

func (o *object) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.o == nil {
		return nil
	}
	return o.o.Close()
}

func (o *object) Info() blob.Info { return o.info }

// clock remembers the Date header of the newest answer.
type clock struct {
	rt http.RoundTripper

	mu   sync.Mutex
	date string
}

func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.rt.RoundTrip(r)
	if err == nil {
		c.mu.Lock()
		c.date = resp.Header.Get("Date")
		c.mu.Unlock()
	}
	return resp, err
}

func (c *clock) last() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, err := http.ParseTime(c.date)
	if err != nil {
		return time.Time{}, fmt.Errorf("the storage server sends no date: %w", err)
	}
	return t, nil
}
