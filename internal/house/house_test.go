// Package house_test holds the arrows of the house: imports go down only, direct or not.
package house_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

const module = "github.com/sallyport-soar/sallyport"

// graph lists, for each package of ours, the packages of ours that it reaches. Tests' own imports don't count.
func graph(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...")
	list.Dir = shared.Root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	reached := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		var ours []string
		for path := range strings.FieldsSeq(line) {
			if name, found := strings.CutPrefix(path, module+"/"); found {
				ours = append(ours, name)
			}
		}
		reached[ours[0]] = ours[1:]
	}
	return reached
}

func TestNoSystemReachesAnother(t *testing.T) {
	shared := map[string]bool{"effect": true, "policy": true, "catalog": true, "drivertest": true, "frontend": true, "hunting": true}
	for name, reached := range graph(t) {
		rest := strings.TrimPrefix(name, "activities/")
		system, below, _ := strings.Cut(rest, "/")
		if rest == name || shared[system] || strings.HasSuffix(below, "test") {
			continue
		}
		for _, to := range reached {
			other, found := strings.CutPrefix(to, "activities/")
			if found && other != system && !strings.HasPrefix(other, system+"/") {
				t.Errorf("%s reaches %s", name, to)
			}
		}
	}
}
