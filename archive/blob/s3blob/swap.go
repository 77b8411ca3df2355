package s3blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"chartvault/archive/blob"
)

// Swap implements blob.Store by the entity tag of what was compared. A server
// that ignores If-Match leaves only the archive's own lock between a swap and a
// deletion.
func (s *Store) Swap(ctx context.Context, name string, old, new []byte) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	s.swap.Lock()
	defer s.swap.Unlock()
	st, err := s.mc.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return s.wrap("swap", name, err)
	}
	get := minio.GetObjectOptions{}
	if err := get.SetMatchETag(st.ETag); err != nil {
		return s.wrap("swap", name, err)
	}
	o, err := s.mc.GetObject(ctx, s.bucket, name, get)
	if err != nil {
		return s.wrap("swap", name, err)
	}
	b, err := io.ReadAll(io.LimitReader(o, int64(len(old))+1))
	o.Close() // read-only
	if err != nil {
		return s.wrap("swap", name, err)
	}
	if !bytes.Equal(b, old) {
		return fmt.Errorf("swap %s: %w", name, blob.ErrChanged)
	}
	put := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	put.SetMatchETag(st.ETag)
	if _, err := s.mc.PutObject(ctx, s.bucket, name, bytes.NewReader(new), int64(len(new)), put); err != nil {
		if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
			return fmt.Errorf("swap %s: %w", name, blob.ErrChanged)
		}
		return s.wrap("swap", name, err)
	}
	return nil
}
