package cli_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-soar/sallyport/starter/cli"
)

// TestMain lets scripts call this test binary as the program itself.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sallyport": func() { os.Exit(cli.Main(os.Args[1:], cli.Terminal(), cli.Verbs{})) },
	})
}

// TestScripts runs testdata/script: commands as a person calls them, what they print and how they end.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"code": code, "zip": zipFolder, "gz": gz, "cut": cut, "raw": raw, "repeat": repeat,
	}})
}
