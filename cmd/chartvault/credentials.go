package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"chartvault/record"
)

// credentialsFile holds an access key and a secret key, a line each. It is read
// again when it changes.
type credentialsFile struct {
	name string

	mu   sync.Mutex
	when time.Time // the file's time when it was read
}

func (f *credentialsFile) read() (access, secret string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.name)
	if err != nil {
		return "", "", fmt.Errorf("storage.s3.credentials_file: %w", err)
	}
	lines, err := secretFile(f.name)
	if err != nil {
		return "", "", fmt.Errorf("storage.s3.credentials_file: %w", err)
	}
	if len(lines) != 2 {
		return "", "", fmt.Errorf("storage.s3.credentials_file: %w: want two lines, access key and secret key", record.ErrInvalid)
	}
	f.when = st.ModTime()
	return lines[0], lines[1], nil
}

// changed reports whether the file is another one than was read. One that is
// gone for the moment is being replaced.
func (f *credentialsFile) changed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.name)
	return err == nil && !st.ModTime().Equal(f.when)
}
