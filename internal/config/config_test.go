package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
)

type office struct {
	Listen string            `yaml:"listen" doc:"address to listen on"`
	Every  time.Duration     `yaml:"every" doc:"how often"`
	Wall   wall              `yaml:"wall" doc:"the firewall"`
	People []person          `yaml:"people" doc:"who may decide"`
	Other  map[string]wall   `yaml:"other,omitempty" doc:"other walls"`
	Labels map[string]string `yaml:"labels,omitempty" doc:"labels" example:"a: b"`
}

type wall struct {
	URL string        `yaml:"url" doc:"its address" example:"https://fw.example"`
	Key config.Secret `yaml:"key" doc:"API key" example:"env:FW_KEY"`
}

type person struct {
	Name string `yaml:"name" doc:"name"`
}

func (o *office) Validate() (faults config.Faults) {
	if o.Wall.URL == "" {
		faults = append(faults, config.Fault{Field: "wall.url", Problem: "is missing", Mend: "set it"})
	}
	for i, p := range o.People {
		if p.Name == "" {
			faults = append(faults, config.Fault{Field: "people[" + string(rune('0'+i)) + "].name", Problem: "is missing"})
		}
	}
	return faults
}

func load(t *testing.T, text string) (*office, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{Listen: "127.0.0.1:1", Every: 24 * time.Hour}
	return o, config.Load(path, o)
}

func TestLoadNamesFileLineAndMend(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"unknown keys, all at once":   {"lisen: x\nwall:\n  url: u\n  kye: env:A\n", []string{`c.yaml:1: lisen: unknown key: did you mean "listen"?`, `c.yaml:4: wall.kye: unknown key: did you mean "key"?`}},
		"wrong type":                  {"wall: {url: u}\nevery: soon\n", []string{"c.yaml:2:"}},
		"a list for a text":           {"wall: {url: u}\nlisten: [a, b]\n", []string{"c.yaml:2:9: this is a list, want a text: docs/config.md says"}},
		"a text for keys":             {"listen: a\nwall: brick\n", []string{"c.yaml:2:7: ", "want a mapping of keys"}},
		"a text for a list":           {"wall: {url: u}\npeople: ana\n", []string{"c.yaml:2:9: ", "want a list"}},
		"missing, at its parent":      {"listen: a\nwall:\n  key: env:A\n", []string{"c.yaml:3: wall.url: is missing: set it"}},
		"in a list":                   {"wall: {url: u}\npeople:\n  - name: ana\n  - name: ''\n", []string{"c.yaml:4: people[1].name: is missing"}},
		"a secret in clear":           {"wall:\n  url: u\n  key: hunter2\n", []string{"c.yaml:3: wall.key: is no secret reference: want a reference"}},
		"broken YAML":                 {"wall: {url\n", []string{"c.yaml:1:"}},
		"a tab":                       {"wall:\n\turl: u\n", []string{"c.yaml:2:"}},
		"a secret is never in errors": {"wall:\n  url: u\n  key: [hunter2]\n", []string{"c.yaml:3:"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			if err == nil {
				t.Fatal("loaded")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the secret stands in the error: %v", err)
			}
		})
	}
}

func TestCommentedFileLoads(t *testing.T) {
	text := config.CommentedFile(&office{Listen: "127.0.0.1:9464", Every: 24 * time.Hour, Wall: wall{URL: "https://fw"}})
	o, err := load(t, text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if o.Every != 24*time.Hour || o.Wall.URL != "https://fw" {
		t.Errorf("loaded %+v from\n%s", o, text)
	}
	for _, want := range []string{"# how often", "every: 24h", `# key: env:FW_KEY`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

func TestSecretResolves(t *testing.T) {
	t.Setenv("SALLYPORT_TEST_SECRET", " s3cret\n")
	file := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[config.Secret]string{
		"env:SALLYPORT_TEST_SECRET": "s3cret", config.Secret("file:" + file): "from file", "cmd:echo hello": "hello",
		"env:SALLYPORT_NOT_SET": "", "file:/not/there": "", "cmd:false": "", "plain": "",
	} {
		got, err := reference.Resolve(t.Context())
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", string(reference), got, err, want)
		}
	}
}

// Secrets are looked for by the role that needs them; what is not there is told with its place in the file and the mend.
func TestMissingSecretsAreLocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	empty := filepath.Join(t.TempDir(), "empty")
	text := "wall:\n  url: u\n  key: env:SALLYPORT_TEST_NO_SUCH\nother:\n  a: {key: \"file:/nowhere/secret\"}\n  b:\n    key: file:" + empty + "\n"
	for file, holds := range map[string]string{path: text, empty: "\n"} {
		if err := os.WriteFile(file, []byte(holds), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := &office{}
	if err := config.Load(path, o); err != nil {
		t.Fatal(err)
	}
	var faults []error
	for name, secret := range map[string]config.Secret{"wall: key": o.Wall.Key, "a: key": o.Other["a"].Key, "b: key": o.Other["b"].Key} {
		_, err := secret.Resolve(t.Context())
		faults = append(faults, fmt.Errorf("%s: %w", name, err))
	}
	said := config.Locate(path, fmt.Errorf("role respond: %w", errors.Join(faults...)))
	for _, want := range []string{
		"wall: key: " + path + ":3: secret: environment variable SALLYPORT_TEST_NO_SUCH is not set: set it for this process",
		"a: key: " + path + ":5: secret: open /nowhere/secret: no such file or directory: write the secret there",
		"b: key: " + path + ":7: secret: file " + empty + " is empty",
	} {
		if !strings.Contains(said.Error(), want) {
			t.Errorf("want %q in:\n%v", want, said)
		}
	}
	if other := errors.New("other"); config.Locate(path, other) != other { //nolint:errorlint // the very same
		t.Error("an error without a secret was changed")
	}
}
