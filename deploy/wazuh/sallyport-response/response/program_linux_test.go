package response_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
)

// The built program, as execd starts it.
func TestProgram(t *testing.T) {
	namespace(t)
	home := t.TempDir()
	binary := filepath.Join(home, "active-response", "bin", "sallyport-response")
	for _, dir := range []string{"active-response/bin", "logs", "var"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(home, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	if out := run(t, binary, "-check"); !strings.Contains(out, "works here") {
		t.Error(out)
	}
	for i, verb := range []string{"block", "status", "unblock"} {
		start := exec.CommandContext(t.Context(), binary)
		start.Stdin = strings.NewReader(string(line("203.0.113.9", verb, "60", "i1-0", fmt.Sprintf("n%d", i))))
		if out, err := start.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", verb, err, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(home, "logs", "active-responses.log"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for logged := range strings.Lines(string(text)) {
		var entry map[string]response.Result
		if err := json.Unmarshal([]byte(strings.TrimPrefix(logged, response.Prefix)), &entry); err != nil {
			t.Fatalf("%q: %v", logged, err)
		}
		seen = append(seen, fmt.Sprintf("%s %s %t", entry["sallyport"].Nonce, entry["sallyport"].Verb, entry["sallyport"].InForce))
	}
	if want := []string{"n0 block true", "n1 status true", "n2 unblock false"}; !slices.Equal(seen, want) {
		t.Errorf("logged %v, want %v", seen, want)
	}
}
