// Package corpus finds the test corpus: scans, forms and hostile files that
// nobody in this project wrote. It lies outside the repository. Where it is
// absent, as in a stranger's clone, tests that need it say so and are skipped;
// in CI they fail.
package corpus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Path returns the path of a file or folder of the corpus.
func Path(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	p := filepath.Join(filepath.Dir(here), "..", "..", "..", "shared", "corpus", filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the test corpus is missing: %s is needed beside the repository", "shared/corpus/"+name)
		}
		t.Skipf("the test corpus is not here (shared/corpus/%s beside the repository); the same is tested on our own samples", name)
	}
	return p
}

// JSON reads a JSON file of the corpus into v.
func JSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
