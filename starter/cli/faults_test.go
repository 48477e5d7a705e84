package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// TestEachFaultOfAConfig loads one bad file per fault. A line "# want: " says what must be told, "# unwanted: " what never.
func TestEachFaultOfAConfig(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code, out, told := call("config", "check", "--config", file)
			if code != 2 {
				t.Errorf("exit %d, want 2: %s", code, out)
			}
			wanted := 0
			for line := range strings.Lines(string(text)) {
				if want, ok := strings.CutPrefix(strings.TrimSpace(line), "# want: "); ok {
					wanted++
					if !strings.Contains(told, want) {
						t.Errorf("want %q in\n%s", want, told)
					}
				}
				if never, ok := strings.CutPrefix(strings.TrimSpace(line), "# unwanted: "); ok && strings.Contains(told, never) {
					t.Errorf("%q is told:\n%s", never, told)
				}
			}
			if lines := strings.Count(strings.TrimSpace(told), "\n") + 1; wanted == 0 || lines != wanted {
				t.Errorf("%d faults are told, %d wanted:\n%s", lines, wanted, told)
			}
		})
	}
}

// TestCheckRefusesAStreamOfNothing: check ends with 1 and names the stream, its pattern, the cluster and the mend; a stream
// whose index is there is right.
func TestCheckRefusesAStreamOfNothing(t *testing.T) {
	server := opensearchtest.NewServer(t)
	server.CreateIndex("web-1", 1, time.Time{})
	file := filepath.Join(t.TempDir(), "sallyport.yaml")
	text := "opensearch: {url: \"" + server.URL + "\"}\nstreams:\n  - {name: web, index: \"web-*\", mapping: ecs}\n  - {name: dns, index: \"web-*,dns-*\", mapping: ecs}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, told := call("check", "--config", file, "stream web"); code != 0 {
		t.Errorf("exit %d: %s%s", code, out, told)
	}
	code, out, told := call("check", "--config", file, "stream web", "stream dns")
	for _, want := range []string{"WRONG  stream dns   refused: pattern dns-* matches no open index, alias or data stream of " + server.URL, "correct the stream's index", "ok     stream web"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q in\n%s%s", code, want, out, told)
		}
	}
}

// What only a look at the machine shows is told by check: a secret that is not there, a key that others can read.
func TestCheckTellsMissingSecretsAndOpenKeys(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "sallyport.yaml"), filepath.Join(dir, "grant.key")
	text := "systems:\n  misp: {url: \"https://127.0.0.1:1\", key: \"env:SALLYPORT_TEST_NOT_SET\", trusted: [\"*\"]}\n  thehive: {url: \"https://127.0.0.1:1\", key: \"file:/no/such/file\"}\n"
	if code, _, told := call("key", "new", key); code != 0 {
		t.Fatal(told)
	}
	if err := os.Chmod(key, 0o644); err != nil { //nolint:gosec // too open on purpose
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, told := call("check", "--config", file, "grant key", "misp")
	for _, want := range []string{"WRONG  grant key", "can be read by others: chmod 600 it", "SALLYPORT_TEST_NOT_SET is not set", "/no/such/file"} {
		if code != 1 || !strings.Contains(out+told, want) {
			t.Errorf("exit %d, want 1 and %q in\n%s%s", code, want, out, told)
		}
	}
}
