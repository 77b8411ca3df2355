package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"chartvault/accounts"
	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/record"
)

//go:embed chartvault.toml
var defaultConfig string

//go:embed schedule.toml
var defaultSchedule string

// duration is a TOML string such as "72h".
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = errors.New("negative")
	}
	*d = duration(v)
	return err
}

// config is chartvault.toml. The defaults are the file embedded above, so that
// the two cannot differ.
type config struct {
	Facility   string `toml:"facility"`
	Production bool   `toml:"production"`
	Server     struct {
		Listen string   `toml:"listen"`
		Pages  string   `toml:"pages"`
		Names  []string `toml:"names"`
	} `toml:"server"`
	SignIn  *signInConfig `toml:"signin"`
	Station struct {
		Server string `toml:"server"`
		CAFile string `toml:"ca_file"`
	} `toml:"station"`
	Storage struct {
		Objects  string    `toml:"objects"`
		Keys     []string  `toml:"keys"`
		LockDays int       `toml:"lock_days"`
		S3       *s3Config `toml:"s3"`
	} `toml:"storage"`
	Audit struct {
		WitnessFile string `toml:"witness_file"`
		WitnessURL  string `toml:"witness_url"`
		WitnessKey  string `toml:"witness_key"`
	} `toml:"audit"`
	Integrity struct {
		Census duration `toml:"census"`
		Reread duration `toml:"reread"`
	} `toml:"integrity"`
	Catalogue struct {
		Engine  string `toml:"engine"`
		DSNFile string `toml:"dsn_file"`
	} `toml:"catalogue"`
	Ingest struct {
		Folder      string            `toml:"folder"`
		Exports     string            `toml:"exports"`
		Settle      duration          `toml:"settle"`
		Poll        duration          `toml:"poll"`
		Patience    duration          `toml:"patience"`
		Keep        duration          `toml:"keep"`
		ReserveMiB  int64             `toml:"reserve_mib"`
		Workers     int               `toml:"workers"`
		Languages   string            `toml:"languages"`
		Poor        float64           `toml:"poor"`
		PageTimeout duration          `toml:"page_timeout"`
		MemoryMiB   int64             `toml:"memory_mib"`
		Sandbox     string            `toml:"sandbox"`
		DateOrder   string            `toml:"date_order"`
		Passwords   string            `toml:"pdf_passwords_file"`
		Forms       map[string]string `toml:"forms"`
		Facility    string            `toml:"facility"`
	} `toml:"ingest"`
	ChartNumber struct {
		Expr  string `toml:"expr"`
		Check string `toml:"check"`
	} `toml:"chart_number"`
	Retention struct {
		Schedule      string   `toml:"schedule"`
		CoolingOff    duration `toml:"cooling_off"`
		DailyCap      int      `toml:"daily_cap"`
		MaxShare      float64  `toml:"max_share"`
		ApproverAge   duration `toml:"approver_age"`
		MaxGap        duration `toml:"max_gap"`
		KeyBackupDays int      `toml:"key_backup_days"`
		Automatic     bool     `toml:"automatic"`
	} `toml:"retention"`
	Release struct {
		State   string `toml:"state"`
		Rules   string `toml:"rules"`
		Letters string `toml:"letters"`
		Address string `toml:"address"`
	} `toml:"release"`
	Paper struct {
		Days    int    `toml:"days"`
		Replica string `toml:"replica"`
	} `toml:"paper"`
	Sheets []struct {
		Name        string   `toml:"name"`
		Symbologies []string `toml:"symbologies"`
		Expr        string   `toml:"expr"`
		Type        string   `toml:"type"`
		Keep        bool     `toml:"keep"`
	} `toml:"sheet"`

	dir string // the data directory
}

// s3Config is [storage.s3].
type s3Config struct {
	Endpoint        string `toml:"endpoint"`
	Region          string `toml:"region"`
	Bucket          string `toml:"bucket"`
	KeysBucket      string `toml:"keys_bucket"`
	CredentialsFile string `toml:"credentials_file"`
	CAFile          string `toml:"ca_file"`
	PlainHTTP       bool   `toml:"plain_http"`
	Governance      bool   `toml:"governance"`
}

// signInConfig is [signin].
type signInConfig struct {
	Issuer     string                   `toml:"issuer"`
	Client     string                   `toml:"client"`
	SecretFile string                   `toml:"secret_file"`
	Label      string                   `toml:"label"`
	Hosts      []string                 `toml:"hosts"`
	CAFile     string                   `toml:"ca_file"`
	Name       string                   `toml:"name_claim"`
	Claim      string                   `toml:"groups_claim"`
	Factors    []string                 `toml:"second_factors"`
	Groups     map[string]accounts.Role `toml:"groups"`
}

// loadConfig reads the configuration of a data directory over the defaults. A
// directory without one has the defaults.
func loadConfig(dir string) (*config, error) {
	c := &config{dir: dir}
	if _, err := toml.Decode(defaultConfig, c); err != nil {
		return nil, fmt.Errorf("default configuration: %w", err)
	}
	name := filepath.Join(dir, "chartvault.toml")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if strings.Contains(string(b), "[[sheet]]") {
		c.Sheets = nil // a site's list stands in place of the default one
	}
	md, err := toml.Decode(string(b), c)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w: %w", name, record.ErrInvalid, err)
	}
	if un := md.Undecoded(); len(un) > 0 {
		return nil, fmt.Errorf("configuration %s: %w: unknown key %s", name, record.ErrInvalid, un[0])
	}
	return c, c.check(name)
}

func (c *config) check(name string) error {
	bad := func(key, why string) error {
		return fmt.Errorf("configuration %s: %w: %s: %s", name, record.ErrInvalid, key, why)
	}
	host, _, err := net.SplitHostPort(c.Server.Listen)
	switch ip := net.ParseIP(host); {
	case err != nil:
		return bad("server.listen", "want host:port")
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return bad("server.listen", "only loopback addresses: pages for others have an address of their own, server.pages")
	case c.Server.Pages != "" && len(c.Server.Names) == 0:
		return bad("server.names", "the pages need the names people type")
	case len(c.Storage.Keys) == 0:
		return bad("storage.keys", "at least one place")
	case c.Storage.LockDays < 0:
		return bad("storage.lock_days", "not negative")
	case c.Catalogue.Engine != "sqlite" && c.Catalogue.Engine != "postgres":
		return bad("catalogue.engine", "there are sqlite and postgres")
	case c.Ingest.Poll <= 0:
		return bad("ingest.poll", "must be more than nothing")
	case c.Ingest.MemoryMiB < 256:
		return bad("ingest.memory_mib", "at least 256")
	case c.Ingest.DateOrder != string(fields.MonthFirst) && c.Ingest.DateOrder != string(fields.DayFirst):
		return bad("ingest.date_order", "there are mdy and dmy")
	case c.Ingest.Exports != "" && filepath.Clean(c.path(c.Ingest.Exports)) == filepath.Clean(c.dir):
		return bad("ingest.exports", "a folder of its own: what lies in it is offered for import")
	case c.Retention.DailyCap < 1:
		return bad("retention.daily_cap", "at least 1")
	case c.Retention.KeyBackupDays < 0:
		return bad("retention.key_backup_days", "not negative")
	}
	if s := c.Storage.S3; s != nil && (s.Bucket == "" || s.KeysBucket == "" || s.Bucket == s.KeysBucket) {
		return bad("storage.s3", "bucket and keys_bucket must be set, and differ")
	}
	_, err = c.sheets()
	return err
}

// path resolves a path of the configuration.
func (c *config) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

// workers is the number of reading processes.
func (c *config) workers() int {
	if c.Ingest.Workers > 0 {
		return c.Ingest.Workers
	}
	return runtime.NumCPU()
}

// sheets compiles the site's patterns.
func (c *config) sheets() (*sheet.Set, error) {
	var ps []sheet.Pattern
	for _, s := range c.Sheets {
		ps = append(ps, sheet.Pattern{Name: s.Name, Symbologies: s.Symbologies, Expr: s.Expr, Type: s.Type, Keep: s.Keep})
	}
	return sheet.Compile(ps, sheet.Rule{Expr: c.ChartNumber.Expr, Check: c.ChartNumber.Check})
}

// secretFile reads a file that must be nobody else's: lines without blanks
// around them.
func secretFile(name string) ([]string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), nil
}
