package memblob_test

import (
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/memblob"
)

func TestStore(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return memblob.New(time.Now) })
}
