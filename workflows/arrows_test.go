package workflows_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The SDK itself reaches net/http, through gRPC. So the rule is about our own packages: none that a workflow can
// reach, however far down, imports a client, and of ours it reaches the contract and the vocabulary alone.
func TestWorkflowsReachNoClient(t *testing.T) {
	const format = `{{if .Module}}{{if .Module.Main}}{{.ImportPath}}: {{join .Imports " "}}{{end}}{{end}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"workflows": true, "activities": true, "internal/soar": true}
	seen := 0
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if !allowed[strings.TrimPrefix(name, "github.com/sallyport-soar/sallyport/")] {
			t.Errorf("workflows reach %s", name)
		}
		seen++
		for _, forbidden := range []string{"net/http", "os", "os/exec", "net", "math/rand"} {
			if strings.Contains(" "+imports+" ", " "+forbidden+" ") {
				t.Errorf("workflows reach %s, which imports %s", name, forbidden)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d packages of ours were looked at, want %d", seen, len(allowed))
	}
}
