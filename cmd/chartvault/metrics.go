package main

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"chartvault/ingest"
	"chartvault/record"
	"chartvault/web"
)

// meter counts what the daemon does.
type meter struct {
	pages     atomic.Int64
	documents atomic.Int64
}

func (m *meter) progress(p ingest.Progress) {
	switch p.State {
	case record.BatchClaimed:
		m.pages.Add(1)
	case record.BatchSplit:
		m.documents.Add(1)
	}
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
	return []web.Metric{
		{Name: "chartvault_up", Help: "Whether the catalogue answers.", Kind: "gauge", Value: up},
		{Name: "chartvault_halted", Help: "Whether claiming of scans has stopped.", Kind: "gauge", Value: halted},
		{Name: "chartvault_pages_read_total", Help: "Pages read since the start.", Kind: "counter", Value: float64(a.meter.pages.Load())},
		{Name: "chartvault_documents_stored_total", Help: "Documents stored since the start.", Kind: "counter", Value: float64(a.meter.documents.Load())},
		{Name: "chartvault_reader_crashes_total", Help: "Reading processes lost since the start.", Kind: "counter", Value: float64(a.pool.Crashes())},
		{Name: "chartvault_documents", Help: "Documents in the archive.", Kind: "gauge", Value: float64(s.Documents)},
		{Name: "chartvault_documents_qa", Help: "Documents that wait in QA.", Kind: "gauge", Value: float64(s.QA)},
		{Name: "chartvault_batches_open", Help: "Batches on their way.", Kind: "gauge", Value: float64(s.Open)},
		{Name: "chartvault_scans_waiting", Help: "Things in the scan folder that are not taken.", Kind: "gauge", Value: float64(len(s.Waiting))},
		{Name: "chartvault_audit_entries", Help: "Entries of the audit log.", Kind: "gauge", Value: float64(s.Entries)},
	}
}

// mustJSON marshals plain data.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	must(err)
	return b
}
