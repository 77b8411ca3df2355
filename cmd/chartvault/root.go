package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/web"
)

// env is what every command shares: where the archive is, how to open it, and
// the three streams.
type env struct {
	data       string
	passFile   string
	recovery   string
	identity   string
	json       bool
	workFactor int
	rebuilding bool // this command mends what others refuse to open
	in         io.Reader
	out, err   io.Writer
	log        *slog.Logger
}

// run executes one command line and returns the exit code. Only main exits.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	e := &env{in: in, out: out, err: errw, log: slog.New(slog.NewTextHandler(errw, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	root := e.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted; calling it again goes on where it stopped: %w", context.Canceled)
	}
	o := classify(err)
	if misused(err) {
		o.exit, o.hint = exitInvalid, `see "chartvault --help"`
	}
	fmt.Fprintf(errw, "chartvault: error: %v\n", err)
	if o.hint != "" {
		fmt.Fprintf(errw, "chartvault: hint: %s\n", o.hint)
	}
	return o.exit
}

// misused reports whether cobra refused the command line itself. It has no
// error of its own to match.
func misused(err error) bool {
	return slices.ContainsFunc([]string{"unknown command", "unknown flag", "unknown shorthand", "required flag", "accepts ", "requires at least", "invalid argument", "flag needs", "if any flags"},
		func(p string) bool { return strings.HasPrefix(err.Error(), p) })
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "chartvault",
		Short:         "Encrypted archive for scanned paper charts",
		Long:          "Chartvault takes scanned paper charts in, reads them, encrypts each document under a key of its own,\nkeeps it as long as the law says, gives it back by chart number, and destroys it provably at the end.\n\nExit codes: 0 done, 1 internal, 2 invalid, 3 not found, 4 destroyed, 5 denied or not ready,\n6 corrupt, 7 input not readable (kept), 8 sealed, 9 busy, 10 storage not usable, 130 interrupted.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := root.PersistentFlags()
	f.StringVar(&e.data, "data", "data", "data directory of the archive")
	f.StringVar(&e.passFile, "passphrase-file", "", "file with the vault's passphrase; asked for on a terminal otherwise")
	f.StringVar(&e.recovery, "recovery-identity", "", "file with a recovery identity, instead of a passphrase")
	f.StringVar(&e.identity, "identity", "", "age identity file that is a way to unlock the vault, instead of a passphrase")
	f.BoolVar(&e.json, "json", false, "print JSON lines")
	root.PersistentPreRunE = func(*cobra.Command, []string) (err error) {
		e.data, err = filepath.Abs(e.data) // reading processes run elsewhere
		return err
	}
	root.AddCommand(e.initCmd(), e.serveCmd(), e.ingestCmd(), e.exportedCmd(), e.batchesCmd(), e.restCmd(), e.getCmd(), e.exportCmd(), e.searchCmd(), e.qaCmd(), e.correctionCmd(), e.requestCmd(), e.disclosuresCmd(), e.usersCmd(),
		e.sheetsCmd(), e.sampleCmd(), e.patientsCmd(), e.factsCmd(), e.holdCmd(), e.restrictCmd(), e.retentionCmd(), e.scheduleCmd(), e.automationCmd(), e.approverCmd(), e.planCmd(),
		e.certificateCmd(), e.paperCmd(), e.keysCmd(), e.stationCmd(), e.stationsCmd(), e.unlockCmd(),
		e.verifyCmd(), e.rebuildCmd(), e.auditCmd(), e.witnessCmd(), e.doctorCmd(), e.statusCmd(), e.serversCmd(), e.jobsCmd(), e.demoCmd(), e.openapiCmd(), e.versionCmd())
	for _, c := range root.Commands() {
		if c.Example != "" {
			continue
		}
		var examples []string // a group shows those of its verbs
		for _, sub := range c.Commands() {
			examples = append(examples, sub.Example)
		}
		c.Example = strings.Join(examples, "\n")
	}
	return root
}

// actor names the person at the keyboard for the audit log.
func actor() record.Actor {
	if u, err := user.Current(); err == nil {
		return record.Actor("os:" + u.Username)
	}
	return record.Actor(fmt.Sprintf("os:uid%d", os.Getuid()))
}

// passphrase comes from the file, from systemd's credentials, or from the
// terminal.
func (e *env) passphrase(confirm bool) (string, error) {
	file := e.passFile
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); file == "" && dir != "" {
		file = filepath.Join(dir, "passphrase")
	}
	if file != "" {
		lines, err := secretFile(file)
		if err != nil {
			return "", fmt.Errorf("passphrase file: %w", err)
		}
		if lines[0] == "" {
			return "", fmt.Errorf("passphrase file: %w: it is empty", record.ErrInvalid)
		}
		return lines[0], nil
	}
	if confirm {
		return e.secretTwice("Passphrase: ")
	}
	return e.secret("Passphrase: ")
}

// secretTwice asks for a new passphrase on the terminal, and once more.
func (e *env) secretTwice(prompt string) (string, error) {
	p, err := e.secret(prompt)
	if err != nil {
		return "", err
	}
	again, err := e.secret("Once more: ")
	if err == nil && again != p {
		err = fmt.Errorf("the two differ: %w", record.ErrInvalid)
	}
	return p, err
}

// secret asks for a passphrase on the terminal.
func (e *env) secret(prompt string) (string, error) {
	tty, ok := e.in.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		return "", fmt.Errorf("no passphrase: %w", record.ErrSealed)
	}
	fmt.Fprint(e.err, prompt)
	b, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(e.err)
	return string(b), err
}

func (e *env) unlocker() (unlocker, error) {
	p, err := e.unlockParams()
	if err != nil {
		return nil, err
	}
	return p.by()
}

// unlockParams reads what opens the vault: from a file, from systemd's
// credentials, or from the terminal.
func (e *env) unlockParams() (p unlockParams, err error) {
	if e.recovery != "" {
		b, err := os.ReadFile(e.recovery)
		if err != nil {
			return p, fmt.Errorf("recovery identity: %w", err)
		}
		return unlockParams{Recovery: string(b)}, nil
	}
	if file := e.identityFile(); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return p, fmt.Errorf("identity: %w", err)
		}
		return unlockParams{Identity: string(b)}, nil
	}
	p.Passphrase, err = e.passphrase(false)
	return p, err
}

// identityFile is the identity to unlock with: given, or among systemd's
// credentials where there is no passphrase.
func (e *env) identityFile() string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if e.identity != "" || e.passFile != "" || dir == "" {
		return e.identity
	}
	if fileExists(filepath.Join(dir, "passphrase")) {
		return ""
	}
	if name := filepath.Join(dir, "identity"); fileExists(name) {
		return name
	}
	return ""
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// daemonFile is how a command finds the daemon that holds its data directory.
type daemonFile struct {
	Addr  string `json:"addr"`
	Token string `json:"token"`
}

func (e *env) lockFile() string   { return filepath.Join(e.data, "lock") }
func (e *env) daemonPath() string { return filepath.Join(e.data, "daemon.json") }

func (e *env) noArchive() error {
	return fmt.Errorf(`no archive in %s: %w; make one with "chartvault init --data %s"`, e.data, record.ErrNotFound, e.data)
}

// daemon returns the daemon that the data directory names, or nil.
func (e *env) daemon() *web.Client {
	b, err := os.ReadFile(e.daemonPath())
	if err != nil {
		return nil
	}
	var d daemonFile
	if json.Unmarshal(b, &d) != nil || d.Addr == "" {
		return nil
	}
	// It may be the file of a daemon that was killed or is just ending.
	c, err := net.DialTimeout("tcp", d.Addr, time.Second)
	if err != nil {
		return nil
	}
	c.Close()
	return &web.Client{Addr: d.Addr, Token: d.Token}
}

// acquire takes the data directory's lock, or finds the daemon that has it. A
// command that holds it is waited for.
func (e *env) acquire(ctx context.Context) (unlock func(), daemon *web.Client, err error) {
	if _, err := os.Stat(e.data); err != nil {
		return nil, nil, e.noArchive()
	}
	const patience = 30 * time.Second
	for start := time.Now(); ; {
		unlock, ok, err := durable.Lock(e.lockFile())
		if err != nil {
			return nil, nil, err
		}
		if ok {
			// Whoever wrote it has ended without removing it.
			if err := durable.Remove(e.daemonPath()); err != nil {
				unlock()
				return nil, nil, err
			}
			return unlock, nil, nil
		}
		if c := e.daemon(); c != nil {
			return nil, c, nil
		}
		if time.Since(start) > patience {
			return nil, nil, fmt.Errorf("archive %s: %w", e.data, record.ErrBusy)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// call runs an operation: in the daemon when one runs, else here.
func (e *env) call(ctx context.Context, op string, in any, f func(json.RawMessage) error) error {
	unlock, daemon, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	if daemon != nil {
		return daemon.Call(ctx, op, request{Actor: actor(), Params: in}, f)
	}
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	err = a.perform(ctx, op, request{Actor: actor(), Params: in}, f)
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

// open opens the archive here; it takes over the lock.
func (e *env) open(ctx context.Context, unlock func()) (*app, error) {
	cfg, err := loadConfig(e.data)
	if err == nil {
		var by unlocker
		if by, err = e.unlocker(); err == nil {
			return open(ctx, cfg, by, e.log, e.rebuilding, unlock)
		}
	}
	unlock()
	return nil, err
}

// show prints an answer: as it came with --json, else through human.
func show[T any](e *env, human func(T)) func(json.RawMessage) error {
	return func(line json.RawMessage) error {
		if e.json {
			_, err := fmt.Fprintf(e.out, "%s\n", line)
			return err
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		human(v)
		return nil
	}
}

// privateLines reads lines that must not stand on the command line.
func (e *env) privateLines(prompt string) ([]string, error) {
	if tty, ok := e.in.(*os.File); ok && term.IsTerminal(int(tty.Fd())) {
		fmt.Fprint(e.err, prompt)
	}
	b, err := io.ReadAll(io.LimitReader(e.in, 16<<20))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range strings.Split(string(b), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: nothing was given on standard input", record.ErrInvalid)
	}
	return out, nil
}
