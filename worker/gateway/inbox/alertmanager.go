package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// notification is what Alertmanager sends (alertmanager 0.34, docs/configuration.md, <webhook_config>, version "4"). A sender
// can set a payload of its own, so everything is checked.
type notification struct {
	Version         string            `json:"version"`
	TruncatedAlerts int               `json:"truncatedAlerts"`
	Receiver        string            `json:"receiver"`
	ExternalURL     string            `json:"externalURL"`
	Alerts          []json.RawMessage `json:"alerts"`
}

// alert is one Alertmanager alert.
type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"` // year 1 while it fires
	Generator   string            `json:"generatorURL"`
	Fingerprint string            `json:"fingerprint"`
}

// alertEvent is the event that an Alertmanager alert becomes.
type alertEvent struct {
	alert
	Host        string `json:"host,omitempty"` // of the label host or instance, without a port
	Receiver    string `json:"receiver"`
	ExternalURL string `json:"externalURL"`
}

// readAlertmanager makes an event of each alert. The same alert comes again every group_interval and from every peer of a
// cluster: it is one event for as long as fingerprint, startsAt and status stay the same. An alert that is wrong is told
// beside the others, since a sender is told of the whole only, and never sends what was refused again.
func readAlertmanager(body []byte) (all []event, wrong []string, err error) {
	var n notification
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, nil, fmt.Errorf("no notification of Alertmanager: %w", err)
	}
	if n.Version != "4" {
		return nil, nil, fmt.Errorf("version %q of Alertmanager's webhook is not known, 4 is", n.Version)
	}
	for i, raw := range n.Alerts {
		var one alert
		if err := json.Unmarshal(raw, &one); err != nil {
			wrong = append(wrong, fmt.Sprintf("alerts[%d]: %v", i, err))
			continue
		}
		if err := one.check(); err != nil {
			wrong = append(wrong, fmt.Sprintf("alerts[%d]: %v", i, err))
			continue
		}
		all = append(all, event{
			same: one.Fingerprint + "\x00" + one.StartsAt.UTC().Format(time.RFC3339Nano) + "\x00" + one.Status,
			body: alertEvent{one, one.host(), n.Receiver, n.ExternalURL},
		})
	}
	if n.TruncatedAlerts > 0 {
		wrong = append(wrong, strconv.Itoa(n.TruncatedAlerts)+" alerts were cut off by Alertmanager: set max_alerts: 0 at its webhook")
	}
	if len(all) == 0 && len(wrong) == 0 {
		return nil, nil, errors.New("no alerts")
	}
	return all, wrong, nil
}

func (a alert) check() error {
	switch {
	case a.Status != "firing" && a.Status != "resolved":
		return fmt.Errorf("status %.20q is neither firing nor resolved", a.Status)
	case a.Fingerprint == "" || len(a.Fingerprint) > 128:
		return errors.New("no fingerprint of at most 128 bytes")
	case a.StartsAt.IsZero():
		return errors.New("no startsAt")
	case len(a.Labels) == 0:
		return errors.New("no labels")
	}
	return nil
}

// host is the machine that the alert is about, as far as its labels name one.
func (a alert) host() string {
	if host := a.Labels["host"]; host != "" {
		return host
	}
	if host, _, err := net.SplitHostPort(a.Labels["instance"]); err == nil {
		return host
	}
	return a.Labels["instance"]
}
