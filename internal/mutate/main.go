// Command mutate measures the tests: it changes one thing at a time in the
// files it is given (a comparison, a condition, a constant, a statement left
// out), runs the tests of their package, and lists the changes that no test
// notices. Unlike tools that go by coverage it also changes the conditions of
// switch cases, which this tree is full of.
//
// Its invariant: the tree is never written to; a changed file is laid over the
// real one for one build (go test -overlay).
//
//	go run ./internal/mutate -pkg ./retention -known testdata/mutants.txt decide.go facts.go
//
// The file of known mutants lists, one a line, what may survive and why: the
// name of the mutant, a tab, the reason.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"chartvault/internal/durable"
)

func main() {
	pkg := flag.String("pkg", ".", "the package whose tests must notice")
	run := flag.String("run", "", "only tests that match")
	known := flag.String("known", "", "file of survivors that are explained")
	workers := flag.Int("workers", 2, "mutants tried at once")
	limit := flag.Duration("timeout", 90*time.Second, "for one mutant")
	least := flag.Float64("least", 0.95, "part of the mutants that must be noticed")
	flag.Parse()
	os.Exit(measure(*pkg, *run, *known, *workers, *limit, *least, flag.Args()))
}

// result is what became of one mutant.
type result struct {
	mutant
	killed, viable bool
}

func measure(pkg, run, known string, workers int, limit time.Duration, least float64, files []string) int {
	explained, err := readKnown(known)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var all []mutant
	for _, f := range files {
		ms, err := mutants(filepath.Join(pkg, f))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		all = append(all, ms...)
	}
	results := tryAll(all, pkg, run, workers, limit)
	viable, killed, excused := 0, 0, 0
	for _, r := range results {
		switch {
		case !r.viable:
			continue
		case r.killed:
			killed++
		case explained[r.name] != "":
			excused++
			fmt.Printf("explained  %s: %s\n", r.name, explained[r.name])
		default:
			fmt.Printf("SURVIVED   %s\n", r.name)
		}
		viable++
	}
	rate := float64(killed) / float64(max(1, viable))
	fmt.Printf("%s: %d mutants, %d noticed (%.1f %%), %d explained, %d neither\n", pkg, viable, killed, 100*rate, excused, viable-killed-excused)
	if rate < least {
		return 1
	}
	return 0
}

func readKnown(file string) (map[string]string, error) {
	out := map[string]string{}
	if file == "" {
		return out, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read-only
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if name, why, ok := strings.Cut(sc.Text(), "\t"); ok {
			out[name] = why
		}
	}
	return out, sc.Err()
}

func tryAll(all []mutant, pkg, run string, workers int, limit time.Duration) []result {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer os.RemoveAll(dir)
	out := make([]result, len(all))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				out[i] = try(all[i], filepath.Join(dir, fmt.Sprint(i)), pkg, run, limit)
				if i%50 == 49 {
					fmt.Fprintf(os.Stderr, "%d of %d\n", i+1, len(all))
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

// try lays a mutant over the tree and runs the tests.
func try(m mutant, tmp, pkg, run string, limit time.Duration) result {
	abs, err := filepath.Abs(m.file)
	if err != nil {
		return result{mutant: m}
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {abs: tmp + ".go"}})
	if err != nil {
		return result{mutant: m}
	}
	for name, b := range map[string][]byte{tmp + ".go": m.text, tmp + ".json": overlay} {
		if _, err := durable.Replace(name, bytes.NewReader(b), 0o600); err != nil {
			return result{mutant: m}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	args := []string{"test", "-vet=off", "-count=1", "-failfast", "-overlay", tmp + ".json"}
	if run != "" {
		args = append(args, "-run", run)
	}
	c := exec.CommandContext(ctx, "go", append(args, pkg)...)
	text, err := c.CombinedOutput()
	built := !bytes.Contains(text, []byte("[build failed]"))
	return result{m, err != nil && built, built}
}
