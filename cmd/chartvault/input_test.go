package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// TestDefaultConfig: the file that init writes is the configuration there is
// without one.
func TestDefaultConfig(t *testing.T) {
	dir := t.TempDir()
	before, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chartvault.toml"), []byte(defaultConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Sheets) == 0 || len(after.Sheets) != len(before.Sheets) || !reflect.DeepEqual(after.Ingest, before.Ingest) {
		t.Errorf("got %+v, want %+v", after, before)
	}
	// What stands in comments must work once the '#' is gone.
	_, s3, _ := strings.Cut(defaultConfig, "# [storage.s3]\n")
	s3, _, _ = strings.Cut(s3, "\n\n")
	var c config
	md, err := toml.Decode("[storage.s3]\n"+strings.ReplaceAll("\n"+s3, "\n# ", "\n"), &c)
	if err != nil || len(md.Undecoded()) > 0 || c.Storage.S3 == nil || c.Storage.S3.KeysBucket == "" {
		t.Errorf("the commented example: %v, undecoded %v", err, md.Undecoded())
	}
}

func FuzzFacts(f *testing.F) {
	f.Add("chart_number,date_of_birth,last_encounter,death\n9118427,1950-02,2009-05-06,\n")
	f.Fuzz(func(t *testing.T, s string) {
		facts, err := readFacts(strings.NewReader(s))
		if err != nil && len(facts) > 0 {
			t.Error("an error, and facts all the same")
		}
	})
}

func FuzzLabels(f *testing.F) {
	f.Add("9118427 LAB_REPORT\n")
	f.Fuzz(func(t *testing.T, s string) {
		labels, err := readLabels(strings.NewReader(s))
		if err == nil && len(labels) == 0 {
			t.Error("no error, and no labels")
		}
	})
}
