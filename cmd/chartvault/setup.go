package main

import (
	"context"
	"errors"
	"time"

	"chartvault/ingest/fields"
	"chartvault/record"
)

// setupLine is how the site is set up: where scans come from, what documents there
// are, what opens the archive. It names no patient and shows no key.
type setupLine struct {
	Folder   string        `json:"folder"`  // that is watched, as configured
	Exports  string        `json:"exports"` // where exports of other systems lie
	Waiting  []string      `json:"waiting,omitempty"`
	Stations []stationLine `json:"stations,omitempty"`
	Types    []typeLine    `json:"types"`
	Patients *patientsHeld `json:"patients,omitempty"` // nil for no list
	Keys     keyCareLine   `json:"keys"`
}

// stationLine is a scanning station, or a server.
type stationLine struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Since   string `json:"since"`
	Revoked string `json:"revoked,omitempty"`
	Here    bool   `json:"here,omitempty"` // this machine
}

// typeLine is a document type.
type typeLine struct {
	Code      string   `json:"code"`
	LOINC     string   `json:"loinc,omitempty"`
	Forms     []string `json:"forms,omitempty"` // numbers of the site's forms that stand for it
	Documents int      `json:"documents"`
}

// patientsHeld is what the patient list holds.
type patientsHeld struct {
	Imported string `json:"imported"`
	People   int    `json:"people"`
	Numbers  int    `json:"numbers"`
	Lost     bool   `json:"lost,omitempty"` // it was imported, and cannot be had
}

// keyCareLine is what opens the archive, each by the end of its recipient.
type keyCareLine struct {
	Vault    string         `json:"vault"`
	Turn     int            `json:"turn"` // rotations, from 1
	Turning  bool           `json:"turning,omitempty"`
	Places   int            `json:"places"`
	Recovery []recoveryLine `json:"recovery"`
	Ways     []string       `json:"ways,omitempty"`
}

// recoveryLine is a recovery identity.
type recoveryLine struct {
	Ends      string `json:"ends"`
	Rehearsed string `json:"rehearsed,omitempty"` // the last time
}

func (a *app) opSetup(ctx context.Context, _ asked, out func(any) error) error {
	l := setupLine{Folder: a.cfg.Ingest.Folder, Exports: a.cfg.Ingest.Exports}
	if a.watcher != nil {
		for _, w := range a.watcher.Waiting() {
			l.Waiting = append(l.Waiting, w.Why.Error())
		}
	}
	for _, f := range []func(context.Context, *setupLine) error{a.setupStations, a.setupTypes, a.setupPatients, a.setupKeys} {
		if err := f(ctx, &l); err != nil {
			return err
		}
	}
	return out(l)
}

func (a *app) setupStations(ctx context.Context, l *setupLine) error {
	ds, err := a.vault.Depositors(ctx)
	for _, d := range ds {
		s := stationLine{ID: d.ID, Name: d.Name, Role: string(d.Role), Since: d.Since.Format(time.RFC3339), Here: d.ID == a.station.ID()}
		if !d.Revoked.IsZero() {
			s.Revoked = d.Revoked.Format(time.RFC3339)
		}
		l.Stations = append(l.Stations, s)
	}
	return err
}

func (a *app) setupTypes(ctx context.Context, l *setupLine) error {
	n, err := a.cat.TypeCounts(ctx)
	for _, t := range fields.Types() {
		line := typeLine{Code: t.Code, LOINC: t.LOINC, Documents: n[t.Code]}
		for form, code := range a.cfg.Ingest.Forms {
			if code == t.Code {
				line.Forms = append(line.Forms, form)
			}
		}
		l.Types = append(l.Types, line)
	}
	return err
}

func (a *app) setupPatients(ctx context.Context, l *setupLine) error {
	e, err := a.cat.Entry(ctx, kindPatients, "list")
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var p patientsLine
	if err := into(e, &p); err != nil {
		return err
	}
	l.Patients = &patientsHeld{Imported: e.At.Format(time.RFC3339), People: p.People, Numbers: p.Numbers, Lost: a.listLost.Load()}
	return nil
}

func (a *app) setupKeys(ctx context.Context, l *setupLine) error {
	site := a.vault.Site()
	l.Keys = keyCareLine{Vault: tail(site.Vault), Turn: site.Turn, Turning: a.vault.Turning(), Places: len(a.places)}
	when, err := a.drills(ctx)
	for _, r := range a.vault.Recovery() {
		line := recoveryLine{Ends: tail(r)}
		if t, ok := when[r]; ok {
			line.Rehearsed = t.Format(time.DateOnly)
		}
		l.Keys.Recovery = append(l.Keys.Recovery, line)
	}
	for _, w := range a.vault.Ways() {
		l.Keys.Ways = append(l.Keys.Ways, w.Name)
	}
	return err
}
