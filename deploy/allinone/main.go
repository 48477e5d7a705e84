// Command sallyport-allinone is sallyport with Temporal and its UI inside: the verbs up and demo, beside all others.
package main

import (
	"os"
	"path/filepath"

	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/starter/cli"
)

func main() {
	if filepath.Base(os.Args[0]) == "ansible-playbook" { // the lab runs this program under that name
		os.Exit(ansibletest.Main(os.Args[1:]))
	}
	os.Exit(cli.Main(os.Args[1:], cli.Terminal(), cli.Verbs{Up: upCommand, Demo: demoCommand, Lab: labCommand}))
}
