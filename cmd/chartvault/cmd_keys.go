package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/internal/paper"
	"chartvault/record"
)

func (e *env) keysCmd() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Look after the keys: list, rehearse recovery, rotate, split, export"}
	c.AddCommand(e.keysListCmd(), e.keysInspectCmd(), e.keysExportCmd(), e.keysDrillCmd(), e.keysRotateCmd(), e.keysPassphraseCmd(),
		e.keysWayCmd(), e.keysRecoveryCmd(), e.keysSplitCmd(), e.keysCombineCmd())
	return c
}

// alone runs f on the archive while no daemon has it: what changes the vault
// itself must not happen under the feet of one that uses it.
func (e *env) alone(ctx context.Context, f func(a *app) error) error {
	unlock, daemon, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	if daemon != nil {
		return fmt.Errorf("stop the daemon on %s first: %w", daemon.Addr, record.ErrBusy)
	}
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	leave, err := a.cat.Alone(ctx) // nor under those of another server
	if err == nil {
		err = f(a)
		leave()
	}
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

// keyChange journals what was done to the vault.
func (a *app) keyChange(ctx context.Context, action audit.Action, detail map[string]any) error {
	detail["actor"] = actor()
	if err := a.arch.Journal(ctx, action, "", detail); err != nil {
		return err
	}
	return a.arch.Publish(ctx)
}

func (e *env) keysRotateCmd() *cobra.Command {
	var newPass string
	c := &cobra.Command{
		Use: "rotate", Short: "Give the vault a new identity and re-wrap every key", Args: cobra.NoArgs,
		Long:    "Makes a new vault identity, seals it to the passphrase, the ways and the recovery identities, and re-wraps the key of\nevery document and batch. It may be interrupted anywhere: the archive opens at every moment, and calling it again goes\non. No document is encrypted again. A copy of the keys place from before still opens with what opened it then.",
		Example: "  chartvault keys rotate --passphrase-file pass --new-passphrase-file newpass",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.alone(cmd.Context(), func(a *app) error { return e.rotate(cmd.Context(), a, newPass) })
		},
	}
	c.Flags().StringVar(&newPass, "new-passphrase-file", "", "file with the passphrase from then on; the present one otherwise")
	c.Flags().IntVar(&e.workFactor, "work-factor", 0, "log2 of scrypt's cost for the passphrase; 0 for age's default (18)")
	return c
}

func (e *env) rotate(ctx context.Context, a *app, newPass string) error {
	pass, err := e.newPassphrase(newPass, true)
	if err != nil {
		return err
	}
	also, err := a.liveKeys(ctx)
	if err != nil {
		return err
	}
	var last keys.Rotation
	r, err := a.vault.Rotate(ctx, pass, e.workFactor, also, func(r keys.Rotation) {
		if last = r; e.json && r.Done%1000 == 0 {
			fmt.Fprintf(e.out, "%s\n", mustJSON(r))
		}
	})
	if err != nil {
		return fmt.Errorf("%d of %d keys looked at; calling it again goes on: %w", last.Done, last.Of, err)
	}
	if err := a.keyChange(ctx, audit.ActKeysRotated, map[string]any{"turn": r.Turn, "wrapped": r.Wrapped, "of": r.Of, "damaged": r.Damaged}); err != nil {
		return err
	}
	if e.json {
		_, err := fmt.Fprintf(e.out, "%s\n", mustJSON(r))
		return err
	}
	fmt.Fprintf(e.out, "vault identity %d: %d of %d keys re-wrapped\n", r.Turn, r.Wrapped, r.Of)
	for _, name := range r.Damaged {
		fmt.Fprintf(e.err, "chartvault: warning: %s opens with nothing, in no place: bring it back from a backup of the keys; \"chartvault verify\" says what it opened\n", name)
	}
	if r.Holes > 0 {
		fmt.Fprintf(e.err, "chartvault: warning: %d copies of keys are missing in one of the places\n", r.Holes)
	}
	return nil
}

// liveKeys are the documents and batches whose keys must be there, whatever a
// listing of the keys place shows.
func (a *app) liveKeys(ctx context.Context) ([]record.ID, error) {
	rows, err := a.cat.Documents(ctx)
	if err != nil {
		return nil, err
	}
	bs, err := a.cat.Batches(ctx)
	if err != nil {
		return nil, err
	}
	var ids []record.ID
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	for _, b := range bs {
		ids = append(ids, b.ID)
	}
	return ids, nil
}

// newPassphrase is the passphrase to set: from a file, or the present one when
// keep says so, or from the terminal, twice.
func (e *env) newPassphrase(file string, keep bool) (string, error) {
	if file == "" && keep && e.recovery == "" && e.identity == "" {
		return e.passphrase(false)
	}
	if file == "" {
		return e.secretTwice("New passphrase: ")
	}
	lines, err := secretFile(file)
	if err == nil && lines[0] == "" {
		err = record.ErrInvalid
	}
	if err != nil {
		return "", fmt.Errorf("new passphrase file: %w", err)
	}
	return lines[0], nil
}

func (e *env) keysPassphraseCmd() *cobra.Command {
	var newPass string
	c := &cobra.Command{
		Use: "passphrase", Short: "Change the vault's passphrase", Args: cobra.NoArgs,
		Long:    "Opens the vault with the present passphrase, a way or a recovery identity, and seals it under a new passphrase. A copy\nof the keys place from before still opens with the old one: after a leak, rotate.",
		Example: "  chartvault keys passphrase --recovery-identity /mnt/usb/recovery.age-identity --new-passphrase-file newpass",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.alone(cmd.Context(), func(a *app) error {
				pass, err := e.newPassphrase(newPass, false)
				if err != nil {
					return err
				}
				if err := a.vault.SetPassphrase(cmd.Context(), pass, e.workFactor); err != nil {
					return err
				}
				fmt.Fprintln(e.err, "The passphrase is changed.")
				return a.keyChange(cmd.Context(), audit.ActKeysPassphrase, map[string]any{})
			})
		},
	}
	c.Flags().StringVar(&newPass, "new-passphrase-file", "", "file with the new passphrase; asked for on a terminal otherwise")
	c.Flags().IntVar(&e.workFactor, "work-factor", 0, "log2 of scrypt's cost; 0 for age's default (18)")
	return c
}

func (e *env) keysWayCmd() *cobra.Command {
	c := &cobra.Command{Use: "way", Short: "Let an age identity or a hardware token unlock the vault"}
	var w keys.Way
	add := &cobra.Command{
		Use: "add NAME --to RECIPIENT", Short: "Add a way", Args: cobra.ExactArgs(1),
		Long:    "Seals the vault identity to an age recipient, of age itself or of a plugin; a plugin that encrypts to its identity is\ngiven as AGE-PLUGIN-... . From then on --identity FILE opens the archive.",
		Example: "  chartvault keys way add front-desk --to age1yubikey1...",
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Name = args[0]
			return e.alone(cmd.Context(), func(a *app) error {
				if err := a.vault.AddWay(cmd.Context(), w); err != nil {
					return err
				}
				fmt.Fprintf(e.err, "%s unlocks the vault from now on.\n", w.Name)
				return a.keyChange(cmd.Context(), audit.ActKeysWayAdded, map[string]any{"way": w})
			})
		},
	}
	add.Flags().StringVar(&w.Recipient, "to", "", "age recipient, or a plugin's identity")
	must(add.MarkFlagRequired("to"))
	remove := &cobra.Command{
		Use: "remove NAME", Short: "Take a way away", Args: cobra.ExactArgs(1), Example: "  chartvault keys way remove front-desk",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.alone(cmd.Context(), func(a *app) error {
				if err := a.vault.RemoveWay(cmd.Context(), args[0]); err != nil {
					return err
				}
				return a.keyChange(cmd.Context(), audit.ActKeysWayRemoved, map[string]any{"way": args[0]})
			})
		},
	}
	c.AddCommand(add, remove)
	return c
}

func (e *env) keysRecoveryCmd() *cobra.Command {
	c := &cobra.Command{Use: "recovery", Short: "Make and remove recovery identities"}
	var out string
	add := &cobra.Command{
		Use: "add --out FILE", Short: "Make another recovery identity", Args: cobra.NoArgs,
		Long:    "Makes a recovery identity that opens the archive without the passphrase and writes it to a file, once. Take the file\noff this machine and rehearse it with \"chartvault keys drill\".",
		Example: "  chartvault keys recovery add --out /mnt/usb/recovery.age-identity",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.alone(cmd.Context(), func(a *app) error { return e.addRecovery(cmd.Context(), a, out) })
		},
	}
	add.Flags().StringVar(&out, "out", "", "file to write")
	must(add.MarkFlagRequired("out"))
	remove := &cobra.Command{
		Use: "remove END", Short: "Take a recovery identity away, named by the end of its recipient", Args: cobra.ExactArgs(1), Example: "  chartvault keys recovery remove x7k2m9q4",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.alone(cmd.Context(), func(a *app) error {
				if err := a.vault.RemoveRecovery(cmd.Context(), args[0]); err != nil {
					return err
				}
				return a.keyChange(cmd.Context(), audit.ActKeysRecoveryRemoved, map[string]any{"recipient_ends": args[0]})
			})
		},
	}
	c.AddCommand(add, remove)
	return c
}

func (e *env) addRecovery(ctx context.Context, a *app, out string) error {
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("recovery identity: %s is there already: %w", out, record.ErrExists)
	}
	line, recipient, err := a.vault.NewRecovery(ctx)
	if err != nil {
		return err
	}
	if _, err := durable.Create(out, strings.NewReader(recoveryText(line)), 0o600); err != nil {
		// Nobody has it: it must not be among those that open the archive.
		return errors.Join(fmt.Errorf("recovery identity: %w", err), a.vault.RemoveRecovery(ctx, recipient))
	}
	fmt.Fprintf(e.err, "The recovery identity is in %s: move it off this machine, and rehearse it.\n", out)
	return a.keyChange(ctx, audit.ActKeysRecoveryAdded, map[string]any{"recipient": recipient})
}

func recoveryText(line string) string {
	return "# Recovery identity of a Chartvault archive. Keep it offline.\n" + line + "\n"
}

func (e *env) keysSplitCmd() *cobra.Command {
	var need, of int
	var out string
	c := &cobra.Command{
		Use: "split --recovery-identity FILE --need N --of M --out DIR", Short: "Split a recovery identity into shares for several people", Args: cobra.NoArgs,
		Long:    "Splits a recovery identity so that any N of M shares open it again and fewer tell nothing. Writes each share as a page to\nprint, with a symbol and letters to type, and as text. Give every holder one, rehearse once with N of them, then destroy\nthe identity's own file.",
		Example: "  chartvault keys split --recovery-identity recovery.age-identity --need 3 --of 5 --out shares",
		RunE:    func(*cobra.Command, []string) error { return e.split(need, of, out) },
	}
	c.Flags().IntVar(&need, "need", 3, "shares that open")
	c.Flags().IntVar(&of, "of", 5, "shares to make")
	c.Flags().StringVar(&out, "out", "shares", "folder to write to")
	return c
}

func (e *env) split(need, of int, out string) error {
	if e.recovery == "" {
		return fmt.Errorf("split: %w: give --recovery-identity", record.ErrInvalid)
	}
	b, err := os.ReadFile(e.recovery)
	if err != nil {
		return fmt.Errorf("recovery identity: %w", err)
	}
	shares, err := keys.Split(string(b), need, of)
	if err != nil {
		return err
	}
	for _, s := range shares {
		name := filepath.Join(out, fmt.Sprintf("share-%d-of-%d", s.Number, s.Of))
		var page bytes.Buffer
		err := paper.Print(&page, []paper.Sheet{{
			Heading: fmt.Sprintf("Recovery share %d of %d", s.Number, s.Of),
			Paragraphs: []string{
				fmt.Sprintf("Any %d of the %d shares of set %x open the archive's recovery identity. This share by itself says nothing.", s.Need, s.Of, s.Set),
				"Keep it where its holder alone has it, and not beside another share. To use it, scan the symbol or type the letters; spaces do not matter.",
			}, Code: s.Text(),
		}})
		if err != nil {
			return err
		}
		for ext, r := range map[string]io.Reader{".pdf": &page, ".txt": strings.NewReader(paper.Grouped(s.Text()) + "\n")} {
			if _, err := durable.Create(name+ext, r, 0o600); err != nil {
				return fmt.Errorf("split: %w", err)
			}
		}
	}
	fmt.Fprintf(e.err, "%d shares in %s; any %d of them open.\n", of, out, need)
	return nil
}

func (e *env) keysCombineCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "combine --out FILE SHARE.txt...", Short: "Open a split recovery identity from its shares", Args: cobra.MinimumNArgs(1),
		Long:    "Reads shares, one a file, as they were printed or typed, says which is damaged, and writes the recovery identity.",
		Example: "  chartvault keys combine --out recovery.age-identity share-1.txt share-4.txt share-5.txt",
		RunE: func(_ *cobra.Command, args []string) error {
			var shares []keys.Share
			for _, f := range args {
				b, err := os.ReadFile(f)
				if err != nil {
					return err
				}
				s, err := keys.ParseShare(string(b))
				if err != nil {
					return fmt.Errorf("%s: %w", f, err)
				}
				shares = append(shares, s)
			}
			line, err := keys.Combine(shares)
			if err != nil {
				return err
			}
			if _, err := durable.Create(out, strings.NewReader(recoveryText(line)), 0o600); err != nil {
				return fmt.Errorf("combine: %w", err)
			}
			fmt.Fprintf(e.err, "The recovery identity is in %s.\n", out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", recoveryFile, "file to write")
	return c
}
