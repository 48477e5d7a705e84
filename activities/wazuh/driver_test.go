package wazuh_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/drivertest"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// world is a manager with one agent, and an indexer that gets its alerts.
type world struct {
	*wazuh.Wazuh
	manager *wazuhtest.Server
	agent   *wazuhtest.Agent
	indexer *opensearchtest.Server
}

type setting func(*wazuh.Config)

func open(t *testing.T) world {
	t.Helper()
	indexer := opensearchtest.NewServer(t)
	for name, template := range wazuhtest.Templates() {
		write(t, http.MethodPut, indexer.URL+"/_index_template/"+name, template)
	}
	serial := 0
	manager := wazuhtest.NewServer(t, func(alert json.RawMessage) {
		serial++
		write(t, http.MethodPut, fmt.Sprintf("%s/wazuh-alerts-4.x-2026.11.24/_doc/%d?refresh=true", indexer.URL, serial), alert)
	})
	return world{connect(t, manager, indexer.URL), manager, manager.AddAgent("001", "web-01", "10.77.0.2"), indexer}
}

func connect(t *testing.T, manager *wazuhtest.Server, indexer string, settings ...setting) *wazuh.Wazuh {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(wazuhtest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	c := wazuh.Config{
		URL: manager.URL, User: wazuhtest.User, Password: config.Secret("file:" + password), TLS: rest.TLS{CA: manager.CA},
		Indexer: wazuh.Indexer{URL: indexer}, ResultWithin: time.Second,
	}
	for _, set := range settings {
		set(&c)
	}
	w, err := wazuh.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, method, address string, body []byte) {
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		t.Errorf("%s %s: status %d", method, address, resp.StatusCode)
	}
}

func block(id, target string) []soar.Action {
	return []soar.Action{{ID: id, Kind: soar.BlockAddress, System: wazuh.System, On: "001", Target: target, For: time.Hour}}
}

func permanent(err error) bool {
	var mark interface{ Permanent() bool }
	return errors.As(err, &mark) && mark.Permanent()
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.World {
		w := open(t)
		return drivertest.World{
			Driver: w, System: wazuh.System, On: "001", InForce: w.agent.InForce, AddForeign: w.agent.AddForeign,
			CutBefore: func() { w.manager.Faults.CutBefore(1, http.MethodPut) },
			CutAfter:  func() { w.manager.Faults.CutAfter(1, http.MethodPut) },
			Busy:      func() { w.manager.Faults.FailFor(http.StatusServiceUnavailable, time.Hour, http.MethodPut) },
			Away:      func() { w.manager.Faults.FailFor(http.StatusBadGateway, time.Hour, "") },
			Free:      w.manager.Faults.Mend,
		}
	})
}

func TestOneAgentOrNone(t *testing.T) {
	w := open(t)
	other := w.manager.AddAgent("002", "db-02", "10.77.0.3")
	for _, on := range []string{"", " ", "000", "0000", "1", "all", "*", "001,002", "-001", "web-01"} {
		action := block("i1-0", "203.0.113.9")
		action[0].On = on
		if err := w.Apply(t.Context(), action); !permanent(err) {
			t.Errorf("agent %q: %v", on, err)
		}
	}
	if w.agent.Requests()+other.Requests() != 0 {
		t.Error("something was sent")
	}
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	if len(other.InForce()) != 0 {
		t.Error("an agent that was not named blocks")
	}
}

// An order that arrived is no block: each of these is answered with success, and none is in force.
func TestAcceptedIsNotDone(t *testing.T) {
	tests := map[string]struct {
		breakIt func(world)
		want    string
	}{
		"no program on the agent":  {func(w world) { w.agent.SetWithoutProgram(true) }, "said nothing within 1s"},
		"its log gets nowhere":     {func(w world) { w.agent.SetMuted(true) }, "said nothing within 1s"},
		"nftables does not work":   {func(w world) { w.agent.BreakFilter(true) }, "could not change or read nftables"},
		"the indexer is busy":      {func(w world) { w.indexer.Inject(opensearchtest.Fault{Operation: "search", Status: 503, Times: 100}) }, "status 503"},
		"a shard is missing":       {func(w world) { w.indexer.Inject(opensearchtest.Fault{Operation: "search", Partial: true}) }, "search is not whole"},
		"the search ran out of it": {func(w world) { w.indexer.Inject(opensearchtest.Fault{Operation: "search", TimedOut: true}) }, "search is not whole"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			tt.breakIt(w)
			applied := w.Apply(t.Context(), block("i1-0", "203.0.113.9"))
			_, err := w.Observe(t.Context(), block("i1-0", "203.0.113.9"))
			if err == nil || permanent(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("observed: %v, want %q (applied: %v)", err, tt.want, applied)
			}
		})
	}
}

func TestRefusedByTheAgent(t *testing.T) {
	w := open(t)
	err := w.Apply(t.Context(), block("i1-0", "10.77.0.2"))
	if !permanent(err) || !strings.Contains(err.Error(), "the agent's own address") {
		t.Errorf("got %v", err)
	}
	seen, err := w.Observe(t.Context(), block("i1-0", "10.77.0.2"))
	if err != nil || seen[0].InForce || !seen[0].Gone() {
		t.Errorf("observed %+v, %v", seen, err)
	}
}

func TestRebootIsSeen(t *testing.T) {
	w := open(t)
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	w.agent.Reboot()
	seen, err := w.Observe(t.Context(), block("i1-0", "203.0.113.9"))
	if err != nil || seen[0].InForce || !seen[0].Ours {
		t.Errorf("observed %+v, %v", seen, err)
	}
}

func TestKernelEndsWhatNobodyReleases(t *testing.T) {
	w := open(t)
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	w.manager.SetClock(func() time.Time { return time.Now().Add(61 * time.Minute) })
	if got := w.agent.InForce(); len(got) != 0 {
		t.Errorf("in force after its hour: %v", got)
	}
}

// What the server says of an agent decides whether a retry can help.
func TestAgentThatCantBeReached(t *testing.T) {
	tests := map[string]struct {
		breakIt   func(world)
		want      string
		permanent bool
	}{
		"disconnected":     {func(w world) { w.agent.SetStatus("disconnected") }, "error 1707", false},
		"execd dead":       {func(w world) { w.agent.SetExecd(false) }, "error 1116", false},
		"switched off":     {func(w world) { w.agent.SetResponseOff(true) }, "error 1750", true},
		"no right":         {func(w world) { w.manager.Deny("active-response:command") }, "error 4000", true},
		"off the network":  {func(w world) { w.agent.Cut() }, "may still do it", false},
		"restarted for us": {func(w world) { w.manager.Faults.FailFor(http.StatusInternalServerError, time.Hour, http.MethodPut) }, "status 500", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			tt.breakIt(w)
			err := w.Apply(t.Context(), block("i1-0", "203.0.113.9"))
			if err == nil || permanent(err) != tt.permanent || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q, permanent %t", err, tt.want, tt.permanent)
			}
			if len(w.agent.InForce()) != 0 {
				t.Error("it is in force")
			}
		})
	}
}

// The outcome of error 3021 is unknown: the order runs when the agent is back, and a retry finds it.
func TestUnknownOutcomeIsAdopted(t *testing.T) {
	w := open(t)
	w.agent.Cut()
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err == nil || permanent(err) {
		t.Fatalf("got %v", err)
	}
	w.manager.Reconnect(w.agent)
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	if got := w.agent.InForce(); !slices.Equal(got, []string{"203.0.113.9"}) {
		t.Errorf("in force: %v", got)
	}
	if err := w.Undo(t.Context(), block("i1-0", "203.0.113.9")); err != nil || len(w.agent.InForce()) != 0 {
		t.Errorf("undo: %v, in force %v", err, w.agent.InForce())
	}
}
