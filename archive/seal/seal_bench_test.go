package seal_test

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"filippo.io/age"

	"chartvault/archive/seal"
)

// BenchmarkSealing holds sealing and opening a document of 5 MB, hashed inside
// and out, against the age library alone; the ratio is in the metrics.
func BenchmarkSealing(b *testing.B) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	var pkg bytes.Buffer
	write := func(w io.Writer) seal.Sums {
		sums, err := seal.WritePackage(w, id.Recipient(), func(zw *zip.Writer) error {
			p, err := seal.AddPart(zw, "document.pdf")
			if err == nil {
				_, err = p.Write(data)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		return sums
	}
	sums := write(&pkg)
	b.Logf("a package adds %d bytes to its document", pkg.Len()-len(data))
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"seal", func() { write(io.Discard) }},
		{"age encrypts", func() {
			w, err := age.Encrypt(io.Discard, id.Recipient())
			if err == nil {
				_, err = w.Write(data)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
		}},
		{"check", func() {
			if err := seal.Check(bytes.NewReader(pkg.Bytes()), id, sums); err != nil {
				b.Fatal(err)
			}
		}},
		{"age decrypts", func() {
			r, err := age.Decrypt(bytes.NewReader(pkg.Bytes()), id)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if err != nil {
				b.Fatal(err)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				c.f()
			}
		})
	}
}
