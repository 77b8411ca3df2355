// Command jointiff repeats a one-page TIFF into one of many pages, for
// scripts/memory.sh: jointiff OUT PAGE.tif COUNT. Each copy gets a different
// tail, as scans of equal forms do.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"chartvault/internal/durable"
	"chartvault/internal/sample"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: jointiff OUT PAGE.tif COUNT")
	}
	page, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	files := make([][]byte, n)
	for i := range files {
		files[i] = append(bytes.Clone(page), fmt.Sprintf("%08d", i)...)
	}
	var out bytes.Buffer
	if err := sample.JoinTIFF(&out, files); err != nil {
		return err
	}
	_, err = durable.Replace(args[1], &out, 0o600)
	return err
}
