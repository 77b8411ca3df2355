package seal_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"c2sp.org/CCTV/age"
	stock "filippo.io/age"

	"chartvault/archive/seal"
	"chartvault/record"
)

// vector is one file of the age test kit (c2sp.org/CCTV/age): what it holds, to
// whom it is sealed and what has to become of it.
type vector struct {
	fields map[string]string
	file   []byte
}

func readVector(t *testing.T, name string) vector {
	t.Helper()
	b, err := fs.ReadFile(agetest.Vectors, name)
	if err != nil {
		t.Fatal(err)
	}
	v, r := vector{fields: map[string]string{}}, bufio.NewReader(bytes.NewReader(b))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			break
		}
		v.fields[key] = value
	}
	var rest io.Reader = r
	if v.fields["compressed"] == "zlib" {
		if rest, err = zlib.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	if v.file, err = io.ReadAll(rest); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectors opens the files of the age test kit that are sealed to keys:
// whole ones as they should, all others not at all.
func TestVectors(t *testing.T) {
	entries, err := fs.ReadDir(agetest.Vectors, ".")
	if err != nil {
		t.Fatal(err)
	}
	whole, broken := 0, 0
	for _, e := range entries {
		v := readVector(t, e.Name())
		if v.fields["armored"] != "" || v.fields["identity"] == "" {
			continue // armour and passphrases are for people; nothing here is made so
		}
		t.Run(e.Name(), func(t *testing.T) {
			ids, err := stock.ParseIdentities(strings.NewReader(v.fields["identity"]))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			err = seal.Open(&got, bytes.NewReader(v.file), ids[0])
			sum := sha256.Sum256(got.Bytes())
			if v.fields["expect"] == "success" {
				whole++
				if err != nil || hex.EncodeToString(sum[:]) != v.fields["payload"] {
					t.Errorf("got %d bytes, %v, want what was sealed", got.Len(), err)
				}
				return
			}
			broken++
			if !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt (%s)", err, v.fields["expect"])
			}
		})
	}
	if whole < 10 || broken < 50 {
		t.Errorf("got %d whole files and %d broken ones, want most of the kit", whole, broken)
	}
}
