package record

import "time"

// BatchState says how far a batch has come. A crash replays only the arrow
// after the stored state.
type BatchState string

// States of a batch, in order. Unread ends a batch no page of which could be
// had: its source is kept, sealed, for QA.
const (
	BatchClaimed BatchState = "claimed" // the source is hashed and journalled
	BatchSplit   BatchState = "split"   // every page is read and has its disposition
	BatchFiled   BatchState = "filed"   // every object is stored, read back and catalogued
	BatchUnread  BatchState = "unread"  // stored whole, nothing in it could be read
)

// Done reports whether nothing is left to do for the batch.
func (s BatchState) Done() bool { return s == BatchFiled || s == BatchUnread }

// Batch is what a scanner delivered in one file, with its page accounting.
type Batch struct {
	ID         ID
	SHA256     [32]byte // of the source file's bytes
	Size       int64    // of the source file, in bytes
	Name       Private  // the file's name as the scanner wrote it; SOURCE/NAME where it lay in a folder of its own
	ReceivedAt time.Time
	State      BatchState
	Counts     Counts
}

// Counts is the page accounting of a batch. Every page that entered has
// exactly one place.
type Counts struct {
	PagesIn    int `json:"pages_in"`   // sides in the source file
	Filed      int `json:"filed"`      // in documents with a valid chart number, nothing in doubt
	Separators int `json:"separators"` // separator and cover sheets, kept in the batch's rest
	Blanks     int `json:"blanks"`     // blank-looking sides, kept in the batch's rest
	QA         int `json:"qa"`         // stored, and waiting for a person's decision
}

// Count adds a page with its place. One with no place is in PagesIn alone, so
// that the counts do not balance.
func (c *Counts) Count(p Placement) {
	c.PagesIn++
	switch p {
	case PlaceFiled:
		c.Filed++
	case PlaceSeparator:
		c.Separators++
	case PlaceBlank:
		c.Blanks++
	case PlaceQA:
		c.QA++
	}
}

// Balanced reports whether every page is accounted for.
func (c Counts) Balanced() bool {
	return c.PagesIn == c.Filed+c.Separators+c.Blanks+c.QA
}
