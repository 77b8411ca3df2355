package seal_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"chartvault/archive/seal"
	"chartvault/record"
)

const chunk = 64 << 10

// sizes lie around the ends of chunks and of the pieces that cores are given.
var sizes = []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 3 * chunk, 4*chunk + 1, 8 * chunk, 9*chunk + 100, 20*chunk + 1}

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func content(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// sealed seals b, written in parts of up to 100,000 bytes.
func sealed(t testing.TB, to age.Recipient, b []byte) ([]byte, seal.Sums) {
	t.Helper()
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(len(b)), 7))
	for rest := b; len(rest) > 0; {
		n := min(len(rest), 1+r.IntN(100_000))
		if k, err := w.Write(rest[:n]); err != nil || k != n {
			t.Fatalf("write: got %d, %v, want %d", k, err, n)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.Sums()
}

// TestAgeLibrary: what is sealed here the age library opens, what it seals opens
// here, byte for byte, at every size where the two could count differently.
func TestAgeLibrary(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	x := identity(t)
	for name, id := range map[string]struct {
		age.Identity
		age.Recipient
	}{"x25519": {x, x.Recipient()}, "hybrid": {hybrid, hybrid.Recipient()}} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				want := content(size)
				file, sums := sealed(t, id.Recipient, want)
				r, err := age.Decrypt(bytes.NewReader(file), id.Identity)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("the library opens %d bytes: %v, want %d", len(got), err, size)
				}
				if sums.Size != int64(len(file)) || sums.PlainSize != int64(size) || len(sums.BLAKE3) != 32 || len(sums.SHA256) != 0 {
					t.Errorf("got sums %+v of %d bytes sealed, %d plain", sums, len(file), size)
				}
				if err := seal.Check(bytes.NewReader(file), id.Identity, sums); err != nil {
					t.Error(err)
				}

				var theirs, got bytes.Buffer
				w, err := age.Encrypt(&theirs, id.Recipient)
				if err == nil {
					_, err = w.Write(want)
				}
				if err == nil {
					err = w.Close()
				}
				if err == nil {
					err = seal.Open(&got, iotest.HalfReader(&theirs), id.Identity)
				}
				if err != nil || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("what the library sealed: got %d bytes, %v, want %d", got.Len(), err, size)
				}
			})
		}
	}
}

// longRecipient has a header that does not fit into a head.
type longRecipient struct{}

func (longRecipient) Wrap([]byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "long", Body: make([]byte, 2*seal.HeadSize)}}, nil
}

// TestLongHeader: nothing is sealed that could not be opened.
func TestLongHeader(t *testing.T) {
	if _, err := seal.NewWriter(io.Discard, longRecipient{}); err == nil {
		t.Error("got none, want an error")
	}
}

// TestPostQuantumLabel: a post-quantum recipient is not joined with another.
func TestPostQuantumLabel(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	file, _ := sealed(t, hybrid.Recipient(), []byte("x"))
	if !bytes.Contains(file, []byte("mlkem768x25519")) {
		t.Errorf("got the header %q", file[:80])
	}
}

// damage is one way to harm a sealed file whose payload begins at from.
type damage struct {
	name string
	do   func(file []byte, from int) []byte
}

func damages(size int) []damage {
	const step = chunk + 16
	out := []damage{
		{"its end cut by a byte", func(f []byte, _ int) []byte { return f[:len(f)-1] }},
		{"a byte behind it", func(f []byte, _ int) []byte { return append(f, 0) }},
		{"the payload gone", func(f []byte, from int) []byte { return f[:from] }},
		{"half of the nonce gone", func(f []byte, from int) []byte { return f[:from-8] }},
		{"half of the header gone", func(f []byte, from int) []byte { return f[:from/2] }},
		{"nothing left", func([]byte, int) []byte { return nil }},
		{"the nonce changed", func(f []byte, from int) []byte { f[from-1] ^= 1; return f }},
		{"a bit of its first byte", func(f []byte, from int) []byte { f[from] ^= 1; return f }},
		{"a bit of its last byte", func(f []byte, _ int) []byte { f[len(f)-1] ^= 128; return f }},
	}
	for at := chunk; at < size; at += chunk {
		n := at / chunk * step
		out = append(out,
			damage{fmt.Sprintf("cut after chunk %d", at/chunk), func(f []byte, from int) []byte { return f[:from+n] }},
			damage{fmt.Sprintf("a bit of chunk %d", at/chunk), func(f []byte, from int) []byte { f[from+n-step+100] ^= 4; return f }})
	}
	if size >= 2*chunk {
		out = append(out,
			damage{"two chunks swapped", func(f []byte, from int) []byte {
				return slices.Concat(f[:from], f[from+step:from+2*step], f[from:from+step], f[from+2*step:])
			}},
			damage{"a chunk twice", func(f []byte, from int) []byte {
				return slices.Concat(f[:from+step], f[from:])
			}},
			damage{"a chunk gone", func(f []byte, from int) []byte { return slices.Concat(f[:from], f[from+step:]) }})
	}
	return out
}

// TestDamage: whatever is done to a file, opening and checking it fail as
// corrupt, and nothing comes out that was not put in.
func TestDamage(t *testing.T) {
	id := identity(t)
	for _, size := range sizes[:10] {
		want := content(size)
		file, sums := sealed(t, id.Recipient(), want)
		chunks := max(1, (size+chunk-1)/chunk)
		from := len(file) - size - 16*chunks
		for _, d := range damages(size) {
			bad := d.do(bytes.Clone(file), from)
			var got bytes.Buffer
			if err := seal.Open(&got, bytes.NewReader(bad), id); !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%d bytes, %s: open: got %v, want ErrCorrupt", size, d.name, err)
			}
			if !bytes.HasPrefix(want, got.Bytes()) {
				t.Errorf("%d bytes, %s: %d bytes came out that are not what was sealed", size, d.name, got.Len())
			}
			if err := seal.Check(bytes.NewReader(bad), id, sums); !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%d bytes, %s: check: got %v, want ErrCorrupt", size, d.name, err)
			}
		}
		other, _ := sealed(t, id.Recipient(), want)
		if err := seal.Check(bytes.NewReader(other), id, sums); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%d bytes, the same sealed once more: got %v, want ErrCorrupt", size, err)
		}
	}
}

// TestSumsFromBefore: what was stored with SHA-256 is checked with SHA-256.
func TestSumsFromBefore(t *testing.T) {
	id := identity(t)
	file, sums := sealed(t, id.Recipient(), content(3*chunk))
	sum := sha256.Sum256(file)
	old := sums
	old.BLAKE3, old.SHA256 = nil, sum[:]
	if err := seal.Check(bytes.NewReader(file), id, old); err != nil {
		t.Errorf("whole: got %v", err)
	}
	if !bytes.Equal(old.Sum(), sum[:]) || !bytes.Equal(sums.Sum(), sums.BLAKE3) {
		t.Errorf("got sums %x and %x", old.Sum(), sums.Sum())
	}
	old.SHA256 = bytes.Clone(sum[:])
	old.SHA256[3] ^= 1
	if err := seal.Check(bytes.NewReader(file), id, old); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("another hash: got %v, want ErrCorrupt", err)
	}
	old.SHA256 = nil
	if err := seal.Check(bytes.NewReader(file), id, old); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("no hash: got %v, want ErrCorrupt", err)
	}
}

var errDisk = errors.New("the disk is full")

// broken are errors of what is read that say nothing of the file: of a disk, and
// of an answer that broke off.
var broken = []error{errDisk, io.ErrUnexpectedEOF, fmt.Errorf("get: %w", io.EOF), fmt.Errorf("the store is away: %w", io.ErrUnexpectedEOF)}

// failing fails from its n-th byte on.
type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// TestFailingDisk: an error of the disk is told, wherever it happens, and is no
// damage.
func TestFailingDisk(t *testing.T) {
	id := identity(t)
	want := content(9 * chunk)
	file, sums := sealed(t, id.Recipient(), want)
	for _, at := range []int{0, 10, len(file) - 9*(chunk+16), chunk, 3 * chunk, 5 * chunk, len(file) - 1} {
		w, err := seal.NewWriter(&failing{at}, id.Recipient())
		if err == nil {
			_, err = w.Write(want)
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("sealing, failing at %d: got %v, want %v", at, err, errDisk)
		}
		for _, why := range broken {
			r := io.MultiReader(bytes.NewReader(file[:at]), iotest.ErrReader(why))
			if err := seal.Check(r, id, sums); !errors.Is(err, why) || errors.Is(err, record.ErrCorrupt) {
				t.Errorf("checking, failing at %d: got %v, want %v", at, err, why)
			}
		}
		if err := seal.Open(&failing{at}, bytes.NewReader(file), id); at < len(want) && !errors.Is(err, errDisk) {
			t.Errorf("opening into what fails at %d: got %v, want %v", at, err, errDisk)
		}
	}
	w, err := seal.NewWriter(io.Discard, id.Recipient())
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	before := w.Sums()
	if n, err := w.Write([]byte("x")); n != 0 || err == nil || !w.Sums().Equal(before) {
		t.Errorf("a write after the end: got %d bytes, %v, want an error", n, err)
	}
}

// failingAt is an object whose store goes away.
type failingAt struct {
	*bytes.Reader
	away error
}

func (f *failingAt) ReadAt(p []byte, off int64) (int, error) {
	if f.away != nil {
		return 0, f.away
	}
	return f.Reader.ReadAt(p, off)
}

// pack seals members of a package and returns the file.
func pack(t testing.TB, to age.Recipient, members map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := seal.WritePackage(&out, to, func(zw *zip.Writer) error {
		for name, b := range members {
			w, err := seal.AddPart(zw, name)
			if err == nil {
				_, err = w.Write(b)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPackage: members are read from several places at once, each as it was put
// in; damage and a store that is away are told apart.
func TestPackage(t *testing.T) {
	id := identity(t)
	members := map[string][]byte{}
	for _, size := range sizes {
		members[fmt.Sprint(size)] = content(size)
	}
	file := pack(t, id.Recipient(), members)
	src := &failingAt{Reader: bytes.NewReader(file)}
	zr, err := seal.OpenPackage(src, int64(len(file)), id)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for name, want := range members {
		wg.Go(func() {
			r, err := zr.Open(name)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %d bytes, %v", name, len(got), err)
			}
		})
	}
	wg.Wait()

	for _, why := range broken {
		src.away = why
		if err := seal.CopyMember(io.Discard, zr, fmt.Sprint(20*chunk+1)); !errors.Is(err, why) || errors.Is(err, record.ErrCorrupt) {
			t.Errorf("the store is away: got %v, want %v", err, why)
		}
		if _, err := seal.OpenPackage(src, int64(len(file)), id); !errors.Is(err, why) || errors.Is(err, record.ErrCorrupt) {
			t.Errorf("opening while the store is away: got %v, want %v", err, why)
		}
		if err := seal.CheckHead(src, seal.Sums{Size: int64(len(file))}); !errors.Is(err, why) || errors.Is(err, record.ErrCorrupt) {
			t.Errorf("its head while the store is away: got %v, want %v", err, why)
		}
	}
	if err := seal.CopyMember(io.Discard, zr, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a member that is none: got %v, want ErrNotExist", err)
	}
	for _, size := range []int64{-1, math.MinInt64, 1 << 62, math.MaxInt64 - 70_000, math.MaxInt64} {
		if _, err := seal.OpenPackage(bytes.NewReader(file), size, id); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%d bytes: got %v, want ErrCorrupt", size, err)
		}
	}
	for _, size := range []int{0, 10, len(file) / 2, len(file) - 1, len(file) + 1} {
		if _, err := seal.OpenPackage(bytes.NewReader(append(bytes.Clone(file), 0)[:size]), int64(size), id); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%d bytes of it: got %v, want ErrCorrupt", size, err)
		}
		if size < len(file) {
			if _, err := seal.OpenPackage(bytes.NewReader(file[:size]), int64(len(file)), id); !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%d bytes where there should be %d: got %v, want ErrCorrupt", size, len(file), err)
			}
		}
	}
	small := pack(t, id.Recipient(), map[string][]byte{"a": content(100), "b": content(3 * chunk)})
	for at := 0; at < len(small); at += 4001 {
		bad := bytes.Clone(small)
		bad[at] ^= 1
		if !harmed(bad, id) {
			t.Errorf("a bit at %d: everything was read", at)
		}
	}
}

// harmed reports whether a package is not read whole.
func harmed(file []byte, id age.Identity) bool {
	zr, err := seal.OpenPackage(bytes.NewReader(file), int64(len(file)), id)
	if err != nil {
		return errors.Is(err, record.ErrCorrupt)
	}
	for _, f := range zr.File {
		if err := seal.CopyMember(io.Discard, zr, f.Name); err != nil {
			return errors.Is(err, record.ErrCorrupt)
		}
	}
	return false
}

// FuzzOpen changes, cuts and extends a sealed file: the age library and this
// package agree on what opens and what it holds.
func FuzzOpen(f *testing.F) {
	id := identity(f)
	f.Add(uint32(0), uint32(0), byte(1), uint32(1<<31), []byte(nil))
	f.Add(uint32(chunk), uint32(300), byte(0), uint32(1<<31), []byte("x"))
	f.Add(uint32(2*chunk), uint32(7), byte(0), uint32(chunk+216), []byte(nil))
	f.Fuzz(func(t *testing.T, size, at uint32, flip byte, cut uint32, more []byte) {
		file, _ := sealed(t, id.Recipient(), content(int(size%(5*chunk))))
		file[int(at)%len(file)] ^= flip
		file = append(file[:min(int(cut), len(file))], more...)
		var want []byte
		r, wantErr := age.Decrypt(bytes.NewReader(file), id)
		if wantErr == nil {
			want, wantErr = io.ReadAll(r)
		}
		var got bytes.Buffer
		gotErr := seal.Open(&got, bytes.NewReader(file), id)
		if (gotErr == nil) != (wantErr == nil) || gotErr == nil && !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got %d bytes, %v; the library has %d, %v", got.Len(), gotErr, len(want), wantErr)
		}
	})
}
