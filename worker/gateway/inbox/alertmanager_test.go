package inbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestRealAlertmanager sends what a real one sends: an alert that fires, is repeated, and is over, is two events.
func TestRealAlertmanager(t *testing.T) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has an Alertmanager: make lab")
		}
		t.Skip("no prometheus-alertmanager here")
	}
	h := openHouseOnStandIn(t)
	alertmanager := startAlertmanager(h, program)
	begin := time.Now().UTC()
	fire := func(ends time.Time) {
		alertmanager.post(fmt.Sprintf(`[{"labels":{"alertname":"ManyFailedLogins","category":"security","instance":"web-01:9100"},"annotations":{"summary":"40 a minute"},"startsAt":%q,"endsAt":%q}]`,
			begin.Format(time.RFC3339Nano), ends.Format(time.RFC3339Nano)))
	}
	fire(begin.Add(time.Hour))
	h.await(1)
	h.awaitKnown() // group_interval and repeat_interval are a second: it is sent again
	fire(time.Now())
	h.await(2)
	states := map[string][]byte{}
	for _, event := range h.stored() {
		var kept struct {
			Body struct{ Status string } `json:"body"`
		}
		if err := json.Unmarshal(event, &kept); err != nil {
			t.Fatal(err)
		}
		states[kept.Body.Status] = event
	}
	if len(states) != 2 || states["resolved"] == nil {
		t.Fatalf("events %v, want one firing and one resolved", states)
	}
	expectDetection(t, states["firing"], "web-01")
}

type alertmanager struct {
	*house
	address string
}

// startAlertmanager starts one whose only receiver is the inbox.
func startAlertmanager(h *house, program string) *alertmanager {
	h.Helper()
	dir := h.TempDir()
	config := fmt.Sprintf(`route: {receiver: sallyport, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1s}
receivers:
- name: sallyport
  webhook_configs: [{url: "%sprometheus", send_resolved: true, http_config: {authorization: {credentials: "%s"}}}]
`, h.address, token)
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		h.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a free port, at once
	if err != nil {
		h.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	var said bytes.Buffer
	command := exec.CommandContext(h.Context(), program, "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if h.Failed() {
			h.Log(said.String())
		}
	})
	a := &alertmanager{h, "http://" + address}
	h.until("Alertmanager is ready", func() bool {
		response, err := http.Get(a.address + "/-/ready") //nolint:noctx // bounded by until
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return a
}

func (a *alertmanager) post(body string) {
	a.Helper()
	response, err := http.Post(a.address+"/api/v2/alerts", "application/json", bytes.NewReader([]byte(body))) //nolint:noctx // a local server
	if err != nil {
		a.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		a.Fatalf("Alertmanager answers %s to %s", response.Status, body)
	}
}

// until waits for what other processes do, for a minute at most.
func (h *house) until(what string, holds func() bool) {
	h.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("not in time: %s", what)
		}
	}
}

func (h *house) await(events int) {
	h.Helper()
	h.until(fmt.Sprintf("%d events", events), func() bool { return len(h.stored()) >= events })
}

func (h *house) awaitKnown() {
	h.Helper()
	h.until("the alert is sent again", func() bool { return h.count("sallyport_inbox_events_total", "known") > 0 })
}

// count is a counter's value over all hooks whose last label is value.
func (h *house) count(name, value string) (sum float64) {
	h.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == name && label.GetValue() == value {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}
