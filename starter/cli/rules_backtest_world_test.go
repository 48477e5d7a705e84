package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules/backtest"
)

var update = flag.Bool("update", false, "write the golden files")

var shippedRules = regexp.MustCompile(`("rules_tried": |events, )\d+(,| rules;)`)

// past is an office whose alerts of a week lie in a cluster.
type past struct {
	*testing.T
	server *opensearchtest.Server // nil on a real one
	prefix string
	config string
	client *opensearch.Client
}

// onBothPasts runs a test against the stand-in and against a real server.
func onBothPasts(t *testing.T, test func(p *past)) {
	t.Run("stand-in", func(t *testing.T) { test(newPast(t)) })
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		test(openPast(t, nil, address, prefix))
	})
}

func newPast(t *testing.T) *past {
	server := opensearchtest.NewServer(t)
	return openPast(t, server, server.URL, "it-")
}

func openPast(t *testing.T, server *opensearchtest.Server, address, prefix string) *past {
	t.Helper()
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	p := &past{T: t, server: server, prefix: prefix, client: client, config: filepath.Join(t.TempDir(), "sallyport.yaml")}
	p.configure(address, "")
	for n := range 2 {
		p.index(fmt.Sprint("alerts-", n), "date")
	}
	p.fill()
	return p
}

// configure writes the office's config; more is for the stream.
func (p *past) configure(address, more string) {
	p.Helper()
	text := fmt.Sprintf("opensearch: {url: %q}\nstreams:\n  - {name: wazuh, index: \"%salerts-*\", mapping: wazuh4, late_after: 876000h%s}\n", address, p.prefix, more) +
		"content: [content]\nsystems:\n  pfsense: {url: \"https://fw.example\", key: \"env:NOT_SET\"}\nprotected: {networks: [198.51.100.7]}\n"
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	p.rule("content/own.yaml", "own", `rule_id == "5715"`)
}

// rule writes a rule of level low beside the config.
func (p *past) rule(name, id, condition string) (folder string) {
	p.Helper()
	text := fmt.Sprintf("id: %s\ntitle: Rule %s\nlevel: low\nmapping: wazuh4\ncondition: %s\nevents:\n"+
		"  - {name: a login, match: true, event: {rule: {id: \"5715\", level: 3}, agent: {name: shop-01}}}\n  - {name: else, match: false, event: {rule: {id: \"1\", level: 1}, agent: {name: db}}}\n", id, id, condition)
	return p.file(name, text)
}

// file writes one beside the config.
func (p *past) file(name, text string) (folder string) {
	p.Helper()
	file := filepath.Join(filepath.Dir(p.config), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		p.Fatal(err)
	}
	return filepath.Dir(file)
}

func (p *past) index(name, kind string) {
	p.Helper()
	body := map[string]any{
		"settings": map[string]any{"number_of_shards": 2, "number_of_replicas": 0},
		"mappings": map[string]any{"properties": map[string]any{"timestamp": map[string]any{"type": kind}, "full_log": map[string]any{"type": "text"}}},
	}
	if err := p.client.CreateIndex(p.Context(), p.prefix+name, body); err != nil {
		p.Fatal(err)
	}
}

func (p *past) put(index, id string, event map[string]any) opensearch.NewDocument {
	return opensearch.NewDocument{Index: p.prefix + index, ID: id, Doc: event}
}

// fill writes a week: a login every six hours, and three attacks on two hosts, a protected address among them.
func (p *past) fill() {
	p.Helper()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var docs []opensearch.NewDocument
	alert := func(id string, after time.Duration, rule, host, address string) {
		docs = append(docs, p.alert(len(docs), id, begin.Add(after), rule, host, address))
	}
	for i := range 28 {
		alert(fmt.Sprint("login-", i), time.Duration(i)*6*time.Hour, "5715", []string{"shop-01", "db"}[i%2], "203.0.113.9")
	}
	alert("attack-1", 5*time.Hour, "5763", "shop-01", "203.0.113.66")
	alert("attack-2", 7*time.Hour, "5763", "SHOP-01", "198.51.100.7")
	alert("attack-3", 100*time.Hour, "5763", "<img src=x onerror=alert(1)>", "203.0.113.66")
	p.write(append(docs, p.put("alerts-0", "timeless", map[string]any{"rule": map[string]any{"id": "5763"}})))
}

// alert is one of Wazuh's.
func (p *past) alert(n int, id string, at time.Time, rule, host, address string) opensearch.NewDocument {
	return p.put(fmt.Sprint("alerts-", n%2), id, map[string]any{
		"timestamp": at.Format("2006-01-02T15:04:05.000Z"), "rule": map[string]any{"id": rule, "level": 10, "description": "sshd \x1b[31m <b>bold</b>"},
		"agent": map[string]any{"id": "004", "name": host, "ip": "192.0.2.20"}, "data": map[string]any{"srcip": address, "dstuser": "root"},
	})
}

// busier adds, on one day of the week: a password that was guessed, weak signs of three rules on one host, and an entry
// that kept logins quiet until the day before.
func (p *past) busier() {
	p.Helper()
	day := time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)
	var docs []opensearch.NewDocument
	for story, rules := range map[string]string{
		"mail 203.0.113.67": "5760 5760 5760 5760 5760 5760 5760 5715 5715", "till 192.0.2.1": "910001 910001 910001 910002 910002 910003",
	} {
		host, address, _ := strings.Cut(story, " ")
		for n, rule := range strings.Fields(rules) {
			docs = append(docs, p.alert(n, fmt.Sprint(host, "-", n), day.Add(time.Duration(n)*time.Minute), rule, host, address))
		}
	}
	p.write(docs)
	p.file("content/suppressions/ours.yaml", "- {id: move, reason: the shop moves, until: 2026-11-03, fields: {srcip: [203.0.113.9]}}\n")
	p.file("content/policies/risk.yaml", "weights: {low: 10}\nhalf_life: 24h\nthreshold: 45\nper_rule: 20\nquiet: 24h\n")
	for n, name := range []string{"weak-a", "weak-b", "weak-c"} {
		p.rule("content/"+name+".yaml", name, fmt.Sprintf(`rule_id == "91000%d"`, n+1))
	}
}

func (p *past) write(docs []opensearch.NewDocument) {
	p.Helper()
	if _, err := p.client.CreateAll(p.Context(), docs); err != nil {
		p.Fatal(err)
	}
	if err := p.client.Refresh(p.Context(), p.prefix+"alerts-*"); err != nil {
		p.Fatal(err)
	}
}

// backtest runs the command over the week.
func (p *past) backtest(more ...string) (code int, out, errs string) {
	p.Helper()
	args := append([]string{"backtest", "--config", p.config, "--stream", "wazuh", "--from", "2026-11-01", "--to", "2026-11-08"}, more...)
	code, out, errs = runRules(p.T, "", args...)
	return code, strings.ReplaceAll(out, p.prefix, "it-"), strings.ReplaceAll(errs, p.prefix, "it-")
}

func (p *past) result(more ...string) (code int, r backtest.Result) {
	p.Helper()
	code, out, errs := p.backtest(append(more, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		p.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	return code, r
}

func (p *past) golden(name, got string) {
	p.Helper()
	got = shippedRules.ReplaceAllString(got, "${1}N$2") // how many are shipped is no matter of these files
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			p.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != got {
		p.Errorf("%s is not as it was (%v): look, then run with -update\n%s", file, err, got)
	}
}
