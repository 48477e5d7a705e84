package house_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// need returns the path of a program, or skips the test by name; where CI is set it fails.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: install it", program)
	}
	t.Skipf("%s is not here", program)
	return ""
}

func deployed(t *testing.T, name string) (path, text string) {
	t.Helper()
	path = filepath.Join(shared.Root(t), "deploy", filepath.FromSlash(name))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(content)
}

func TestConfigOfComposeLoads(t *testing.T) {
	path, _ := deployed(t, "compose/sallyport.yaml")
	if _, err := daemon.LoadConfig(path); err != nil {
		t.Error(err)
	}
}

type compose struct {
	Services map[string]struct {
		Image   string   `yaml:"image"`
		Command []string `yaml:"command"`
		Secrets []string `yaml:"secrets"`
		Ports   []string `yaml:"ports"`
		Volumes []string `yaml:"volumes"`
	} `yaml:"services"`
	Secrets map[string]any `yaml:"secrets"`
	Volumes map[string]any `yaml:"volumes"`
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	_, text := deployed(t, "compose/compose.yaml")
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeIsPinnedAndBound(t *testing.T) {
	c := readCompose(t)
	for _, name := range []string{"opensearch", "postgres", "temporal", "worker", "prometheus", "grafana"} {
		if c.Services[name].Image == "" {
			t.Errorf("service %s is missing", name)
		}
	}
	pinned := regexp.MustCompile(`:(v?\d+(\.\d+)+|\$\{SALLYPORT_VERSION.*\})$`)
	for name, service := range c.Services {
		if !pinned.MatchString(service.Image) {
			t.Errorf("%s: image %s is not pinned by version", name, service.Image)
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to others", name, port)
			}
		}
		for _, secret := range service.Secrets {
			if _, known := c.Secrets[secret]; !known {
				t.Errorf("%s: secret %s is declared nowhere", name, secret)
			}
		}
	}
}

// The secrets that the worker's config refers to are mounted into it.
func TestComposeMountsWhatTheConfigReads(t *testing.T) {
	c := readCompose(t)
	_, text := deployed(t, "compose/sallyport.yaml")
	for _, found := range regexp.MustCompile(`/run/secrets/(\w+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(c.Services["worker"].Secrets, found[1]) {
			t.Errorf("the worker's config reads %s, which is not mounted", found[0])
		}
	}
}

func TestComposeIsValid(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil || exec.CommandContext(t.Context(), docker, "compose", "version").Run() != nil {
		t.Skip("docker compose is not here") // no container engine is asked for anywhere, so CI has none either
	}
	path, _ := deployed(t, "compose/compose.yaml")
	config := exec.CommandContext(t.Context(), docker, "compose", "-f", path, "config", "--quiet")
	config.Env = append(os.Environ(), "SALLYPORT_VERSION=0.0.0", "TEMPORAL_POSTGRES_PASSWORD=x")
	if out, err := config.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnitsAreValid(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	for _, name := range []string{"sallyport.service", "sallyport-worker.service"} {
		_, text := deployed(t, "systemd/"+name)
		program := regexp.MustCompile(`(?m)^ExecStart=(\S+)`).FindStringSubmatch(text)
		if program == nil {
			t.Fatalf("%s starts nothing", name)
		}
		// the unit is checked as it will be installed: with a program at its path
		dir := t.TempDir()
		installed := filepath.Join(dir, filepath.Base(program[1]))
		if err := os.WriteFile(installed, []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // a program must be executable
			t.Fatal(err)
		}
		unit := filepath.Join(dir, name)
		text = strings.Replace(text, program[1], installed, 1)
		if err := os.WriteFile(unit, []byte(strings.Replace(text, "User=sallyport", "User=daemon", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
		if err != nil || strings.Contains(string(out), name) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestAlertRulesFire(t *testing.T) {
	promtool := need(t, "promtool")
	rules, _ := deployed(t, "prometheus/alerts.yml")
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", filepath.Join(filepath.Dir(rules), "alerts_test.yml")}} {
		command := exec.CommandContext(t.Context(), promtool, args...)
		command.Dir = filepath.Dir(rules)
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// metricName finds our metrics, Temporal's and the process's in an expression.
var metricName = regexp.MustCompile(`\b((?:sallyport|temporal|process|go)_[a-z0-9_]+)\b`)

// dashboardExpressions are the queries of the dashboard.
func dashboardExpressions(t *testing.T) (list []string) {
	t.Helper()
	_, text := deployed(t, "grafana/dashboards/sallyport.json")
	var dashboard struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			list = append(list, target.Expr)
		}
	}
	if len(list) == 0 {
		t.Fatal("the dashboard asks nothing")
	}
	return list
}

// Every metric of ours that the dashboard, an alert rule or the page of rules names stands in the source that exports it. That they are
// really exported is tested against a running worker in deploy/allinone.
func TestMetricsThatAreAskedForExist(t *testing.T) {
	_, rules := deployed(t, "prometheus/alerts.yml")
	known := regexp.MustCompile(`"(sallyport_[a-z0-9_]+)"`)
	exported := map[string]bool{}
	for _, folder := range []string{"worker", "activities", "internal"} {
		err := filepath.WalkDir(filepath.Join(shared.Root(t), folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range known.FindAllStringSubmatch(string(text), -1) {
				exported[found[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	asked := rules + readFile(t, "docs/rules-run.md") + strings.Join(dashboardExpressions(t), "\n")
	for _, name := range metricName.FindAllString(asked, -1) {
		if strings.HasPrefix(name, "sallyport_") && !exported[name] {
			t.Errorf("nothing exports %s", name)
		}
	}
}
