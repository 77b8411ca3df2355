package s3blob

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// Lock implements blob.Locker.
func (s *Store) Lock(ctx context.Context, name string, until time.Time) error {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return err
	}
	until = until.UTC()
	err = s.mc.PutObjectRetention(ctx, s.bucket, name, minio.PutObjectRetentionOptions{
		Mode: &s.mode, RetainUntilDate: &until, VersionID: info.Version,
	})
	if err != nil {
		return s.wrap("lock", name, err)
	}
	return nil
}

// Hold implements blob.Holder: a legal hold on the version seen now.
func (s *Store) Hold(ctx context.Context, name string, on bool) error {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return err
	}
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	err = s.mc.PutObjectLegalHold(ctx, s.bucket, name, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: info.Version})
	if err != nil {
		return s.wrap("hold", name, err)
	}
	return nil
}

// Locks returns until when an object is locked and whether it is held, as the
// server's answer to a plain request says: some answer the questions about
// either in a form of their own.
func (s *Store) Locks(ctx context.Context, name string) (until time.Time, held bool, err error) {
	st, err := s.mc.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return until, false, s.wrap("stat", name, err)
	}
	if v := st.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"); v != "" {
		if until, err = time.Parse(time.RFC3339, v); err != nil {
			return until, false, fmt.Errorf("stat %s: lock date: %w", name, err)
		}
	}
	return until, st.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == "ON", nil
}

func isLocked(err error) bool {
	if err == nil {
		return false
	}
	code := minio.ToErrorResponse(err)
	return code.Code == "ObjectLocked" || code.Code == "InvalidRequest" && code.StatusCode == http.StatusBadRequest ||
		code.Code == "AccessDenied"
}
