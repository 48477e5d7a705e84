package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// staysEmpty are the dashboard's queries that show nothing in a run in which nothing goes wrong: the SDK makes a counter
// with its first event, and a stall has its series while it lasts.
var staysEmpty = map[string]string{
	"sum by (activity_type) (increase(temporal_activity_execution_failed_total[15m]))": "no step failed",
	"max by (stream) (sallyport_stream_stalled_seconds)":                               "no shard stalled",
}

// TestWhatPrometheusSees lets an attack run through while a real Prometheus scrapes, with the job of
// deploy/prometheus: then every query of the dashboards shows something, every alert rule finds its metrics and labels, and
// none of them is about to fire until the worker is killed.
func TestWhatPrometheusSees(t *testing.T) {
	o := newOffice(t)
	worker := fmt.Sprintf("127.0.0.1:%d", freeLoopbackPort(t))
	t.Setenv("INBOX_TOKEN", "a token that nobody guesses")
	o.edit(o.file, "streams:\n", "streams:\n  - {name: inbox, index: sallyport-inbox, mapping: alertmanager, from: beginning, poll: 500ms, lag: 0}\n")
	o.edit(o.file, "listen: 127.0.0.1:0", "listen: "+worker+"\ninbox: {hooks: [{name: prometheus, kind: alertmanager, token: \"env:INBOX_TOKEN\"}]}")
	p := startPrometheus(t, worker)
	up := o.up()
	expectReady(t, worker)
	p.await("up == 1")
	o.play()
	o.awaitClosed(5 * time.Minute)

	for _, expr := range dashboardQueries(t) {
		if why, empty := staysEmpty[expr]; empty {
			if found := p.query(expr); len(found) > 0 {
				t.Errorf("%s shows %v: it is no longer true that %s", expr, found, why)
			}
			continue
		}
		p.await(expr)
	}
	for _, rule := range alertRules(t) {
		p.expectLabels(rule)
		if active := p.query(rule.Expr); len(active) > 0 {
			t.Errorf("%s is about to fire in a healthy run: %v", rule.Alert, active)
		}
	}
	up.kill()
	p.await(`up{job="sallyport"} == 0`)
	p.await(`ALERTS{alertname="SallyportDown"}`)
}

// expectReady asks the worker as a supervisor would.
func expectReady(t *testing.T, worker string) {
	t.Helper()
	if status, body := fetch(t, "http://"+worker+"/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %s", status, body)
	}
	status, body := fetch(t, "http://"+worker+"/readyz")
	var parts map[string]string
	if err := json.Unmarshal([]byte(body), &parts); err != nil || status != http.StatusOK {
		t.Fatalf("/readyz: %d %s", status, body)
	}
	for _, role := range []string{"respond", "detect", "gateway"} {
		if parts[role] != "ready" {
			t.Errorf("/readyz says %v", parts)
		}
	}
}

func fetch(t *testing.T, address string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// prometheus is a real one, with the job of deploy/prometheus pointed at one worker.
type prometheus struct {
	*testing.T
	address string
}

func startPrometheus(t *testing.T, worker string) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("no prometheus: run make lab")
	} else if err != nil {
		t.Skip("no prometheus here: run make lab")
	}
	dir, shipped := t.TempDir(), filepath.Join("..", "prometheus")
	text, err := os.ReadFile(filepath.Join(shipped, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(shipped, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("worker:9464", worker, "15s", "1s", "alerts.yml", rules).Replace(string(text))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{t, fmt.Sprintf("127.0.0.1:%d", freeLoopbackPort(t))}
	command := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=warn")
	said := &strings.Builder{}
	command.Stderr = said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("prometheus said: %s", tail(said.String(), 20))
		}
	})
	return p
}

// query evaluates an expression now; nothing is found while Prometheus itself is not up.
func (p *prometheus) query(expr string) (series []map[string]string) {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, "http://"+p.address+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		p.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil
	}
	if answer.Status != "success" && resp.StatusCode == http.StatusBadRequest {
		p.Errorf("%s: %s", expr, answer.Error)
	}
	for _, one := range answer.Data.Result {
		series = append(series, one.Metric)
	}
	return series
}

// await asks until the expression shows something.
func (p *prometheus) await(expr string) {
	p.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		if len(p.query(expr)) > 0 {
			return
		}
	}
	p.Errorf("%s shows nothing", expr)
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) (rules []alertRule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no alert rules")
	}
	return rules
}

var (
	metricOf = regexp.MustCompile(`\b(?:sallyport|temporal|process|go)_[a-z0-9_]+\b|\bup\b`)
	labelOf  = regexp.MustCompile(`\$labels\.(\w+)|by \((\w+)\)|\{(\w+)=`)
)

// expectLabels holds a rule to the series that are there: its metric, with each label that it groups by, selects or tells.
func (p *prometheus) expectLabels(rule alertRule) {
	p.Helper()
	metric := metricOf.FindString(rule.Expr)
	series := p.query(metric)
	if strings.HasPrefix(metric, "temporal_activity_execution_failed") && len(series) == 0 { // see staysEmpty
		series = p.query("temporal_activity_execution_latency_seconds_count")
	}
	if metric == "" || len(series) == 0 {
		p.Errorf("%s: nothing exports %q", rule.Alert, metric)
		return
	}
	text := rule.Expr
	for _, annotation := range rule.Annotations {
		text += annotation
	}
	for _, found := range labelOf.FindAllStringSubmatch(text, -1) {
		label := found[1] + found[2] + found[3]
		if !slices.ContainsFunc(series, func(labels map[string]string) bool { return labels[label] != "" }) {
			p.Errorf("%s: %s has no label %s: %v", rule.Alert, metric, label, series[0])
		}
	}
}

// dashboardQueries are those of every panel of every shipped dashboard.
func dashboardQueries(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "grafana", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct {
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &dashboard); err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				list = append(list, target.Expr)
			}
		}
	}
	return list
}

// TestUnitCallsUs starts the program as its unit does, but for a config that is not there: it says so, and knows each flag.
func TestUnitCallsUs(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join("..", "systemd", "sallyport.service"))
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/sallyport-allinone (.*)$`).FindSubmatch(unit)
	if call == nil {
		t.Fatal("the unit does not start the all-in-one")
	}
	args := strings.Fields(strings.ReplaceAll(string(call[1]), "/etc/sallyport", t.TempDir()))
	if out, code := run(t, time.Minute, args...); code != 2 || !strings.Contains(out, "make one with `sallyport config init`") {
		t.Errorf("%v: exit %d: %s", args, code, out)
	}
}
