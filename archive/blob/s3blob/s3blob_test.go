package s3blob_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/s3blob"
	"chartvault/internal/testserver"
)

// TestStore runs the suite against a real server over TLS, once on a bucket
// with versioning and Object Lock and once on a plain one, as documents and
// keys lie.
func TestStore(t *testing.T) {
	srv := testserver.StartS3(t)
	var n atomic.Int64
	for _, versioned := range []bool{true, false} {
		t.Run(fmt.Sprintf("versioned=%v", versioned), func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s, err := s3blob.Open(t.Context(), s3blob.Config{
					Endpoint: srv.Endpoint, Region: "us-east-1", Bucket: fmt.Sprintf("bucket-%d", n.Add(1)),
					AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, CAFile: srv.CAFile, Versioned: versioned,
				})
				if err != nil {
					t.Fatal(err)
				}
				if !versioned {
					return plain{s}
				}
				return s
			})
		})
	}
}

// plain hides the locks of a bucket that has none.
type plain struct{ blob.Store }
