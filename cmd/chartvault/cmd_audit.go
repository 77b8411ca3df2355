package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/internal/paper"
	"chartvault/record"
)

func (e *env) auditCmd() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Check the audit log, prove entries, keep its head elsewhere"}
	c.AddCommand(e.auditVerifyCmd(), e.auditExportCmd(), e.auditHeadCmd(), e.auditProveCmd(), e.auditCheckCmd(), e.auditResumeCmd())
	return c
}

// verifyAsk is what to hold the log against.
type verifyAsk struct {
	key, export string
	heads       []string
	published   bool
}

func (e *env) auditVerifyCmd() *cobra.Command {
	var q verifyAsk
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the audit log is whole",
		Long: "Reads every entry and every signed checkpoint of the log and says what was cut, edited, inserted, removed, reordered or\n" +
			"forked. It needs no passphrase, only the log's public key; keep a copy of DIR/audit/verifier elsewhere and give it with\n" +
			"--key. Heads that a witness or a safe kept, and the tiles in the documents store, show what the log by itself cannot.",
		Example: "  chartvault audit verify --data /var/lib/chartvault --key /mnt/auditor/verifier --head /mnt/witness/heads --published\n  chartvault audit verify --export /mnt/auditor/november",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.auditVerify(cmd.Context(), q) },
	}
	f := c.Flags()
	f.StringVar(&q.key, "key", "", "file with the log's public key (default: the one beside the log)")
	f.StringVar(&q.export, "export", "", "folder of an export, instead of the data directory's log")
	f.StringArrayVar(&q.heads, "head", nil, "file with heads that were kept elsewhere: a witness's file, or a printed head's letters")
	f.BoolVar(&q.published, "published", false, "hold it against the tiles in the documents store as well")
	return c
}

func (e *env) auditVerify(ctx context.Context, q verifyAsk) error {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	dir := cfg.path("audit")
	if q.export != "" {
		dir = q.export
	}
	if q.key == "" {
		q.key = filepath.Join(dir, "verifier")
	}
	v, err := cfg.verifier(q.key)
	if err != nil {
		return err
	}
	ev, err := cfg.evidence(ctx, q)
	if err != nil {
		return err
	}
	rep, err := audit.Verify(dir, v, ev)
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

// evidence gathers what others kept. The witness file of the configuration is
// asked where it can be read; what was asked for by name must be there.
func (cfg *config) evidence(ctx context.Context, q verifyAsk) (ev audit.Evidence, err error) {
	files := q.heads
	if w := cfg.Audit.WitnessFile; w != "" && q.export == "" && fileExists(cfg.path(w)) {
		files = append(files, cfg.path(w))
	}
	for _, f := range files {
		heads, err := audit.ReadHeads(f)
		if err != nil {
			return ev, err
		}
		ev.Heads = append(ev.Heads, heads...)
	}
	if q.published {
		docs, _, err := cfg.stores(ctx)
		if err != nil {
			return ev, err
		}
		if ev.Leaves, err = archive.PublishedLeaves(ctx, docs); err != nil {
			return ev, err
		}
	}
	return ev, nil
}

func (e *env) auditExportCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export --out DIR", Short: "Copy the log for an auditor, to be verified anywhere", Args: cobra.NoArgs,
		Long:    "Copies entries, checkpoints, hashes and public key. Bodies stay sealed. \"chartvault audit verify --export DIR\" checks\nthe copy on any machine; give --key with a public key that was kept elsewhere.",
		Example: "  chartvault audit export --out /mnt/auditor/november",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := loadConfig(e.data)
			if err != nil {
				return err
			}
			// In the order in which a log that goes on would be read: its lines are
			// written before what is made of them.
			for _, name := range []string{"verifier", "checkpoints", "hashes", "log"} {
				if err := copyFile(filepath.Join(cfg.path("audit"), name), filepath.Join(out, name)); err != nil {
					return fmt.Errorf("audit export: %w", err)
				}
			}
			fmt.Fprintf(e.err, "The audit log is in %s.\n", out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder to write to")
	must(c.MarkFlagRequired("out"))
	return c
}

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close() // read-only
	_, err = durable.Create(to, f, 0o600)
	return err
}

func (e *env) auditHeadCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "head", Short: "Print the newest signed head, for the safe", Args: cobra.NoArgs,
		Long:    "Prints the newest signed checkpoint as one line, and with --out as a page with a symbol and letters to type. Kept on\npaper it is a witness: \"chartvault audit verify --head FILE\" holds the log against it.",
		Example: "  chartvault audit head --out head.pdf",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := loadConfig(e.data)
			if err != nil {
				return err
			}
			heads, err := audit.Checkpoints(cfg.path("audit"))
			if err != nil {
				return err
			}
			if len(heads) == 0 {
				return fmt.Errorf("audit head: no checkpoint yet: %w", record.ErrNotFound)
			}
			head := heads[len(heads)-1]
			fmt.Fprintln(e.out, head.Line())
			if out == "" {
				return nil
			}
			var b bytes.Buffer
			err = paper.Print(&b, []paper.Sheet{{Heading: "Head of the audit log", Code: head.Line(), Paragraphs: []string{
				fmt.Sprintf("Log %s, %d entries, printed %s.", head.Origin, head.Size, time.Now().Format("2006-01-02 15:04")),
				"Keep this page where nobody who runs the archive has access. Any later log must continue it: \"chartvault audit verify --head FILE\" with these letters in the file says whether it does.",
			}}})
			if err != nil {
				return err
			}
			_, err = durable.Replace(out, &b, 0o600)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "", "PDF to write")
	return c
}

func (e *env) auditProveCmd() *cobra.Command {
	var out string
	var p proveParams
	c := &cobra.Command{
		Use: "prove --entry N --out FILE", Short: "Prove that one entry is in the log", Args: cobra.NoArgs,
		Long:    "Writes an entry with its inclusion proof (C2SP tlog-proof), which anybody checks with the log's public key alone:\n\"chartvault audit check FILE --key verifier\".",
		Example: "  chartvault audit prove --entry 1042 --out entry-1042.proof",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "audit-prove", p, func(line json.RawMessage) error {
				var l proofLine
				if err := json.Unmarshal(line, &l); err != nil {
					return err
				}
				_, err := durable.Replace(out, strings.NewReader(l.Proof), 0o600)
				return err
			})
		},
	}
	c.Flags().Int64Var(&p.Entry, "entry", 0, "number of the entry")
	c.Flags().StringVar(&out, "out", "", "file to write")
	must(c.MarkFlagRequired("entry"))
	must(c.MarkFlagRequired("out"))
	return c
}

type proveParams struct {
	Entry int64 `json:"entry"`
}

type proofLine struct {
	Proof string `json:"proof"`
}

func (a *app) opProve(ctx context.Context, r asked, out func(any) error) error {
	var p proveParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.arch.Publish(ctx); err != nil { // signs what is not signed yet
		return err
	}
	b, err := a.arch.Log.Prove(p.Entry)
	if err != nil {
		return err
	}
	return out(proofLine{string(b)})
}

func (e *env) auditCheckCmd() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "check FILE --key VERIFIER", Short: "Check the proof of an entry", Args: cobra.ExactArgs(1), Example: "  chartvault audit check entry-1042.proof --key verifier",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := loadConfig(e.data)
			if err != nil {
				return err
			}
			v, err := cfg.verifier(key)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			line, cp, err := audit.CheckProof(b, v)
			if err != nil {
				return err
			}
			var entry audit.Entry
			if err := json.Unmarshal(line, &entry); err != nil {
				return fmt.Errorf("entry: %w", record.ErrCorrupt)
			}
			fmt.Fprintf(e.out, "entry %d of %s: %s, %s; under a checkpoint over %d entries\n", entry.Seq, cp.Origin, entry.Action, entry.Time.Format(time.RFC3339), cp.Size)
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "file with the log's public key (default DIR/audit/verifier)")
	return c
}

func (e *env) auditResumeCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "resume --reason TEXT", Short: "Open an archive that lost entries of its log", Args: cobra.NoArgs,
		Long:    "An archive whose log is older than its witness saw, or another, is shut. Where the missing entries are lost for good, this\nopens it again: the reason is the next entry, and the witness goes on saying that the log is not the one it saw. Give the archive a\nnew witness then: of the old one only what it said this time is let pass.",
		Example: "  chartvault audit resume --reason \"disk lost on 3 November, incident 17\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(e.data)
			if err != nil {
				return err
			}
			if strings.TrimSpace(reason) == "" {
				return fmt.Errorf("audit resume: %w: give a reason", record.ErrInvalid)
			}
			said := func(a *app) error {
				return a.arch.Journal(cmd.Context(), audit.ActResumed, "", change{Actor: actor(), Reason: reason})
			}
			err = e.alone(cmd.Context(), said)
			// The documents store speaks before the witnesses are asked.
			for range 2 {
				known := differing(err)
				if len(known) == 0 {
					break
				}
				if err := cfg.setResumed(known); err != nil {
					return err
				}
				err = e.alone(cmd.Context(), said)
			}
			return err
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why entries are missing")
	return c
}

// setResumed writes down what people know is lost, besides what they knew before.
func (c *config) setResumed(ds []*audit.Differs) error {
	b, err := os.ReadFile(c.path(resumedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(b)
	for _, d := range ds {
		text += resumedLine(d) + "\n"
	}
	_, err = durable.Replace(c.path(resumedFile), strings.NewReader(text), 0o600)
	return err
}

func (e *env) witnessCmd() *cobra.Command {
	var listen, dir, key, name string
	c := &cobra.Command{
		Use: "witness --log-key FILE --dir DIR", Short: "Run a witness of another machine's audit log", Args: cobra.NoArgs,
		Long:    "Runs a C2SP tlog-witness for one log, on a machine that its administrator does not run: it keeps the newest head, and\ncosigns only one that continues it. It holds no key of the archive and no patient data. Prints its public key, which goes\ninto the archive's chartvault.toml as audit.witness_key.",
		Example: "  chartvault witness --log-key verifier --dir /var/lib/witness --listen 10.0.0.7:8421",
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.runWitness(cmd.Context(), listen, dir, key, name) },
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8421", "address to listen on")
	f.StringVar(&dir, "dir", "witness", "folder of its key and of the newest head")
	f.StringVar(&key, "log-key", "", "file with the log's public key (DIR/audit/verifier of the archive)")
	f.StringVar(&name, "name", "chartvault-witness", "name it signs with")
	must(c.MarkFlagRequired("log-key"))
	return c
}

func (e *env) runWitness(ctx context.Context, listen, dir, key, name string) error {
	v, err := (&config{}).verifier(key)
	if err != nil {
		return err
	}
	seed := make([]byte, 32)
	rand.Read(seed) // never fails
	seedFile := filepath.Join(dir, "witness.key")
	if _, err := durable.Create(seedFile, strings.NewReader(hex.EncodeToString(seed)+"\n"), 0o600); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("witness key: %w", err)
	}
	lines, err := secretFile(seedFile)
	if err != nil {
		return err
	}
	if seed, err = hex.DecodeString(lines[0]); err != nil || len(seed) != 32 {
		return fmt.Errorf("witness key %s: %w", seedFile, record.ErrCorrupt)
	}
	signer := audit.NewCosigner(name, seed, time.Now)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(e.out, "witness_url = \"http://%s\"\nwitness_key = \"%s\"\n", ln.Addr(), signer.VerifierKey())
	srv := &http.Server{Handler: &audit.WitnessServer{Log: v, Signer: signer, File: filepath.Join(dir, "head")}, ReadTimeout: time.Minute, ReadHeaderTimeout: witnessPatience}
	stop := context.AfterFunc(ctx, func() { srv.Close() }) // it keeps no state that a cut request could hurt
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
