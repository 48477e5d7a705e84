// Command sallyport-worker is the daemon: it runs the roles that its config names against a Temporal of your own.
package main

import (
	"os"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func main() { os.Exit(daemon.Main(os.Args[1:], os.Stdout, os.Stderr)) }
