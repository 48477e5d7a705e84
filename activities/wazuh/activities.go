package wazuh

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// maxReading is the longest detail of a reading, in bytes.
const maxReading = 300

// Ask says what the inventory knows of an incident's assets, and which of its addresses and hosts are our own. Wazuh
// judges nothing: its readings are unknown in opinion, and there for the people who read the case.
func (w *Wazuh) Ask(ctx context.Context, in activities.Inquiry) (soar.Answer, error) {
	answer := soar.Answer{Source: in.Source}
	all, err := w.agents(ctx)
	if err != nil {
		return answer, fmt.Errorf("wazuh: list agents: %w", err)
	}
	for _, asset := range in.Assets {
		reading, err := w.readAsset(ctx, all, asset)
		if err != nil {
			return answer, fmt.Errorf("wazuh: inventory: %w", err)
		}
		answer.Readings = append(answer.Readings, reading)
	}
	for _, o := range in.Observables {
		if reading, ours := readObservable(all, o); ours {
			answer.Readings = append(answer.Readings, reading)
		}
	}
	answer.Answered = true
	return answer, nil
}

func (w *Wazuh) readAsset(ctx context.Context, all []agent, asset soar.Asset) (soar.Reading, error) {
	reading := soar.Reading{Source: System, About: soar.Observable{Type: "host", Value: asset.Name}, Opinion: soar.Unknown}
	some := agentsOf(all, asset)
	switch len(some) {
	case 0:
		reading.Detail = "no agent of that name or address"
		return reading, nil
	case 1:
	default:
		reading.Detail = fmt.Sprintf("%d agents have that name or address: nobody can tell which", len(some))
		return reading, nil
	}
	a := some[0]
	open, err := w.listening(ctx, a.ID)
	if err != nil {
		return reading, err
	}
	reading.Detail = clip(strings.Join([]string{describe(a), describePorts(open)}, "; "))
	return reading, nil
}

func readObservable(all []agent, o soar.Observable) (soar.Reading, bool) {
	var some []agent
	switch o.Type {
	case "ip":
		some = agentsAt(all, o.Value)
	case "host":
		some = pick(all, func(a agent) bool { return strings.EqualFold(a.Name, o.Value) })
	}
	if len(some) == 0 {
		return soar.Reading{}, false
	}
	return soar.Reading{Source: System, About: o, Opinion: soar.Unknown, Detail: clip("is one of ours: " + describe(some[0]))}, true
}

func describe(a agent) string {
	line := fmt.Sprintf("agent %s %s (%s) is %s", a.ID, a.Name, a.IP, a.Status)
	if system := strings.TrimSpace(a.OS.Name + " " + a.OS.Version); system != "" {
		line += ", " + system
	}
	if a.Status != "active" && a.KeepAlive != "" {
		line += ", last seen " + a.KeepAlive
	}
	return line
}

func describePorts(open []port) string {
	if len(open) == 0 {
		return "listens nowhere that we know of"
	}
	names := make([]string, len(open))
	for i, p := range open {
		if names[i] = fmt.Sprint(p.Local.Port); strings.TrimSpace(p.Process) != "" {
			names[i] += " " + strings.TrimSpace(p.Process)
		}
	}
	line := "listens on tcp " + strings.Join(names, ", ")
	if open[0].Scan.Time != "" {
		line += " (as of " + open[0].Scan.Time + ")"
	}
	return line
}

// clip keeps a detail within its bound, at a letter's end.
func clip(line string) string {
	if len(line) <= maxReading {
		return line
	}
	return strings.ToValidUTF8(line[:maxReading-3], "") + "..."
}
