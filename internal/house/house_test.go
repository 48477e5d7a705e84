// Package house_test holds the arrows of the house: imports go down only, direct or not.
package house_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

const module = "github.com/sallyport-soar/sallyport"

// reach lists the packages of ours that name reaches, itself left out. Tests' own imports don't count.
func reach(t *testing.T, name string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", name)
	list.Dir = shared.Root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", name, err)
	}
	var ours []string
	for line := range strings.Lines(string(out)) {
		path := strings.TrimSpace(line)
		if strings.HasPrefix(path, module+"/") && path != module+strings.TrimPrefix(name, ".") {
			ours = append(ours, strings.TrimPrefix(path, module+"/"))
		}
	}
	return ours
}

// packages lists our packages below a folder.
func packages(t *testing.T, pattern string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", pattern)
	list.Dir = shared.Root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var names []string
	for name := range strings.FieldsSeq(string(out)) {
		names = append(names, strings.TrimPrefix(name, module+"/"))
	}
	return names
}

func TestArrowsGoDown(t *testing.T) {
	forbidden := map[string][]string{ // from -> prefixes that it must not reach
		"./workflows":             {"worker", "starter", "rules", "activities/", "internal/rest", "internal/config", "internal/lab"},
		"./activities":            {"worker", "starter", "rules", "workflows", "activities/", "internal/rest", "internal/config", "internal/lab"},
		"./internal/soar":         {""},
		"./rules":                 {"worker", "starter", "workflows", "activities", "internal/rest", "internal/lab"},
		"./activities/policy":     {"worker", "starter", "workflows", "internal/lab", "activities/effect", "activities/catalog"},
		"./activities/catalog":    {"worker/daemon", "starter", "workflows", "internal/lab"},
		"./worker/detect":         {"worker/daemon", "starter", "workflows", "internal/lab", "activities/catalog"},
		"./worker/daemon":         {"starter", "internal/lab"},
		"./starter/cli":           {"internal/lab"},
		"./starter":               {"internal/lab"},
		"./worker":                {"internal/lab", "starter"},
		"./internal/config":       {"activities", "workflows", "worker", "starter", "rules"},
		"./internal/rest":         {"activities", "workflows", "worker", "starter", "rules"},
		"./activities/effect":     {"workflows", "worker", "starter", "activities/catalog", "internal/lab"},
		"./activities/frontend":   {"workflows", "worker", "starter", "activities/catalog", "internal/lab"},
		"./activities/opensearch": {"workflows", "worker", "starter", "activities/catalog", "internal/lab"},
	}
	for from, never := range forbidden {
		for _, to := range reach(t, from) {
			for _, prefix := range never {
				if strings.HasPrefix(to, prefix) {
					t.Errorf("%s reaches %s", from, to)
				}
			}
		}
	}
}

func TestNoSystemReachesAnother(t *testing.T) {
	shared := map[string]bool{"effect": true, "policy": true, "catalog": true, "drivertest": true, "frontend": true, "hunting": true}
	for _, name := range packages(t, "./activities/...") {
		rest := strings.TrimPrefix(name, "activities/")
		system, below, _ := strings.Cut(rest, "/")
		if rest == name || shared[system] || strings.HasSuffix(below, "test") {
			continue
		}
		for _, to := range reach(t, "./"+name) {
			other, found := strings.CutPrefix(to, "activities/")
			if found && other != system && !strings.HasPrefix(other, system+"/") {
				t.Errorf("%s reaches %s", name, to)
			}
		}
	}
}
