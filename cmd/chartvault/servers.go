package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/record"
)

// serverLine is a server as it is listed.
type serverLine struct {
	Server  string `json:"server"`
	Name    string `json:"name,omitempty"`
	On      bool   `json:"on"`
	Here    bool   `json:"here,omitempty"`
	Since   string `json:"since"`             // it came, or ended
	Batches int    `json:"batches,omitempty"` // it had begun to take in
}

func (e *env) serversCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "servers", Short: "List the servers on this archive, or forget one that will not come back", Args: cobra.NoArgs,
		Long: "Lists the servers that share this archive: those on one PostgreSQL catalogue. A scan that a server had begun to take in when it\n" +
			"ended waits for it to come back; once it is forgotten, any other takes the scan in.",
		Example: "  chartvault servers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "servers", struct{}{}, show(e, func(l serverLine) {
				state := "away"
				if l.On {
					state = "on"
				}
				if l.Here {
					state += ", here"
				}
				fmt.Fprintf(e.out, "%s  %s (%s) since %s\n", l.Server, l.Name, state, l.Since)
				if l.Batches > 0 && !l.On {
					fmt.Fprintf(e.out, "  %d batches wait for it to come back, or to be forgotten\n", l.Batches)
				}
			}))
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "forget SERVER", Short: "Forget a server that will not come back: what it had begun to take in others take in", Args: cobra.ExactArgs(1),
		Example: "  chartvault servers forget 0123456789abcdef0123456789abcdef",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "servers-forget", serverParams{args[0]}, show(e, func(serverParams) {
				fmt.Fprintln(e.out, "forgotten")
			}))
		},
	})
	return c
}

// serverWarnings are about servers that left something behind.
func (a *app) serverWarnings(ctx context.Context) (out []string) {
	if !a.cat.Shared() {
		return nil
	}
	ms, err := a.cat.Members(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range ms {
		n, err := a.cat.Begun(ctx, m.Server)
		if err != nil {
			return []string{err.Error()}
		}
		if n > 0 && !m.Present {
			out = append(out, fmt.Sprintf(`%d scans wait for server %s, which has been away since %s: start it, or run "chartvault servers forget %s"`, n, m.Server, m.Since.Local().Format("2006-01-02 15:04"), m.Server))
		}
	}
	return out
}

type serverParams struct {
	Server string `json:"server"`
}

func (a *app) opServers(ctx context.Context, _ asked, out func(any) error) error {
	if !a.cat.Shared() {
		return nil
	}
	names := map[string]string{}
	ds, err := a.vault.Depositors(ctx)
	if err != nil {
		return err
	}
	for _, d := range ds {
		names[d.ID] = d.Name
	}
	ms, err := a.cat.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range ms {
		l := serverLine{Server: m.Server, Name: names[m.Server], On: m.Present, Here: m.Server == a.cat.Self(), Since: m.Since.Format(time.RFC3339)}
		if l.Batches, err = a.cat.Begun(ctx, m.Server); err != nil {
			return err
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opServersForget(ctx context.Context, r asked, out func(any) error) error {
	var p serverParams
	if err := r.params(&p); err != nil {
		return err
	}
	if !a.cat.Shared() {
		return fmt.Errorf("servers: this archive has one server: %w", record.ErrInvalid)
	}
	if err := a.arch.Journal(ctx, audit.ActServerForgotten, p.Server, map[string]any{"actor": r.Actor}); err != nil {
		return err
	}
	if err := a.cat.Forget(ctx, p.Server); err != nil {
		return err
	}
	return out(p)
}
