package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/starter/cli"
)

func call(args ...string) (code int, out, err string) {
	var stdout, stderr strings.Builder
	code = cli.Main(args, cli.IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, cli.Verbs{})
	return code, stdout.String(), stderr.String()
}

// docs/config.md and the commented file come from the same source as the loader.
func TestConfigPageIsTheProgramsOwn(t *testing.T) {
	_, want, _ := call("config", "reference")
	page, err := os.ReadFile(filepath.Join(shared.Root(t), "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != want {
		t.Error("docs/config.md is not what the program says: sallyport config reference > docs/config.md")
	}
}

func TestConfigInitLoads(t *testing.T) {
	_, text, _ := call("config", "init")
	file := filepath.Join(t.TempDir(), "sallyport.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errors := call("config", "check", "--config", file); code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errors)
	}
}

func TestConfigFaultsNameLineAndMend(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sallyport.yaml")
	text := "lissten: x\nsystems:\n  pfsense: {url: \"https://fw\", kye: \"env:K\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errors := call("config", "check", "--config", file)
	for _, want := range []string{`sallyport.yaml:1: lissten: unknown key: did you mean "listen"?`, `:3: systems.pfsense.kye: unknown key: did you mean "key"?`} {
		if code != 2 || !strings.Contains(errors, want) {
			t.Errorf("exit %d, want 2 and %q in:\n%s", code, want, errors)
		}
	}
}

func TestLeanBuildSaysWhereUpIs(t *testing.T) {
	if code, _, errors := call("up"); code != 2 || !strings.Contains(errors, "bin/sallyport-allinone up") {
		t.Errorf("exit %d: %s", code, errors)
	}
}
