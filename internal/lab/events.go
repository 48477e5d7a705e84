package lab

import (
	"bytes"
	_ "embed" // the recorded attack
	"encoding/json"
	"time"
)

// attack is a recorded attack of our own making, as Wazuh's manager would have written it: failed ssh logins, the brute
// force, a login that succeeds, and a download of known malware.
//
//go:embed attack.ndjson
var attack []byte

// RecordedAttack is the attack that ships, one event per element.
func RecordedAttack() [][]byte { return Lines(attack) }

// Lines splits NDJSON into its lines that are not empty. What is on a line is not looked at.
func Lines(text []byte) (lines [][]byte) {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, bytes.Clone(line))
		}
	}
	return lines
}

// Agent is a Wazuh agent that events name.
type Agent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	IP   string `json:"ip"`
}

// agentsOf are the agents that the events name, each once; the manager (000) is none.
func agentsOf(events [][]byte) (agents []Agent) {
	seen := map[string]bool{"000": true, "": true}
	for _, event := range events {
		var alert struct {
			Agent Agent `json:"agent"`
		}
		if json.Unmarshal(event, &alert) != nil || seen[alert.Agent.ID] {
			continue
		}
		seen[alert.Agent.ID] = true
		agents = append(agents, alert.Agent)
	}
	return agents
}

// layouts of the times in events: Wazuh's own, and the indexer's.
var layouts = []string{"2006-01-02T15:04:05.000-0700", time.RFC3339Nano}

// timeFields are the fields of an event that move when it is played.
var timeFields = []string{"timestamp", "@timestamp"}

// newest is the latest time that any event has.
func newest(events [][]byte) (latest time.Time) {
	for _, event := range events {
		var fields map[string]any
		if json.Unmarshal(event, &fields) != nil {
			continue
		}
		for _, name := range timeFields {
			if at, _, ok := parseTime(fields[name]); ok && at.After(latest) {
				latest = at
			}
		}
	}
	return latest
}

// moved is the event with its times moved by as much; one that can't be read stays as it is.
func moved(event []byte, by time.Duration) []byte {
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	var fields map[string]any
	if decoder.Decode(&fields) != nil {
		return event
	}
	for _, name := range timeFields {
		if at, layout, ok := parseTime(fields[name]); ok {
			fields[name] = at.Add(by).Format(layout)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return event
	}
	return text
}

func parseTime(value any) (at time.Time, layout string, ok bool) {
	text, _ := value.(string)
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, layout, true
		}
	}
	return at, "", false
}
