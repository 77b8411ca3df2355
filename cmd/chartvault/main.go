// Command chartvault is the archive: the daemon, its command line, and, when
// it is executed by itself as "chartvault worker", the sandboxed process that
// reads scans.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"chartvault/ocr/worker"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "worker" {
		os.Exit(worker.Main(os.Args[2:]))
	}
	syscall.Umask(0o077) // everything the program writes is its user's alone
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
