package seal_test

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"filippo.io/age"

	"chartvault/archive/seal"
)

// BenchmarkSealing holds sealing and opening a document of 5 MB, its
// ciphertext hashed, against the age library alone: one after the other, so that both have the same
// noise; the metric is the median of the ratios of their speeds.
func BenchmarkSealing(b *testing.B) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	// Documents come from files and processes, part by part.
	source := func() io.Reader { return struct{ io.Reader }{bytes.NewReader(data)} }
	var pkg bytes.Buffer
	write := func(w io.Writer) seal.Sums {
		sums, err := seal.WritePackage(w, id.Recipient(), func(zw *zip.Writer) error {
			p, err := seal.AddPart(zw, "document.pdf")
			if err == nil {
				_, err = io.Copy(p, source())
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
	decrypt := func() {
		r, err := age.Decrypt(bytes.NewReader(pkg.Bytes()), id)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name       string
		ours, ages func()
	}{
		{"seal", func() { write(io.Discard) }, func() {
			w, err := age.Encrypt(io.Discard, id.Recipient())
			if err == nil {
				_, err = io.Copy(w, source())
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
		}, decrypt},
		{"open", func() {
			if err := seal.Open(io.Discard, bytes.NewReader(pkg.Bytes()), id); err != nil {
				b.Fatal(err)
			}
		}, decrypt},
		{"read a part", func() {
			zr, err := seal.OpenPackage(bytes.NewReader(pkg.Bytes()), int64(pkg.Len()), id)
			if err != nil {
				b.Fatal(err)
			}
			r, err := zr.Open("document.pdf")
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if err != nil {
				b.Fatal(err)
			}
		}, decrypt},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var ratios []float64
			for b.Loop() {
				began := time.Now()
				c.ages()
				between := time.Now()
				c.ours()
				ratios = append(ratios, float64(between.Sub(began))/float64(time.Since(between)))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "of-age")
		})
	}
}
