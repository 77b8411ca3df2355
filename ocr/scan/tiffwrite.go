package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"chartvault/ocr"
)

// copied lists the tags a page keeps when it is written into another TIFF:
// those its pixels depend on. Dates, device names and free text stay behind.
func copied() []uint16 {
	return []uint16{tagWidth, tagHeight, tagBits, tagCompression, tagPhotometric, tagFillOrder, tagOrientation,
		tagSamples, tagRowsPerStrip, tagXResolution, tagYResolution, tagPlanar, tagT4Options, tagT6Options, tagResUnit,
		tagPredictor, tagColorMap, tagTileWidth, tagTileHeight, tagInkSet, tagExtraSamples, tagSampleFormat,
		tagJPEGTables, tagYCbCrCoeff, tagYCbCrSub, tagYCbCrPos, tagRefBW}
}

// pageCopy is a page on its way into another file.
type pageCopy struct {
	d             dir
	offsetTag     uint16
	countTag      uint16
	offs, counts  []uint64
	dataLen       int64 // of all strips, each padded to even
	dirLen        int64 // of the directory with its values
	compressedLen uint64
}

// write writes pages as a classic TIFF in the source's byte order, strips and
// tiles as they are. Each page is laid out as image data, then directory.
func (f *tiffFile) write(w io.Writer, pages []int) error {
	var copies []pageCopy
	end := int64(8)
	for _, n := range pages {
		c, err := f.plan(n)
		if err != nil {
			return err
		}
		copies = append(copies, c)
		end += c.dataLen + c.dirLen
	}
	if end > 1<<32-1 {
		return fmt.Errorf("write tiff: %w: over 4 GiB", ocr.ErrFormat)
	}
	head := []byte("II*\x00\x00\x00\x00\x00")
	if f.order == binary.ByteOrder(binary.BigEndian) {
		head = []byte("MM\x00*\x00\x00\x00\x00")
	}
	at := int64(8)
	f.order.PutUint32(head[4:], uint32(at+copies[0].dataLen))
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, c := range copies {
		next := int64(0)
		if i+1 < len(copies) {
			next = at + c.dataLen + c.dirLen + copies[i+1].dataLen
		}
		if err := f.writePage(w, c, at, next); err != nil {
			return err
		}
		at += c.dataLen + c.dirLen
	}
	return nil
}

func (f *tiffFile) plan(n int) (pageCopy, error) {
	d, err := f.dir(n)
	if err != nil {
		return pageCopy{}, err
	}
	c := pageCopy{offsetTag: tagStripOffsets, countTag: tagStripCounts}
	if d.tags[tagTileOffsets].count > 0 {
		c.offsetTag, c.countTag = tagTileOffsets, tagTileCounts
	}
	c.offs, c.counts = d.uints(c.offsetTag), d.uints(c.countTag)
	if len(c.offs) == 1 && len(c.counts) == 0 && c.offs[0] < uint64(f.size) {
		// Old writers left the length of a single strip out.
		c.counts = []uint64{uint64(f.size) - c.offs[0]}
	}
	if len(c.offs) == 0 || len(c.offs) != len(c.counts) {
		return pageCopy{}, fmt.Errorf("%w: page without image data", ocr.ErrFormat)
	}
	for i := range c.offs {
		if c.offs[i] > uint64(f.size) {
			return pageCopy{}, fmt.Errorf("%w: image data outside the file", ocr.ErrFormat)
		}
		// A cut file keeps the rows it has.
		c.counts[i] = min(c.counts[i], uint64(f.size)-c.offs[i])
		if c.compressedLen += c.counts[i]; c.compressedLen > maxEncoded {
			return pageCopy{}, fmt.Errorf("%w: page of over %d encoded bytes", ocr.ErrFormat, maxEncoded)
		}
		c.dataLen += even(int64(c.counts[i]))
	}
	c.d = dir{order: d.order, tags: map[uint16]tag{c.offsetTag: {}, c.countTag: {}}}
	values := int64(2 * len(c.offs) * 4)
	for _, id := range copied() {
		if t, ok := d.tags[id]; ok && t.kind <= 12 {
			c.d.tags[id] = t
			values += even(int64(len(t.data)))
		}
	}
	c.dirLen = even(2+12*int64(len(c.d.tags))+4) + values + 8
	return c, nil
}

func even(n int64) int64 { return n + n&1 }

func (f *tiffFile) writePage(w io.Writer, c pageCopy, at, next int64) error {
	offs := make([]byte, 0, 4*len(c.offs))
	counts := make([]byte, 0, 4*len(c.offs))
	dirAt := at + c.dataLen
	for i := range c.offs {
		b, err := f.bytes(c.offs[i], c.counts[i])
		if err != nil {
			return err
		}
		offs = f.put32(offs, uint32(at))
		counts = f.put32(counts, uint32(len(b)))
		at += even(int64(len(b)))
		if len(b)&1 == 1 {
			b = append(b, 0)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	c.d.tags[c.offsetTag] = tag{4, len(c.offs), offs}
	c.d.tags[c.countTag] = tag{4, len(c.offs), counts}
	_, err := w.Write(f.encodeDir(c, dirAt, next))
	return err
}

// encodeDir lays out a directory and its values at offset at, in c.dirLen bytes.
func (f *tiffFile) encodeDir(c pageCopy, at, next int64) []byte {
	ids := make([]uint16, 0, len(c.d.tags))
	for id := range c.d.tags {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var entries, values bytes.Buffer
	base := at + even(2+12*int64(len(ids))+4)
	entries.Write(f.put16(nil, uint16(len(ids))))
	for _, id := range ids {
		t := c.d.tags[id]
		entries.Write(f.put16(f.put16(nil, id), t.kind))
		entries.Write(f.put32(nil, uint32(t.count)))
		if len(t.data) <= 4 {
			entries.Write(append(slices.Clone(t.data), make([]byte, 4-len(t.data))...))
			continue
		}
		entries.Write(f.put32(nil, uint32(base+int64(values.Len()))))
		values.Write(t.data)
		if values.Len()&1 == 1 {
			values.WriteByte(0)
		}
	}
	entries.Write(f.put32(nil, uint32(next)))
	if entries.Len()&1 == 1 {
		entries.WriteByte(0)
	}
	out := append(entries.Bytes(), values.Bytes()...)
	return append(out, make([]byte, c.dirLen-int64(len(out)))...)
}

func (f *tiffFile) put16(b []byte, v uint16) []byte {
	var x [2]byte
	f.order.PutUint16(x[:], v)
	return append(b, x[:]...)
}

func (f *tiffFile) put32(b []byte, v uint32) []byte {
	var x [4]byte
	f.order.PutUint32(x[:], v)
	return append(b, x[:]...)
}
