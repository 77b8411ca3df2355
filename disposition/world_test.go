package disposition_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

// world is a small hospital in memory: a register, an archive, clocks and
// people, with faults and crashes at every step. It knows the truth, and holds
// every destruction against it.
type world struct {
	r       *rand.Rand
	desk    *disposition.Desk
	terms   disposition.Terms
	entries map[string]disposition.Entry
	order   []string
	puts    int
	docs    map[record.ID]*doc
	ids     []record.ID
	charts  map[string]*retention.Facts
	people  []*person
	asked   map[string]map[string]bool // who really signed which digest
	adopted []*retention.Schedule      // as people adopted them, for the truth

	true, began time.Time     // the true time, and when the program was started
	offset      time.Duration // of the machine's clock
	startOffset time.Duration
	two         bool // there is a second clock
	seen        time.Time

	cached struct { // what the register says of holds and extensions, after so many puts
		at         int
		holds      *retention.Holds
		extensions *disposition.Extensions
	}

	unsettled int                           // destroyed since caches and indexes were cleared
	settles   int                           // how often they were
	refuse    func(disposition.Entry) error // before it is stored
	failPut   func(disposition.Entry) error // after it was stored
	failLook  func(record.ID) error         // before anything
	failEnd   func(record.ID) error         // before a destruction begins
	failGet   func(disposition.Kind) error  // instead of an answer
	sums      map[record.ID]string          // of exports, when they are written differently
	locked    map[record.ID]bool            // whose objects stay under a lock

	fault float64 // that a step fails
	crash float64 // that the program dies at a step
	at    []time.Time
	bad   []string // broken promises
}

// doc is one document with all its parts.
type doc struct {
	subject                 retention.Subject
	version                 int
	key, objects, row, text bool
	state                   record.DocumentState
	ended                   time.Time // by the machine's clock
	certificate             string
	exported                string
}

type person struct {
	disposition.Approver
	key ed25519.PrivateKey
}

var errFault = errors.New("storage away")

// errCrash ends the program: what it held in memory is gone.
var errCrash = errors.New("killed")

func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 6)), entries: map[string]disposition.Entry{}, docs: map[record.ID]*doc{}, charts: map[string]*retention.Facts{},
		asked: map[string]map[string]bool{}, true: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	w.terms = disposition.DefaultTerms()
	w.terms.DailyCap, w.terms.ShareFloor = 1+w.r.IntN(5), 8
	w.two = w.r.IntN(2) == 0
	for i, name := range []string{"director", "privacy", "counsel", "clerk"} {
		seedKey := sha256.Sum256([]byte(fmt.Sprint(seed, i)))
		key := ed25519.NewKeyFromSeed(seedKey[:])
		w.people = append(w.people, &person{disposition.Approver{Name: name, Account: record.Actor("os:" + name), Key: key.Public().(ed25519.PublicKey)}, key})
	}
	w.start()
	return w
}

// start starts the program over what is stored.
func (w *world) start() {
	w.began, w.startOffset = w.true, w.offset
	w.desk = &disposition.Desk{Register: w, Holdings: w, Clock: w, Terms: w.terms, Signer: signer{w.people[0].key}, Rand: randReader{w.r},
		Facility: "Sample (fictitious)", Program: "test", KeyHorizon: 35 * 24 * time.Hour, KeyPlaces: 2}
}

type signer struct{ key ed25519.PrivateKey }

func (s signer) ID() string           { return "test" }
func (s signer) Sign(b []byte) []byte { return ed25519.Sign(s.key, b) }

type randReader struct{ r *rand.Rand }

func (r randReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.r.Uint32())
	}
	return len(b), nil
}

// step is where a fault or a crash may come.
func (w *world) step() error {
	switch x := w.r.Float64(); {
	case x < w.crash:
		return errCrash
	case x < w.crash+w.fault:
		return errFault
	}
	return nil
}

// Clock.

func (w *world) Now() time.Time { return w.true.Add(w.offset) }

func (w *world) All(context.Context) ([]time.Time, error) {
	if err := w.step(); err != nil {
		return nil, err
	}
	if w.two {
		return []time.Time{w.Now(), w.true.Add(time.Minute)}, nil
	}
	return []time.Time{w.Now()}, nil
}

func (w *world) Seen(context.Context) (time.Time, error) { return w.seen, nil }
func (w *world) Jumped() time.Duration                   { return w.offset - w.startOffset }
func (w *world) Trust()                                  { w.startOffset = w.offset }

// Register.

func key(kind disposition.Kind, id string) string { return string(kind) + "/" + id }

func (w *world) Put(_ context.Context, _ disposition.Event, _ record.Actor, e disposition.Entry) error {
	if err := w.step(); err != nil {
		return err
	}
	if w.refuse != nil {
		if err := w.refuse(e); err != nil {
			return err
		}
	}
	k := key(e.Kind, e.ID)
	if _, ok := w.entries[k]; !ok {
		w.order = append(w.order, k)
	}
	w.entries[k] = e
	w.puts++
	w.seen = w.Now()
	if e.Kind == disposition.KindCertificate && w.unsettled > 0 && e.ID[0] != 'P' {
		w.broken("%s is certified while %d documents are in the caches", e.ID, w.unsettled)
	}
	if w.failPut != nil {
		if err := w.failPut(e); err != nil {
			return err
		}
	}
	return w.step() // stored, and the caller does not hear of it
}

func (w *world) Get(_ context.Context, kind disposition.Kind, id string) (disposition.Entry, error) {
	if w.failGet != nil {
		if err := w.failGet(kind); err != nil {
			return disposition.Entry{}, err
		}
	}
	e, ok := w.entries[key(kind, id)]
	if !ok {
		return e, fmt.Errorf("%s %s: %w", kind, id, record.ErrNotFound)
	}
	return e, nil
}

func (w *world) Each(_ context.Context, kind disposition.Kind, f func(disposition.Entry) error, states ...string) error {
	for _, k := range slices.Clone(w.order) {
		e := w.entries[k]
		if e.Kind != kind || len(states) > 0 && !slices.Contains(states, e.State) {
			continue
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// Holdings.

func (w *world) holds(ctx context.Context) (*retention.Holds, error) {
	if w.cached.at == w.puts && w.cached.holds != nil {
		return w.cached.holds, nil
	}
	var hs []record.Hold
	err := w.desk.Holds(ctx, true, func(b disposition.HoldBody) error {
		hs = append(hs, b.Hold)
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.cached.at, w.cached.holds = w.puts, retention.NewHolds(hs)
	w.cached.extensions, err = w.desk.Extensions(ctx)
	return w.cached.holds, err
}

// decide decides about a document from scratch.
func (w *world) decide(ctx context.Context, s *retention.Schedule, d *doc, today record.Date) (retention.Decision, error) {
	hs, err := w.holds(ctx)
	if err != nil {
		return retention.Decision{}, err
	}
	sub := d.subject
	sub.KeepUntil = w.cached.extensions.Until(sub.Document, sub.Chart)
	return s.Decide(sub, w.charts[sub.Chart].Resolve(), hs.Binding(sub), today), nil
}

func (w *world) Due(ctx context.Context, s *retention.Schedule, today record.Date, f func(disposition.Document) error) error {
	for _, id := range w.ids {
		d := w.docs[id]
		if d.state != record.DocumentFiled {
			continue
		}
		dec, err := w.decide(ctx, s, d, today)
		if err != nil {
			return err
		}
		if dec.Verdict == retention.Due {
			if err := f(disposition.Document{Subject: d.subject, Decision: dec, Version: d.version}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) Look(ctx context.Context, s *retention.Schedule, id record.ID, today record.Date) (disposition.Document, error) {
	if err := w.step(); err != nil {
		return disposition.Document{}, err
	}
	if w.failLook != nil {
		if err := w.failLook(id); err != nil {
			return disposition.Document{}, err
		}
	}
	d := w.docs[id]
	switch d.state {
	case record.DocumentDestroyed:
		return disposition.Document{}, record.ErrDestroyed
	case record.DocumentDestroying:
		return disposition.Document{}, disposition.ErrUnfinished
	}
	dec, err := w.decide(ctx, s, d, today)
	return disposition.Document{Subject: d.subject, Decision: dec, Version: d.version}, err
}

func (w *world) Locked(_ context.Context, id record.ID) (bool, error) { return w.locked[id], w.step() }

func (w *world) Core(_ context.Context, s *retention.Schedule, doc disposition.Document, today record.Date, except func(record.ID) bool) (bool, error) {
	if s.CoreOver(doc.Decision.Core, doc.Subject, w.charts[doc.Subject.Chart].Resolve(), today) {
		return true, nil
	}
	for _, d := range w.docs {
		if d.subject.Chart == doc.Subject.Chart && d.state == record.DocumentFiled && s.InClass(doc.Decision.Core, d.subject.Type) && !except(d.subject.Document) {
			return true, nil
		}
	}
	return false, nil
}

func (w *world) Sizes(context.Context) (map[string]int, error) {
	out := map[string]int{}
	for _, d := range w.docs {
		if d.state != record.DocumentDestroyed {
			out[d.subject.Type]++
		}
	}
	return out, nil
}

func (w *world) DestroyedSince(_ context.Context, t time.Time) (int, error) {
	n := 0
	for _, d := range w.docs {
		if d.state == record.DocumentDestroyed && !d.ended.Before(t) {
			n++
		}
	}
	return n, nil
}

func (w *world) Export(_ context.Context, _ record.ID, _ disposition.Transfer, id record.ID) (string, error) {
	if err := w.step(); err != nil {
		return "", err
	}
	d := w.docs[id]
	if !d.key || !d.objects {
		w.broken("%s is exported after its end", id)
	}
	if d.exported = "sum of " + id.String(); w.sums[id] != "" {
		d.exported = w.sums[id]
	}
	return d.exported, nil
}

// Destroy goes through every part, each of which may fail or kill the program.
func (w *world) Destroy(ctx context.Context, id record.ID, certificate string) (disposition.Gone, error) {
	d := w.docs[id]
	if w.failEnd != nil {
		if err := w.failEnd(id); err != nil {
			return disposition.Gone{}, err
		}
	}
	if d.state == record.DocumentFiled {
		hs, err := w.holds(ctx)
		if err != nil {
			return disposition.Gone{}, err
		}
		if len(hs.Binding(d.subject)) > 0 {
			return disposition.Gone{}, record.ErrHeld
		}
		w.judge(ctx, d, certificate)
		d.state = record.DocumentDestroying
	}
	for _, part := range []*bool{&d.key, &d.objects, &d.text, &d.row} {
		if err := w.step(); err != nil {
			return disposition.Gone{}, err
		}
		*part = false
	}
	d.state, d.ended, d.certificate = record.DocumentDestroyed, w.Now(), certificate
	w.seen = w.Now()
	w.at = append(w.at, w.Now())
	w.unsettled++
	return disposition.Gone{Locked: w.locked[id]}, w.step()
}

func (w *world) Settle(context.Context) error {
	if err := w.step(); err != nil {
		return err
	}
	w.unsettled = 0
	w.settles++
	return nil
}

func (w *world) Annex(_ context.Context, ids []record.ID) ([]byte, int, error) {
	return []byte(fmt.Sprint("sealed ", len(ids))), len(ids), w.step()
}

// judge holds a destruction, at the moment it begins, against the truth.
func (w *world) judge(ctx context.Context, d *doc, certificate string) {
	s := w.inForceTruly()
	dec, err := w.decide(ctx, s, d, s.Today(w.true))
	if err != nil {
		w.broken("%v", err)
	}
	if dec.Verdict != retention.Due {
		w.broken("%s on %s: destroyed while %s (due %s): %q", d.subject.Document, w.true.Format("2006-01-02"), dec.Verdict, dec.Due, dec.Explain().Reasons)
	}
	lists := 0
	w.desk.Plans(ctx, func(_ disposition.Entry, b disposition.PlanBody) error {
		items, err := w.desk.Items(ctx, b.Plan)
		if err != nil {
			return err
		}
		if b.Certificate != certificate || !slices.ContainsFunc(items, func(it disposition.Item) bool { return it.Document == d.subject.Document }) {
			return nil
		}
		lists++
		signed := b.Approvals
		if b.Standing != nil {
			signed = b.Standing.Approvals
		}
		people := map[string]bool{}
		for _, a := range signed {
			if w.asked[a.Digest][a.Approver] && record.Actor("os:"+a.Approver) != b.Plan.MadeBy && record.Actor("os:"+a.Approver) != b.Plan.SubmittedBy {
				people[a.Approver] = true
			}
		}
		if len(people) < 2 {
			w.broken("%s: destroyed on the word of %v", d.subject.Document, people)
		}
		return nil
	}, disposition.PlanExecuting)
	if lists != 1 {
		w.broken("%s: destroyed under %d plans", d.subject.Document, lists)
	}
}

// inForceTruly is the schedule that people brought into force, by the truth.
func (w *world) inForceTruly() *retention.Schedule {
	return w.adopted[len(w.adopted)-1]
}

func (w *world) broken(format string, args ...any) {
	w.bad = append(w.bad, fmt.Sprintf(format, args...))
}

// whole looks for documents that are partly there and for days over the cap.
func (w *world) whole() {
	for id, d := range w.docs {
		all, none := d.key && d.objects && d.text && d.row, !d.key && !d.objects && !d.text && !d.row
		switch {
		case d.state == record.DocumentFiled && !all, d.state == record.DocumentDestroyed && !none:
			w.broken("%s is %s and partly there", id, d.state)
		}
	}
	sort.Slice(w.at, func(i, j int) bool { return w.at[i].Before(w.at[j]) })
	for i := range w.at {
		if j := i + w.terms.DailyCap; j < len(w.at) && w.at[j].Sub(w.at[i]) < 24*time.Hour-w.terms.MaxSkew {
			w.broken("%d documents destroyed between %s and %s, the cap is %d", w.terms.DailyCap+1, w.at[i], w.at[j], w.terms.DailyCap)
			break
		}
	}
}

// sign is a person signing a question, at the machine's time.
func (w *world) sign(p *person, q disposition.Question) disposition.Approval {
	if w.asked[q.Digest] == nil {
		w.asked[q.Digest] = map[string]bool{}
	}
	w.asked[q.Digest][p.Name] = true
	return disposition.Approve(q, p.Name, p.key, w.Now())
}

func (w *world) newID() record.ID {
	id, err := record.NewID(randReader{w.r})
	if err != nil {
		panic(err)
	}
	return id
}

// file files a document of a chart.
func (w *world) file(chart, typ string, service record.Date) *doc {
	id := w.newID()
	d := &doc{subject: retention.Subject{Document: id, Batch: record.ID{1}, Chart: chart, Type: typ, Service: service, Pages: 1 + w.r.IntN(5), Bytes: 1000},
		version: 1, key: true, objects: true, row: true, text: true, state: record.DocumentFiled}
	w.docs[id] = d
	w.ids = append(w.ids, id)
	return d
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
