package fsblob_test

import (
	"testing"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/fsblob"
)

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s, err := fsblob.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
