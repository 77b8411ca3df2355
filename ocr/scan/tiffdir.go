package scan

import (
	"encoding/binary"
	"fmt"
	"io"

	"chartvault/ocr"
)

// Tags of TIFF 6.0 that are read or copied.
const (
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagStripOffsets = 273
	tagOrientation  = 274
	tagSamples      = 277
	tagRowsPerStrip = 278
	tagStripCounts  = 279
	tagXResolution  = 282
	tagYResolution  = 283
	tagPlanar       = 284
	tagT4Options    = 292
	tagT6Options    = 293
	tagResUnit      = 296
	tagPredictor    = 317
	tagColorMap     = 320
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagInkSet       = 332
	tagExtraSamples = 338
	tagSampleFormat = 339
	tagJPEGTables   = 347
	tagYCbCrCoeff   = 529
	tagYCbCrSub     = 530
	tagYCbCrPos     = 531
	tagRefBW        = 532
)

const (
	maxEntries = 4096    // of one directory
	maxTag     = 8 << 20 // bytes of one tag's values
)

// tag is one entry of a directory with its values' bytes in file order.
type tag struct {
	kind  uint16
	count int
	data  []byte
}

// dir is one image file directory.
type dir struct {
	order binary.ByteOrder
	tags  map[uint16]tag
}

// tiffDirs is the directory chain of a TIFF.
type tiffDirs struct {
	order binary.ByteOrder
	dirs  []dir
	cut   bool // the chain ended in damage or in a loop
}

// walkTIFF follows the chain of directories of a classic or a big TIFF, at
// most limit of them and none twice. Damage after the first directory ends the
// chain; damage before it is an error.
func walkTIFF(r io.ReaderAt, size int64, limit int) (*tiffDirs, error) {
	head := make([]byte, 16)
	if n, _ := r.ReadAt(head, 0); n < 8 { // a short read shows in n
		return nil, fmt.Errorf("open tiff: %w: short header", ocr.ErrFormat)
	}
	t := &tiffDirs{order: binary.LittleEndian}
	if head[0] == 'M' {
		t.order = binary.BigEndian
	}
	big := t.order.Uint16(head[2:]) == 43
	next := uint64(t.order.Uint32(head[4:]))
	if big {
		next = t.order.Uint64(head[8:])
	}
	seen := map[uint64]bool{}
	for next != 0 {
		if seen[next] || len(t.dirs) >= limit {
			t.cut = true
			break
		}
		seen[next] = true
		d, after, err := readDir(r, size, t.order, big, next)
		if err != nil {
			if len(t.dirs) == 0 {
				return nil, fmt.Errorf("open tiff: %w", err)
			}
			t.cut = true
			break
		}
		t.dirs = append(t.dirs, d)
		next = after
	}
	if len(t.dirs) == 0 {
		return nil, fmt.Errorf("open tiff: %w: no image", ocr.ErrFormat)
	}
	return t, nil
}

func readDir(r io.ReaderAt, size int64, order binary.ByteOrder, big bool, at uint64) (dir, uint64, error) {
	bad := fmt.Errorf("%w: damaged directory", ocr.ErrFormat)
	countLen, entryLen, wordLen := 2, 12, 4
	if big {
		countLen, entryLen, wordLen = 8, 20, 8
	}
	if at >= uint64(size) {
		return dir{}, 0, bad
	}
	b := make([]byte, countLen)
	if _, err := r.ReadAt(b, int64(at)); err != nil {
		return dir{}, 0, bad
	}
	n := uint64(order.Uint16(b))
	if big {
		n = order.Uint64(b)
	}
	if n == 0 || n > maxEntries {
		return dir{}, 0, bad
	}
	b = make([]byte, int(n)*entryLen+wordLen)
	got, _ := r.ReadAt(b, int64(at)+int64(countLen)) // a short read shows in got
	if got < int(n)*entryLen {
		return dir{}, 0, bad
	}
	d := dir{order: order, tags: make(map[uint16]tag, n)}
	for i := range int(n) {
		e := b[i*entryLen:]
		id, tg, ok := readTag(r, size, order, big, e[:entryLen])
		if ok {
			d.tags[id] = tg
		}
	}
	if got < len(b) { // the link to the next directory is cut off
		return d, 0, nil
	}
	tail := b[int(n)*entryLen:]
	if big {
		return d, order.Uint64(tail), nil
	}
	return d, uint64(order.Uint32(tail)), nil
}

// readTag reads an entry and its values. A tag whose values lie outside the
// file is left out.
func readTag(r io.ReaderAt, size int64, order binary.ByteOrder, big bool, e []byte) (uint16, tag, bool) {
	id, kind := order.Uint16(e), order.Uint16(e[2:])
	count, value := uint64(order.Uint32(e[4:])), e[8:]
	if big {
		count, value = order.Uint64(e[4:]), e[12:]
	}
	width := kindSize(kind)
	if width == 0 || count == 0 || count > maxTag/uint64(width) {
		return id, tag{}, false
	}
	n := int(count) * width
	if n <= len(value) {
		return id, tag{kind, int(count), value[:n:n]}, true
	}
	at := uint64(order.Uint32(value))
	if big {
		at = order.Uint64(value)
	}
	if at > uint64(size) || uint64(n) > uint64(size)-at {
		return id, tag{}, false
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, int64(at), int64(n)), data); err != nil {
		return id, tag{}, false
	}
	return id, tag{kind, int(count), data}, true
}

// kindSize is the size of one value of a TIFF field type, 0 for unknown ones.
func kindSize(kind uint16) int {
	switch kind {
	case 1, 2, 6, 7:
		return 1
	case 3, 8:
		return 2
	case 4, 9, 11, 13:
		return 4
	case 5, 10, 12, 16, 17, 18:
		return 8
	}
	return 0
}

// uints returns a tag's values as unsigned integers; nil when it is absent or
// of another type.
func (d dir) uints(id uint16) []uint64 {
	t, ok := d.tags[id]
	if !ok {
		return nil
	}
	out := make([]uint64, t.count)
	for i := range out {
		switch t.kind {
		case 1, 7:
			out[i] = uint64(t.data[i])
		case 3:
			out[i] = uint64(d.order.Uint16(t.data[2*i:]))
		case 4, 13:
			out[i] = uint64(d.order.Uint32(t.data[4*i:]))
		case 16, 18:
			out[i] = d.order.Uint64(t.data[8*i:])
		default:
			return nil
		}
	}
	return out
}

// uint returns a tag's first value, or def.
func (d dir) uint(id uint16, def int) int {
	v := d.uints(id)
	if len(v) == 0 || v[0] > 1<<31-1 {
		return def
	}
	return int(v[0])
}

// resolution returns dots an inch, 0 where the directory does not say.
func (d dir) resolution() (x, y float64) {
	unit := map[int]float64{2: 1, 3: 2.54}[d.uint(tagResUnit, 2)]
	rational := func(id uint16) float64 {
		t := d.tags[id]
		if t.kind != 5 || len(t.data) < 8 {
			return 0
		}
		den := d.order.Uint32(t.data[4:])
		if den == 0 {
			return 0
		}
		return float64(d.order.Uint32(t.data)) / float64(den) * unit
	}
	return rational(tagXResolution), rational(tagYResolution)
}

// quarterTurns translates an orientation tag; mirrored ones, which no scanner
// makes, are shown as they are.
func quarterTurns(orientation int) int {
	return map[int]int{3: 2, 6: 1, 8: 3}[orientation]
}
