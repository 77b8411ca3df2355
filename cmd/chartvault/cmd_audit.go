package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"chartvault/audit"
	"chartvault/record"
)

func (e *env) auditCmd() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Check the audit log"}
	var keyFile string
	v := &cobra.Command{
		Use:     "verify",
		Short:   "Prove that the audit log is whole",
		Long:    "Reads every entry and every signed checkpoint of the log and says what was cut, edited, inserted or reordered.\nIt needs no passphrase, only the log's public key; keep a copy of DIR/audit/verifier elsewhere and give it with --key.",
		Example: "  chartvault audit verify --data /var/lib/chartvault --key /mnt/auditor/verifier",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return e.auditVerify(keyFile) },
	}
	v.Flags().StringVar(&keyFile, "key", "", "file with the log's public key (default DIR/audit/verifier)")
	c.AddCommand(v)
	return c
}

func (e *env) auditVerify(keyFile string) error {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	if keyFile == "" {
		keyFile = cfg.path("audit/verifier")
	}
	b, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("audit log's public key: %w", err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("audit log's public key: %w: %w", record.ErrInvalid, err)
	}
	rep, err := audit.Verify(cfg.path("audit"), v)
	if err != nil {
		return err
	}
	if e.json {
		if err := json.NewEncoder(e.out).Encode(rep); err != nil {
			return err
		}
	} else {
		for _, f := range rep.Faults {
			fmt.Fprintf(e.out, "FAULT %s\n", f)
		}
		fmt.Fprintf(e.out, "%d entries, %d of them under %d good checkpoints; root %s\n", rep.Entries, rep.Signed, rep.Checkpoints, rep.Root)
	}
	if len(rep.Faults) > 0 {
		return fmt.Errorf("audit log: %d faults: %w", len(rep.Faults), record.ErrCorrupt)
	}
	return nil
}
