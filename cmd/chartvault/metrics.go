package main

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/web"
)

// meter counts what the daemon does.
type meter struct {
	pages     atomic.Int64
	documents atomic.Int64

	mu    sync.Mutex
	steps map[record.ID]ingest.Progress // of batches on their way: how far they came

	evaluated  atomic.Int64 // documents of the evaluation that runs, or ran last
	evaluation atomic.Pointer[evaluation]
	disposed   atomic.Int64                               // documents destroyed since the start
	disposeOf  atomic.Int64                               // items of the plan that is being executed
	disposeAt  atomic.Int64                               // how many of them are done
	watching   atomic.Pointer[func(disposition.Progress)] // who wants to be told besides
	ending     atomic.Pointer[disposition.Progress]       // how far the plan is that is being executed, or was last
}

// evaluating is told how far an evaluation has come.
func (m *meter) evaluating(documents int) { m.evaluated.Store(int64(documents)) }

// disposing is told how far the execution of a plan has come.
func (m *meter) disposing(p disposition.Progress) {
	if p.Destroyed > 0 && p.Done > 0 {
		m.disposed.Store(int64(p.Destroyed))
	}
	m.ending.Store(&p)
	m.disposeAt.Store(int64(p.Done))
	m.disposeOf.Store(int64(p.Of))
	if f := m.watching.Load(); f != nil {
		(*f)(p)
	}
}

// progress is told how far a batch has come, from several goroutines: a page that
// was read first may be told of last.
func (m *meter) progress(p ingest.Progress) {
	m.mu.Lock()
	if m.steps == nil {
		m.steps = map[record.ID]ingest.Progress{}
	}
	switch old, ok := m.steps[p.Batch]; {
	case p.State.Done():
		delete(m.steps, p.Batch)
	case !ok, old.State == p.State && old.Done < p.Done, old.State == record.BatchClaimed && p.State == record.BatchSplit:
		m.steps[p.Batch] = p
	}
	m.mu.Unlock()
	switch p.State {
	case record.BatchClaimed:
		m.pages.Add(1)
	case record.BatchSplit:
		m.documents.Add(1)
	}
}

// step is how far a batch came that is on its way.
func (m *meter) step(id record.ID) (p ingest.Progress, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok = m.steps[id]
	return p, ok
}

func (a *app) metrics() []web.Metric {
	s, err := a.status(context.Background())
	up := 1.0
	if err != nil {
		up = 0
	}
	halted := 0.0
	if s.Halted != "" {
		halted = 1
	}
	out := []web.Metric{
		{Name: "chartvault_up", Help: "Whether the catalogue answers.", Kind: "gauge", Value: up},
		{Name: "chartvault_halted", Help: "Whether claiming of scans has stopped.", Kind: "gauge", Value: halted},
		{Name: "chartvault_pages_read_total", Help: "Pages read since the start.", Kind: "counter", Value: float64(a.meter.pages.Load())},
		{Name: "chartvault_documents_stored_total", Help: "Documents stored since the start.", Kind: "counter", Value: float64(a.meter.documents.Load())},
		{Name: "chartvault_emergencies_open", Help: "Accesses in an emergency that nobody has reviewed.", Kind: "gauge", Value: float64(a.unreviewed(context.Background()))},
		{Name: "chartvault_reader_crashes_total", Help: "Reading processes lost since the start.", Kind: "counter", Value: float64(a.pool.Crashes())},
		{Name: "chartvault_documents", Help: "Documents in the archive.", Kind: "gauge", Value: float64(s.Documents)},
		{Name: "chartvault_documents_qa", Help: "Documents that wait in QA.", Kind: "gauge", Value: float64(s.QA)},
		{Name: "chartvault_batches_open", Help: "Batches on their way.", Kind: "gauge", Value: float64(s.Open)},
		{Name: "chartvault_scans_waiting", Help: "Things in the scan folder that are not taken.", Kind: "gauge", Value: float64(len(s.Waiting))},
		{Name: "chartvault_audit_entries", Help: "Entries of the audit log.", Kind: "gauge", Value: float64(s.Entries)},
		{Name: "chartvault_retention_evaluated_documents", Help: "Documents decided about by the evaluation that runs, or ran last.", Kind: "gauge", Value: float64(a.meter.evaluated.Load())},
		{Name: "chartvault_plan_items", Help: "Items of the plan that is, or was last, executed.", Kind: "gauge", Value: float64(a.meter.disposeOf.Load())},
		{Name: "chartvault_plan_items_done", Help: "Items of it that are settled.", Kind: "gauge", Value: float64(a.meter.disposeAt.Load())},
		{Name: "chartvault_plan_destroyed", Help: "Documents that run has destroyed.", Kind: "gauge", Value: float64(a.meter.disposed.Load())},
	}
	out = append(out, web.Metric{Name: "chartvault_warnings", Help: "Things the site should mend: see the status.", Kind: "gauge", Value: float64(len(s.Warnings))})
	out = append(out,
		web.Metric{Name: "chartvault_objects", Help: "Objects stored.", Kind: "gauge", Value: float64(s.Stored.Objects)},
		web.Metric{Name: "chartvault_objects_seen", Help: "Objects the census looked at in its period.", Kind: "gauge", Value: float64(s.Stored.Seen)},
		web.Metric{Name: "chartvault_objects_read", Help: "Objects read again in the re-reading's period.", Kind: "gauge", Value: float64(s.Stored.Read)},
		web.Metric{Name: "chartvault_objects_faulty", Help: "Objects that are not what was stored.", Kind: "gauge", Value: float64(s.Stored.Faults)})
	frozen := 0.0
	if f, _, err := a.desk.Frozen(context.Background()); err != nil || f != nil {
		frozen = 1
	}
	out = append(out, web.Metric{Name: "chartvault_destruction_frozen", Help: "Whether destruction is frozen because a clock was doubted.", Kind: "gauge", Value: frozen})
	if ev := a.meter.evaluation.Load(); ev != nil {
		for _, v := range []retention.Verdict{retention.Due, retention.Held, retention.Unresolved} {
			out = append(out, web.Metric{Name: "chartvault_retention_" + string(v) + "_documents", Help: "Documents that are " + string(v) + ", as of the last evaluation.", Kind: "gauge", Value: float64(ev.Verdicts[string(v)])})
		}
		out = append(out, web.Metric{Name: "chartvault_retention_evaluation_seconds", Help: "How long the last evaluation took.", Kind: "gauge", Value: ev.Seconds})
	}
	return out
}

// mustJSON marshals plain data.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	must(err)
	return b
}
