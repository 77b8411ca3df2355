package main

import (
	"context"
	"errors"
	"fmt"

	"chartvault/archive"
)

// warnings are what the site should mend: nothing in them stops the work.
// faults is how many stored objects have one.
func (a *app) warnings(ctx context.Context, faults int) []string {
	var out []string
	if err := a.rehearsed(ctx); err != nil {
		out = append(out, err.Error())
	}
	if !a.cfg.Production {
		out = append(out, "trial mode: set production = true in chartvault.toml before paper is given up")
	}
	if len(a.places) < 2 && a.cfg.Storage.S3 == nil {
		out = append(out, "keys lie in one place: losing it is losing the archive")
	}
	for _, s := range a.remotes {
		if err := s.Away(); err != nil {
			out = append(out, err.Error())
		}
	}
	if w := a.lockWarning(ctx); w != "" {
		out = append(out, w)
	}
	if faults > 0 {
		out = append(out, fmt.Sprintf("%d stored objects are not what was stored: run \"chartvault verify\" and restore them from a replica", faults))
	}
	if a.listLost.Load() {
		out = append(out, "the patient list cannot be had: nothing is due until it is imported again")
	}
	if n := a.inQuarantine(ctx); n > 0 {
		out = append(out, fmt.Sprintf("%d deposits of stations are in quarantine: look at them with \"chartvault stations waiting\"", n))
	}
	out = append(out, a.emergencyWarnings(ctx)...)
	out = append(out, a.jobWarnings(ctx)...)
	out = append(out, a.serverWarnings(ctx)...)
	if a.vault.Turning() {
		out = append(out, "a rotation of the vault is not finished: run \"chartvault keys rotate\"")
	}
	if a.cfg.Audit.WitnessFile == "" && a.cfg.Audit.WitnessURL == "" {
		out = append(out, "the audit log has no witness: set audit.witness_file or audit.witness_url")
	} else if err := a.witnessed.Load(); err != nil && *err != nil {
		out = append(out, (*err).Error())
	}
	return append(out, a.exposed...)
}

// inQuarantine counts deposits that people must look at.
func (a *app) inQuarantine(ctx context.Context) (n int) {
	ms, err := a.arch.Marks(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "the door was not looked at", "err", err)
	}
	for _, m := range ms {
		if m.State == archive.MarkQuarantined {
			n++
		}
	}
	return n
}

// mayServe keeps a production archive from starting on keys that nobody has
// shown to be recoverable.
func (a *app) mayServe(ctx context.Context) error {
	if !a.cfg.Production {
		return nil
	}
	if err := a.rehearsed(ctx); err != nil && !errors.Is(err, errDrillOld) {
		return fmt.Errorf("production mode: %w", err)
	}
	return nil
}
