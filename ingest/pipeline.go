package ingest

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/internal/durable"
	"chartvault/mpi"
	"chartvault/ocr"
	"chartvault/record"
)

// Archive is what ingest needs of the archive.
type Archive interface {
	BatchKey(ctx context.Context, id record.ID) (*keys.Key, error)
	Deposit(ctx context.Context, m seal.Manifest, parts func(*zip.Writer, *seal.Manifest) error) (*archive.Stored, error)
	DepositBatch(ctx context.Context, m seal.BatchManifest, parts func(*zip.Writer) error) (*seal.BatchManifest, error)
	Note(ctx context.Context, action audit.Action, key *keys.Key, body any) error
	Journal(ctx context.Context, action audit.Action, object string, body any) error
	Keeper(ctx context.Context, batch record.ID) (age.Recipient, error) // whom a released source is sealed to
	Released(ctx context.Context, batch record.ID) error                // a source is about to be removed
}

// Catalogue is what ingest needs of the catalogue.
type Catalogue interface {
	Claim(ctx context.Context, b record.Batch) (record.Batch, bool, error)
	SetBatch(ctx context.Context, id record.ID, s record.BatchState, n record.Counts) error
	File(ctx context.Context, batch record.ID, s record.BatchState, n record.Counts, docs []catalog.Keyed) error
}

// Pipeline takes sources through to filed documents. Its fields are set before
// use and not changed; it is safe for concurrent use.
type Pipeline struct {
	Reader    ocr.Reader
	Archive   Archive
	Catalogue Catalogue
	Sheets    *sheet.Set
	Fields    *fields.Extractor
	Patients  func() *mpi.List // the site's patient list as it is now; nil for none
	Languages string           // Tesseract's
	Passwords []string         // tried on encrypted PDFs
	Poor      float64          // quality score below which a page waits in QA
	Facility  string           // code of the place whose charts come in; "" for none
	Parallel  int              // pages read at once
	Spool     string           // directory for sealed files
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger
	Progress  func(Progress)                                   // called from several goroutines; nil for none
	Elsewhere func(ctx context.Context, batch record.ID) error // an error while a begun batch is taken in by other means; nil for none
	Inflight  *Inflight                                        // shared by all that take sources into one archive
}

// Progress is one step of one batch.
type Progress struct {
	Batch record.ID         `json:"batch"`
	State record.BatchState `json:"state"`
	Done  int               `json:"done"` // pages read, or documents stored
	Of    int               `json:"of"`
}

func (p *Pipeline) progress(b record.ID, s record.BatchState, done, of int) {
	if p.Progress != nil {
		p.Progress(Progress{b, s, done, of})
	}
}

// Result is a batch that has been taken in.
type Result struct {
	record.Batch
	Duplicate bool    // the same bytes had been taken in before
	Why       ocr.Why // a batch that ended unread could not be had; "" for another
}

// Preset is what is known of a whole source before it is read, from another
// system's index: it is one document, whatever sheets are in it, and every page
// of it is kept in it.
type Preset struct {
	Chart   record.ChartNumber
	Type    string // "" to find it from the text
	Service record.Date

	Facility string // code; "" for the pipeline's
}

// Ingest takes one open source in and returns when every page of it is stored,
// verified, logged and catalogued. name is the file's name as the scanner wrote
// it. Ingest never changes the source.
//
// A source no page of which can be had is stored whole and is no error: its
// batch ends as record.BatchUnread. An error means that the source is not
// filed, and that calling again with the same bytes goes on where this call
// stopped.
func (p *Pipeline) Ingest(ctx context.Context, f *os.File, name record.Private) (Result, error) {
	return p.IngestAs(ctx, f, name, nil)
}

// IngestAs is Ingest of a source that an index describes; nil for one that says
// for itself what it is. To go on after an error it is called with the same.
func (p *Pipeline) IngestAs(ctx context.Context, f *os.File, name record.Private, as *Preset) (Result, error) {
	sum, size, err := digest(f)
	if err != nil {
		return Result{}, fmt.Errorf("ingest: %w: %w", ErrSource, err)
	}
	leave, err := p.Inflight.Enter(ctx, sum)
	if err != nil {
		return Result{}, fmt.Errorf("ingest: %w", err)
	}
	defer leave()
	id, err := record.NewID(p.Rand)
	if err != nil {
		return Result{}, fmt.Errorf("ingest: %w", err)
	}
	b, fresh, err := p.Catalogue.Claim(ctx, record.Batch{
		ID: id, SHA256: sum, Size: size, Name: name, ReceivedAt: p.Now().UTC().Truncate(time.Millisecond), State: record.BatchClaimed,
	})
	if err != nil {
		return Result{}, fmt.Errorf("ingest: %w", err)
	}
	if !fresh && !b.State.Done() && p.Elsewhere != nil {
		// It was sealed while the vault was not open, or at a station.
		if err := p.Elsewhere(ctx, b.ID); err != nil {
			return Result{Batch: b}, fmt.Errorf("ingest batch %s: %w", b.ID, err)
		}
	}
	if b.State.Done() {
		err := p.Archive.Journal(ctx, audit.ActBatchClaimed, b.ID.String(), map[string]any{"actor": record.Daemon, "duplicate": true})
		return Result{Batch: b, Duplicate: true}, err
	}
	j := &job{Pipeline: p, batch: b, src: ocr.Source{Key: b.ID.String(), File: f, Passwords: p.Passwords}, dir: filepath.Join(p.Spool, b.ID.String()), as: as}
	if err := j.run(ctx, fresh); err != nil {
		return Result{Batch: b}, fmt.Errorf("ingest batch %s: %w", b.ID, err)
	}
	return Result{Batch: j.batch, Why: j.why}, nil
}

func digest(f *os.File) (sum [32]byte, size int64, err error) {
	st, err := f.Stat()
	if err != nil {
		return sum, 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, io.NewSectionReader(f, 0, st.Size()))
	copy(sum[:], h.Sum(nil))
	return sum, size, reason(err)
}

// job is one batch on its way.
type job struct {
	*Pipeline
	batch record.Batch
	src   ocr.Source
	dir   string
	key   *keys.Key
	as    *Preset // nil for a source that says for itself what it is

	damaged bool    // as the probe found the source
	why     ocr.Why // nothing in it could be read
}

func (j *job) run(ctx context.Context, fresh bool) (err error) {
	if j.key, err = j.Archive.BatchKey(ctx, j.batch.ID); err != nil {
		return err
	}
	if fresh {
		if err := j.Archive.Note(ctx, audit.ActBatchClaimed, j.key, map[string]any{"actor": record.Daemon, "bytes": j.batch.Size}); err != nil {
			return err
		}
	}
	s, err := j.split(ctx)
	if errors.Is(err, errUnread) {
		return j.storeUnread(ctx, err)
	}
	if err != nil {
		return err
	}
	j.batch.Counts, j.batch.State = s.counts(), record.BatchSplit
	if !j.batch.Counts.Balanced() {
		return fmt.Errorf("page accounting does not balance: %+v", j.batch.Counts)
	}
	if err := j.Catalogue.SetBatch(ctx, j.batch.ID, j.batch.State, j.batch.Counts); err != nil {
		return err
	}
	return j.file(ctx, s)
}

// finish logs, catalogues and cleans up, in this order: a batch that is filed
// in the catalogue is in the audit log.
func (j *job) finish(ctx context.Context, state record.BatchState, docs []catalog.Keyed) error {
	j.batch.State = state
	if err := j.Archive.Note(ctx, audit.ActBatchFiled, j.key, map[string]any{
		"actor": record.Daemon, "state": state, "counts": j.batch.Counts, "documents": len(docs), "why": j.why,
	}); err != nil {
		return err
	}
	if err := j.Catalogue.File(ctx, j.batch.ID, state, j.batch.Counts, docs); err != nil {
		return err
	}
	j.progress(j.batch.ID, state, j.batch.Counts.PagesIn, j.batch.Counts.PagesIn)
	// A crash from here on leaves a spool folder, which the next start sweeps.
	return durable.RemoveAll(j.dir)
}

// errUnread marks a source no page of which can be had.
var errUnread = errors.New("no page can be read")

// storeUnread keeps a source whole. Its pages cannot be counted, so it counts
// as one, in QA.
func (j *job) storeUnread(ctx context.Context, cause error) error {
	j.why = ocr.Reason(cause)
	j.Log.WarnContext(ctx, "source kept unread", "batch", j.batch.ID.String(), "bytes", j.batch.Size, "why", string(j.why))
	j.batch.Counts = record.Counts{PagesIn: 1, QA: 1}
	m := j.manifest(record.BatchUnread)
	m.Why = string(j.why)
	m.Pages = []seal.BatchPage{{Placement: record.PlaceQA}}
	_, err := j.Archive.DepositBatch(ctx, m, j.addSource)
	if err != nil {
		return errors.Join(err, cause)
	}
	return j.finish(ctx, record.BatchUnread, nil)
}

// facility is the code of the place whose charts the source is of.
func (j *job) facility() string {
	if j.as != nil && j.as.Facility != "" {
		return j.as.Facility
	}
	return j.Facility
}

func (j *job) manifest(state record.BatchState) seal.BatchManifest {
	return seal.BatchManifest{
		ID: j.batch.ID, SHA256: j.batch.SHA256[:], Size: j.batch.Size, Name: j.batch.Name.Reveal(),
		ReceivedAt: j.batch.ReceivedAt, State: state, Counts: j.batch.Counts,
	}
}

// addSource copies the source file into a package, bit for bit.
func (j *job) addSource(zw *zip.Writer) error {
	w, err := seal.AddPart(zw, "source")
	if err != nil {
		return err
	}
	_, err = io.Copy(w, io.NewSectionReader(j.src.File, 0, j.batch.Size))
	return reason(err)
}
