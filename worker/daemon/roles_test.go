package daemon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/frontend/frontendtest"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/worker/daemon"
	"github.com/sallyport-soar/sallyport/workflows"
)

// vault is a folder of programs that give a secret and leave a trace of having been asked.
type vault struct{ dir string }

func newVault(t *testing.T) vault { return vault{t.TempDir()} }

// secret is a reference to a secret of that name.
func (v vault) secret(t *testing.T, name, value string) string {
	t.Helper()
	program := filepath.Join(v.dir, name)
	text := fmt.Sprintf("#!/bin/sh\ntouch %s.asked\necho %s\n", program, value)
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil { //nolint:gosec // a program must be executable
		t.Fatal(err)
	}
	return "cmd:" + program
}

// asked names the secrets that were resolved.
func (v vault) asked(t *testing.T) (names []string) {
	t.Helper()
	traces, err := filepath.Glob(filepath.Join(v.dir, "*.asked"))
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range traces {
		names = append(names, strings.TrimSuffix(filepath.Base(trace), ".asked"))
	}
	return names
}

// houseFile is a config of all systems whose secrets lie in the vault; keys that a role must not read are not there.
func houseFile(t *testing.T, role string, v vault) string {
	t.Helper()
	dir := t.TempDir()
	key := map[string]string{daemon.RoleRespond: "grant.key", daemon.RoleGateway: "gateway.key"}[role]
	public := ""
	if key != "" {
		var err error
		if public, err = policy.NewKeyFile(filepath.Join(dir, key)); err != nil {
			t.Fatal(err)
		}
	}
	temporal := frontendtest.Start(t)
	temporal.Attributes = workflows.SearchAttributes()
	state := opensearchtest.NewServer(t, opensearchtest.WithUser("sallyport", "s"))
	_, slack := slacktest.NewServer(t)
	text := fmt.Sprintf(`listen: 127.0.0.1:0
roles: [%s]
temporal: {address: "%s"}
opensearch: {url: "%s", user: sallyport, password: "%s"}
clusters: {indexer: {url: "%[3]s", user: sallyport, password: "%[5]s"}}
streams: [{name: wazuh, cluster: indexer, index: "wazuh-alerts-4.x-*", mapping: wazuh4}]
systems:
  pfsense: {url: "http://127.0.0.1:1", key: "%[6]s"}
  thehive: {url: "http://127.0.0.1:1", key: "%[7]s"}
  slack: {bot_token: "%[8]s", app_token: "%[9]s", channel: %[10]s, api_url: "%[11]s"}
people: [{name: ana, slack: U1, groups: [responders]}]
keys: {gateway_public: "%[12]s"}
`, role, temporal.Address, state.URL, v.secret(t, "state", "s"), v.secret(t, "indexer", "s"), v.secret(t, "pfsense", "k"), v.secret(t, "thehive", "k"),
		v.secret(t, "slack_bot", slacktest.BotToken), v.secret(t, "slack_app", slacktest.AppToken), slacktest.Channel, slack, public)
	file := filepath.Join(dir, "sallyport.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// started runs a worker until the test ends, and returns when it is ready. It logs to log.
func started(t *testing.T, c daemon.Config, log io.Writer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, c, daemon.Options{Log: slog.New(slog.NewTextHandler(log, nil)), Ready: func() { close(ready) }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("not started: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("not ready after a minute")
	}
}

func TestRoleResolvesOnlyItsSecrets(t *testing.T) {
	for role, want := range map[string][]string{
		daemon.RoleDetect:  {"indexer", "state"},                       // no appliance's key, no chat's token
		daemon.RoleRespond: {"indexer", "pfsense", "state", "thehive"}, // hunts read the streams' clusters
		daemon.RoleGateway: {"slack_app", "slack_bot"},                 // the chat's tokens alone
	} {
		t.Run(role, func(t *testing.T) {
			v := newVault(t)
			c, err := daemon.LoadConfig(houseFile(t, role, v))
			if err != nil {
				t.Fatal(err)
			}
			started(t, c, io.Discard)
			if got := v.asked(t); !slices.Equal(got, want) {
				t.Errorf("resolved %v, want %v", got, want)
			}
		})
	}
}

// A stream whose pattern matches nothing is refused by name while the worker loads, which is ready all the same.
func TestAStreamOfNothingIsRefusedAtLoad(t *testing.T) {
	c, err := daemon.LoadConfig(houseFile(t, daemon.RoleDetect, newVault(t)))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	started(t, c, log)
	said, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := `level=ERROR msg="stream refused: it is asked for again, the others are read" stream=wazuh cluster=clusters.indexer ` +
		`error="refused: pattern wazuh-alerts-4.x-* matches no open index, alias or data stream of ` + c.OpenSearch.URL + `" mend="correct the stream's index`
	if !strings.Contains(string(said), want) {
		t.Errorf("the log has no %s:\n%s", want, said)
	}
}

// Without the gateway's key role respond could check no click: the config says so, not the first click.
func TestRespondAloneWantsTheGatewaysPublicHalf(t *testing.T) {
	file := houseFile(t, daemon.RoleDetect, newVault(t))
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "roles: [detect]", "roles: [respond]", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.LoadConfig(file); err == nil || !strings.Contains(err.Error(), "keys.gateway_public: is missing") || !strings.Contains(err.Error(), "sallyport key public") {
		t.Errorf("got %v", err)
	}
}
