package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/accounts"
	"chartvault/internal/durable"
	"chartvault/internal/sample"
	"chartvault/record"
	"chartvault/release"
)

// trainingMark is a file that lies, with these words, in the data directory of an
// archive for training. Its pages say so, and nothing but such a directory is ever
// used for one.
const (
	trainingMark  = ".training-archive"
	trainingWords = "nothing in this directory is real\n"
)

// training reports whether a data directory is one for training.
func training(dir string) bool {
	name := filepath.Join(dir, trainingMark)
	if fi, err := os.Lstat(name); err != nil || !fi.Mode().IsRegular() || fi.Size() != int64(len(trainingWords)) {
		return false
	}
	b, err := os.ReadFile(name)
	return err == nil && string(b) == trainingWords
}

// within wants a configuration that names nothing outside its data directory.
func (c *config) within() error {
	if c.Production || c.Storage.S3 != nil || c.Catalogue.Engine != "sqlite" {
		return fmt.Errorf("demo: %w: its configuration names stores elsewhere, or production", record.ErrDenied)
	}
	for _, p := range append([]string{c.Storage.Objects, c.Ingest.Folder}, c.Storage.Keys...) {
		if p != "" && (!filepath.IsLocal(p) || !inside(c.dir, c.path(p))) {
			return fmt.Errorf("demo: %w: its configuration names %s, which is outside of its directory", record.ErrDenied, p)
		}
	}
	return nil
}

// inside reports whether a path lies below a directory, whatever links lead there. What
// is not there yet is made there.
func inside(dir, path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Lstat(path) // a link to nothing leads elsewhere
		return errors.Is(err, fs.ErrNotExist)
	}
	root, rerr := filepath.EvalSymlinks(dir)
	if err != nil || rerr != nil {
		return false
	}
	rel, err := filepath.Rel(root, real)
	return err == nil && filepath.IsLocal(rel)
}

func (e *env) demoCmd() *cobra.Command {
	var makeOnly bool
	c := &cobra.Command{
		Use: "demo", Short: "Make and serve an archive for training: a fictitious hospital", Args: cobra.NoArgs,
		Long: "Makes an archive of fictitious charts in the data directory (\"training\" where none is named), with somebody of every role, whose sign-ins are\n" +
			"printed once, and serves it. Its pages say that nothing in it is real. A directory with another archive, and stores elsewhere, are refused.",
		Example: "  chartvault demo --data training",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("data") {
				dir, err := filepath.Abs("training")
				if err != nil {
					return err
				}
				e.data = dir
			}
			e.passFile = filepath.Join(e.data, "passphrase")
			if err := e.makeDemo(cmd.Context()); err != nil || makeOnly {
				return err
			}
			return e.serve(cmd.Context(), false)
		},
	}
	c.Flags().BoolVar(&makeOnly, "make", false, "make it, and do not serve it")
	return c
}

// makeDemo makes an archive for training, unless it is there.
func (e *env) makeDemo(ctx context.Context) error {
	ents, err := os.ReadDir(e.data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(ents) > 0 && !training(e.data) {
		return fmt.Errorf("demo: %w: %s is not empty and no archive for training: name another directory", record.ErrDenied, e.data)
	}
	if training(e.data) {
		cfg, err := loadConfig(e.data)
		if err == nil {
			err = cfg.within()
		}
		if err != nil {
			return err
		}
		if _, err := os.Stat(cfg.path("catalogue.db")); err == nil {
			return nil
		}
	}
	if err := durable.MkdirAll(e.data); err != nil {
		return err
	}
	config := strings.Replace(defaultConfig, `facility = "Unnamed facility"`, `facility = "Sample General Hospital (fictitious)"`, 1)
	for _, f := range [][2]string{{trainingMark, trainingWords}, {"passphrase", rand.Text() + "\n"}, {"chartvault.toml", config}} { // what is there stays
		if _, err := durable.Create(filepath.Join(e.data, f[0]), strings.NewReader(f[1]), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	said := e.err
	e.err = &bytes.Buffer{} // what is said of a real archive's keys would only worry
	err = e.runInit(ctx, true)
	e.err = said
	if err != nil {
		return err
	}
	return e.furnish(ctx)
}

// demoRoles are the people of the demo, and what they are.
func demoRoles() [][2]string {
	return [][2]string{{"scan", "scan"}, {"records", "records"}, {"release", "release"}, {"director", "director"}, {"auditor", "auditor"}, {"privacy", "auditor"}, {"clinician", "clinician"}, {"admin", "admin"}}
}

// furnish gives a new archive people and something for every screen to show.
func (e *env) furnish(ctx context.Context) error {
	unlock, ok, err := durable.Lock(e.lockFile())
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("demo: %w", record.ErrBusy))
	}
	said := e.log
	defer func() { e.log = said }()
	e.log = slog.New(slog.DiscardHandler) // the alarm of a rehearsal would only worry
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	return errors.Join(e.people(ctx, a), a.story(ctx), a.scans(), a.Close(ctx))
}

// people makes somebody of every role, and says once how they sign in.
func (e *env) people(ctx context.Context, a *app) error {
	fmt.Fprintf(e.err, "An archive for training is in %s. These fictitious people may sign in (shown once):\n", e.data)
	for _, p := range demoRoles() {
		word := strings.ToLower(rand.Text()[:20])
		if err := a.act(ctx, "os:demo", "users-put", userParams{Name: "demo." + p[0], Roles: []accounts.Role{accounts.Role(p[1])}, Password: word}); err != nil {
			return err
		}
		fmt.Fprintf(e.err, "  demo.%-10s %s\n", p[0], word)
	}
	return nil
}

// act runs an operation as somebody, whatever it says.
func (a *app) act(ctx context.Context, who record.Actor, op string, params any) error {
	return a.perform(ctx, op, request{Actor: who, Params: params}, func(json.RawMessage) error { return nil })
}

// demoSchedule is a draft for people to simulate, approve and adopt.
const demoSchedule = `format = 2
version = "training-1"
[types]
everything = ["*"]
[[rule]]
id = "adult"
class = "everything"
population = "adult"
trigger = "last_encounter"
years = 10
citation = "a made-up law"
confidence = "high"
`

// story is what went on in the fictitious hospital before.
func (a *app) story(ctx context.Context) error {
	ps := sample.Patients()
	facts, err := readFacts(strings.NewReader(fmt.Sprintf("chart_number,date_of_birth,last_encounter\n%s,%s,2009-05-06\n%s,%s,2024-01-31\n", ps[0].Chart, ps[0].Born, ps[1].Chart, ps[1].Born)))
	if err != nil {
		return err
	}
	person := release.Party{Name: "Bravo Testpatient", Address: "1 Sample Street"}
	firm := release.Party{Name: "Sample and Partners", Address: "2 Sample Street"}
	for _, s := range []struct {
		who    record.Actor
		op     string
		params any
	}{
		{"user:demo.records", "facts-import", factsParams{Facts: facts}},
		{"user:demo.director", "schedule-draft", scheduleParams{Text: demoSchedule}},
		{"user:demo.release", "request-new", newRequest{Class: "patient", Charts: []string{ps[1].Chart}, Patient: person.Name, Requester: person, What: "the whole record", Purpose: "at the patient's request"}},
		{"user:demo.release", "request-new", newRequest{Class: "attorney", Charts: []string{ps[1].Chart}, Patient: "Bravo Testpatient", Requester: firm, What: "everything of the last year", Purpose: "a claim", Received: a.releases.Today().AddDays(-35)}},
		{"user:demo.release", "request-return", requestAct{ID: "R000002", Reason: "the authorisation is not signed"}},
		{"user:demo.release", "disclosure-note", newDisclosure{Charts: []string{ps[0].Chart}, On: a.releases.Today().AddDays(-20), Class: "public_health", Recipient: release.Party{Name: "Sample County"}, What: "a case report", Purpose: "reporting", Method: "by telephone", Pages: 1}},
		{"user:demo.director", "hold-place", holdParams{Kind: record.HoldLegal, Charts: []string{"9300001"}, Matter: "docket 26-114 (fictitious)", Reason: "notice of litigation"}},
		{"user:demo.clinician", "emergency-begin", map[string]string{"reason": emergencyReasons()[0], "why": "a rehearsal"}},
	} {
		if err := a.act(ctx, s.who, s.op, s.params); err != nil {
			return fmt.Errorf("demo: %s: %w", s.op, err)
		}
	}
	return nil
}

// scans puts sample batches where the daemon takes them.
func (a *app) scans() error {
	fs, err := sample.Batches()
	if err != nil {
		return err
	}
	for _, f := range fs {
		if _, err := durable.Replace(filepath.Join(a.cfg.path(a.cfg.Ingest.Folder), f.Name), bytes.NewReader(f.Data), 0o600); err != nil {
			return err
		}
	}
	return nil
}
