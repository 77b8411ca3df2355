package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/record"
)

// stationParams name a station, or a deposit.
type stationParams struct {
	Name   string    `json:"name,omitempty"`
	Key    string    `json:"key,omitempty"`
	Batch  record.ID `json:"batch,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

func (e *env) stationsCmd() *cobra.Command {
	c := &cobra.Command{Use: "stations", Short: "Manage the scanning stations of this archive and what they put down"}
	c.AddCommand(e.stationsCardCmd(), e.stationsListCmd(), e.stationsTrustCmd(), e.stationsRevokeCmd(), e.stationsWaitingCmd(), e.stationsRetryCmd(), e.stationsDiscardCmd())
	return c
}

func (e *env) stationsCardCmd() *cobra.Command {
	return &cobra.Command{
		Use: "card", Short: "Print the card a station needs: no secret, carried by hand", Example: "  chartvault stations card > site.json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "stations-card", struct{}{}, func(line json.RawMessage) error {
				_, err := fmt.Fprintf(e.out, "%s\n", line)
				return err
			})
		},
	}
}

func (a *app) opStationsCard(ctx context.Context, _ asked, out func(any) error) error {
	c, err := a.card(ctx)
	if err != nil {
		return err
	}
	return out(c)
}

func (e *env) stationsListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List who may deposit", Example: "  chartvault stations list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "stations-list", struct{}{}, show(e, func(d keys.Depositor) {
				state := "since " + d.Since.Format(time.DateOnly)
				if !d.Revoked.IsZero() {
					state = "REVOKED " + d.Revoked.Format(time.DateTime)
				}
				fmt.Fprintf(e.out, "%s  %-8s %-20s %s\n", d.ID, d.Role, d.Name, state)
			}))
		},
	}
}

func (a *app) opStationsList(ctx context.Context, _ asked, out func(any) error) error {
	ds, err := a.vault.Depositors(ctx)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if err := out(d); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) stationsTrustCmd() *cobra.Command {
	return &cobra.Command{
		Use: "trust NAME KEY", Short: "Take over what a station deposits from now on",
		Long:    `KEY is what "chartvault station init" printed on the station.`,
		Example: "  chartvault stations trust scanroom-2 mU0vPq0yQ3n9b8l7k6j5h4g3f2d1s0aZxCvBnM9LkJ0=", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "stations-trust", stationParams{Name: args[0], Key: args[1]}, show(e, func(d keys.Depositor) {
				fmt.Fprintf(e.out, "station %s is trusted: %s\n", d.Name, d.ID)
			}))
		},
	}
}

func (a *app) opStationsTrust(ctx context.Context, r asked, out func(any) error) error {
	var p stationParams
	if err := r.params(&p); err != nil {
		return err
	}
	pub, err := base64.StdEncoding.DecodeString(p.Key)
	if err != nil || len(pub) != 32 {
		return fmt.Errorf("trust station: %w: the key is not one that \"chartvault station init\" prints", record.ErrInvalid)
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`).MatchString(p.Name) {
		return fmt.Errorf("trust station: %w: a name has at most 40 lower-case letters, digits and '-'", record.ErrInvalid)
	}
	d := keys.Depositor{ID: keys.SignerID(pub), Name: p.Name, Role: keys.RoleStation, Key: pub, Since: a.now().UTC().Truncate(time.Second)}
	if err := a.vault.Trust(ctx, d); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActStationTrusted, d.ID, change{Actor: r.Actor}); err != nil {
		return err
	}
	return out(d)
}

func (e *env) stationsRevokeCmd() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Take nothing over any more from a station, for good",
		Long:    "What it deposited and this archive took over stays: a server has checked and signed it. What it puts down from now on goes to quarantine.\nTake its storage account away too. A station that comes back makes a new key.",
		Example: "  chartvault stations revoke 0f1e2d3c4b5a69788796a5b4c3d2e1f0", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "stations-revoke", stationParams{Key: args[0]}, show(e, func(d keys.Depositor) {
				fmt.Fprintf(e.out, "station %s is revoked\n", d.ID)
			}))
		},
	}
}

func (a *app) opStationsRevoke(ctx context.Context, r asked, out func(any) error) error {
	var p stationParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.vault.Revoke(ctx, p.Key, a.now()); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActStationRevoked, p.Key, change{Actor: r.Actor, Reason: p.Reason}); err != nil {
		return err
	}
	return out(keys.Depositor{ID: p.Key})
}

func (e *env) stationsWaitingCmd() *cobra.Command {
	return &cobra.Command{
		Use: "waiting", Short: "List deposits in quarantine, and why", Example: "  chartvault stations waiting", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "stations-waiting", struct{}{}, show(e, func(m archive.Mark) {
				fmt.Fprintf(e.out, "batch %s  since %s  by %s: %s\n", m.Batch, m.At.Format(time.DateTime), m.By, m.Why)
			}))
		},
	}
}

func (a *app) opStationsWaiting(ctx context.Context, _ asked, out func(any) error) error {
	ms, err := a.arch.Marks(ctx)
	if err != nil {
		return err
	}
	for _, m := range ms {
		if m.State != archive.MarkQuarantined {
			continue
		}
		if err := out(m); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) stationsRetryCmd() *cobra.Command {
	return &cobra.Command{
		Use: "retry BATCH", Short: "Look at a deposit in quarantine again",
		Example: "  chartvault stations retry 4hz3qkpuxvu5mb7drz3lqk4n2e", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.onDeposit(cmd, "stations-retry", args[0], "") },
	}
}

func (e *env) stationsDiscardCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "discard BATCH --reason TEXT", Short: "Remove a deposit in quarantine: its keys, then its objects",
		Long:    "For what was never the archive's: a stranger's, or what a station sent again under another batch. It cannot be undone.",
		Example: `  chartvault stations discard 4hz3qkpuxvu5mb7drz3lqk4n2e --reason "stolen station"`, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.onDeposit(cmd, "stations-discard", args[0], reason)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	c.MarkFlagRequired("reason") // it exists
	return c
}

func (e *env) onDeposit(cmd *cobra.Command, op, batch, reason string) error {
	id, err := record.ParseID(batch)
	if err != nil {
		return fmt.Errorf("batch %q: %w", batch, record.ErrInvalid)
	}
	return e.call(cmd.Context(), op, stationParams{Batch: id, Reason: reason}, show(e, func(d depositor) {
		fmt.Fprintf(e.out, "batch %s: %s\n", id, d.State)
	}))
}

// quarantined returns the mark of a deposit that people may decide about.
func (a *app) quarantined(ctx context.Context, id record.ID) error {
	m, err := a.arch.FindMark(ctx, id)
	if err == nil && m.State != archive.MarkQuarantined {
		err = fmt.Errorf("deposit %s is a duplicate: %w", id, record.ErrNotFound)
	}
	return err
}

func (a *app) opStationsRetry(ctx context.Context, r asked, out func(any) error) error {
	var p stationParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.quarantined(ctx, p.Batch); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActDepositLooked, p.Batch.String(), change{Actor: r.Actor}); err != nil {
		return err
	}
	if err := a.arch.DropMark(ctx, p.Batch); err != nil {
		return err
	}
	a.vault.ForgetSigners()
	if err := a.takeOver(ctx, p.Batch); err != nil {
		return err
	}
	d, err := a.deposited(ctx, p.Batch)
	if err != nil {
		return err
	}
	return out(d)
}

func (a *app) opStationsDiscard(ctx context.Context, r asked, out func(any) error) error {
	var p stationParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.quarantined(ctx, p.Batch); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActDepositDiscarded, p.Batch.String(), map[string]any{"actor": r.Actor, "reason": p.Reason}); err != nil {
		return err
	}
	if err := a.arch.DropArrival(ctx, p.Batch); err != nil {
		return err
	}
	if err := a.arch.DropMark(ctx, p.Batch); err != nil {
		return err
	}
	if b, err := a.cat.Batch(ctx, p.Batch); err == nil && !b.State.Done() {
		// It was claimed before it was spoiled: its source may come again.
		if err := a.cat.ForgetBatch(ctx, p.Batch); err != nil {
			return err
		}
	}
	return out(depositor{State: "discarded"})
}
