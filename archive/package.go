package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"

	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/record"
)

// Package is an open package whose every byte was verified. It is not safe for
// concurrent use.
type Package struct {
	o  blob.Object
	zr *zip.Reader
}

// OpenWhole verifies a document to its end and opens its package for the
// archive's own work: what leaves the archive goes through Read, which logs it.
func (a *Archive) OpenWhole(ctx context.Context, id record.ID, version int) (*Stored, *Package, error) {
	s, err := a.Verify(ctx, id, version)
	if err != nil {
		return nil, nil, err
	}
	o, err := open(ctx, a.Docs, s.Manifest.Object)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", id, err)
	}
	zr, err := seal.OpenPackage(o, s.Manifest.Package.Size, s.Key.Identity())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open %s: %w", id, err), o.Close())
	}
	return s, &Package{o, zr}, nil
}

// Size returns the bytes of a member; -1 when there is none of that name.
func (p *Package) Size(member string) int64 {
	for _, f := range p.zr.File {
		if f.Name == member {
			return int64(f.UncompressedSize64)
		}
	}
	return -1
}

// Copy writes a member to w; fs.ErrNotExist when there is none.
func (p *Package) Copy(member string, w io.Writer) error {
	return seal.CopyMember(w, p.zr, member)
}

// Close closes the package.
func (p *Package) Close() error { return p.o.Close() }
