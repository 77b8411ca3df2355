package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/zeebo/blake3"

	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/record"
)

// Kind names what happened to a stored object.
type Kind string

// Kinds of faults. They are stored with findings; none is renamed.
const (
	Missing    Kind = "missing"     // it is not there
	Truncated  Kind = "truncated"   // it is shorter than what was stored
	Altered    Kind = "altered"     // it has other bytes, which are nobody's
	Swapped    Kind = "swapped"     // it has the bytes of another object
	RolledBack Kind = "rolled back" // it has the bytes of an earlier version of itself
	Replaced   Kind = "replaced"    // the same bytes under another version of the store: somebody put it again
	Forged     Kind = "forged"      // it opens, and no depositor we trust signed it
	KeyMissing Kind = "key missing" // its key is gone, and no certificate says so
	KeyChanged Kind = "key changed" // it is as it was stored; its key is another one, or damaged
	KeyBack    Kind = "key back"    // destroyed under a certificate, and its key is there again
	Miscounted Kind = "miscounted"  // it is as it was stored; its page accounting does not balance, or is not the catalogue's
)

// ErrMiscounted is a batch whose page accounting is wrong.
var ErrMiscounted = fmt.Errorf("its page accounting does not balance, or differs from the catalogue's: %w", record.ErrCorrupt)

// Fault is a finding about one object. It is record.ErrCorrupt.
type Fault struct {
	Kind   Kind
	Object string
	Detail error // nil when the kind says all
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Detail == nil {
		return fmt.Sprintf("%s: %s", f.Object, f.Kind)
	}
	return fmt.Sprintf("%s: %s: %v", f.Object, f.Kind, f.Detail)
}

// Unwrap makes a fault what errors.Is looks for.
func (f *Fault) Unwrap() []error {
	if f.Detail == nil {
		return []error{record.ErrCorrupt}
	}
	return []error{record.ErrCorrupt, f.Detail}
}

// Object is an object as it was stored, to hold the store against. The sum is
// of ciphertext and says nothing about what it holds.
type Object struct {
	Name    string
	Owner   record.ID // the document or batch it belongs to
	Size    int64     // bytes
	Version string    // the store's version id; "" where it keeps none
	Sum     []byte    // BLAKE3 of a package or rest, SHA-256 of a manifest and of what was stored before BLAKE3 was used
}

// Objects describes the objects of a document that was just loaded.
func (a *Archive) Objects(ctx context.Context, s *Stored) ([]Object, error) {
	m := s.Manifest
	return a.versions(ctx,
		Object{Name: m.Object, Owner: m.ID, Size: m.Package.Size, Sum: m.Package.Sum()},
		Object{Name: manifestName(m.ID, m.Version), Owner: m.ID, Size: s.sealedSize, Sum: s.sealedSum[:]})
}

// BatchObjects describes the objects of a batch.
func (a *Archive) BatchObjects(ctx context.Context, id record.ID) ([]Object, error) {
	m, err := a.LoadBatch(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := readAll(ctx, a.Docs, batchManifestName(id))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	out := []Object{{Name: batchManifestName(id), Owner: id, Size: int64(len(b)), Sum: sum[:]}}
	if m.Object != "" {
		out = append(out, Object{Name: m.Object, Owner: id, Size: m.Rest.Size, Sum: m.Rest.Sum()})
	}
	return a.versions(ctx, out...)
}

// versions asks the store for the version ids.
func (a *Archive) versions(ctx context.Context, objects ...Object) ([]Object, error) {
	for i, o := range objects {
		info, err := a.Docs.Stat(ctx, o.Name)
		if errors.Is(err, blob.ErrNotExist) {
			continue // a finding of the census, not of this
		}
		if err != nil {
			return nil, err
		}
		objects[i].Version = info.Version
	}
	return objects, nil
}

// Glance compares one object's size and version with what was stored, by one
// request that reads none of it. nil when they agree.
func (a *Archive) Glance(ctx context.Context, o Object) (*Fault, error) {
	info, err := a.Docs.Stat(ctx, o.Name)
	switch {
	case errors.Is(err, blob.ErrNotExist):
		return &Fault{Kind: Missing, Object: o.Name}, nil
	case err != nil:
		return nil, err
	case info.Size < o.Size:
		return &Fault{Kind: Truncated, Object: o.Name}, nil
	case info.Size != o.Size:
		return &Fault{Kind: Altered, Object: o.Name}, nil
	case o.Version != "" && info.Version != o.Version:
		return &Fault{Kind: Replaced, Object: o.Name}, nil
	}
	return nil, nil
}

// Diagnose finds out what is behind a failed verification of a document or
// batch: it reads each of its objects whole and compares it with what was
// stored. known finds the name under which other bytes were stored, "" for
// bytes that are nobody's. A cause that is no damage is returned when the objects
// are whole: what could not be asked says nothing of them.
func (a *Archive) Diagnose(ctx context.Context, cause error, objects []Object, known func(sum []byte) (string, error)) ([]*Fault, error) {
	if errors.Is(cause, seal.ErrSignature) {
		return []*Fault{{Forged, names(objects), cause}}, nil
	}
	var out []*Fault
	for _, o := range objects {
		f, err := a.examine(ctx, o, known)
		if err != nil {
			return nil, err
		}
		if f != nil {
			out = append(out, f)
		}
	}
	noMatch := (*age.NoIdentityMatchError)(nil)
	switch {
	case len(out) > 0 || cause == nil:
		return out, nil
	case !errors.Is(cause, record.ErrCorrupt): // something was away, and the objects are whole
		return nil, cause
	case errors.Is(cause, ErrMiscounted):
		return []*Fault{{Miscounted, names(objects), nil}}, nil
	case errors.Is(cause, record.ErrDestroyed):
		return []*Fault{{KeyMissing, names(objects), nil}}, nil
	case errors.As(cause, &noMatch):
		return []*Fault{{KeyChanged, names(objects), nil}}, nil
	}
	return []*Fault{{KeyChanged, names(objects), cause}}, nil
}

func names(objects []Object) string {
	if len(objects) == 0 {
		return "object"
	}
	return objects[0].Name
}

// examine reads one object whole.
func (a *Archive) examine(ctx context.Context, o Object, known func(sum []byte) (string, error)) (*Fault, error) {
	obj, err := a.Docs.Open(ctx, o.Name)
	if errors.Is(err, blob.ErrNotExist) {
		return &Fault{Kind: Missing, Object: o.Name}, nil
	}
	if err != nil {
		return nil, err
	}
	defer obj.Close() // read-only
	sums, n, err := sumsOf(io.NewSectionReader(obj, 0, obj.Info().Size))
	if err != nil {
		return nil, err
	}
	for _, sum := range sums {
		if slices.Equal(sum, o.Sum) {
			return nil, nil
		}
	}
	other := ""
	for i := 0; i < len(sums) && other == "" && err == nil; i++ {
		other, err = known(sums[i])
	}
	switch {
	case err != nil:
		return nil, err
	case other != "" && sameDocument(other, o.Name):
		return &Fault{RolledBack, o.Name, errors.New("it is " + other)}, nil
	case other != "":
		return &Fault{Swapped, o.Name, errors.New("it is " + other)}, nil
	case n < o.Size:
		return &Fault{Kind: Truncated, Object: o.Name}, nil
	}
	return &Fault{Kind: Altered, Object: o.Name}, nil
}

// sumsOf returns what bytes may be known by, and how many there are: a manifest
// may lie where a package should.
func sumsOf(r io.Reader) ([][]byte, int64, error) {
	now, manifests := blake3.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(now, manifests), r)
	return [][]byte{now.Sum(nil), manifests.Sum(nil)}, n, err
}

// sameDocument reports whether two names are the same part of one document in
// two versions.
func sameDocument(a, b string) bool {
	idA, partA := splitName(a)
	idB, partB := splitName(b)
	return idA != "" && idA == idB && partA == partB
}

// splitName takes "d/ID/VERSION/PART" apart.
func splitName(name string) (id, part string) {
	f := strings.Split(name, "/")
	if len(f) != 4 || f[0] != "d" {
		return "", ""
	}
	return f[1], f[3]
}
