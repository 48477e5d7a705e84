// Command sallyport is the operator's command: check, rules, incidents, approvals, hunts, audit.
package main

import (
	"os"

	"github.com/sallyport-soar/sallyport/starter/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.Terminal(), cli.Verbs{})) }
