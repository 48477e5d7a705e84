package cli_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/starter/cli"
	"github.com/sallyport-soar/sallyport/worker/daemon"
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
	loaded, err := daemon.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	want := daemon.Defaults()
	want.Keys.Grant, want.Keys.Gateway = filepath.Join(filepath.Dir(file), "grant.key"), filepath.Join(filepath.Dir(file), "gateway.key")
	want.Temporal.DataDir = filepath.Join(filepath.Dir(file), "data") // relative paths count from the file
	if !reflect.DeepEqual(loaded, want) {
		t.Errorf("the file that init writes is\n%+v\nnot the defaults\n%+v", loaded, want)
	}
}

// What init shows commented out is the config's own syntax, too: with every # gone the file still has known keys alone.
func TestConfigInitShowsKeysThatExist(t *testing.T) {
	_, text, _ := call("config", "init")
	page, err := os.ReadFile(filepath.Join(shared.Root(t), "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^ *(?:# )?([a-z_0-9]+):(?: .*)?$`).FindAllStringSubmatch(text, -1)
	if len(shown) < 100 {
		t.Fatalf("only %d keys shown", len(shown))
	}
	for _, key := range shown {
		if !regexp.MustCompile("[`.]" + key[1] + "`").Match(page) {
			t.Errorf("init shows %s, which docs/config.md does not know", key[1])
		}
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
