package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
)

// Played is what was put into OpenSearch.
type Played struct {
	Count     int       // events that are stored
	Malformed int       // lines that are no JSON: OpenSearch takes none of these
	At        time.Time // when all were acknowledged
}

// Play stores the events as Wazuh's indexer would, with their times moved so that the newest is now, unless the office
// was told to leave them.
func (l *Lab) Play(ctx context.Context, events [][]byte) (p Played, err error) {
	by := time.Since(newest(events))
	if newest(events).IsZero() || l.options.Unmoved {
		by = 0
	}
	var docs []opensearch.NewDocument
	for i, event := range events {
		if !json.Valid(event) || event[0] != '{' {
			p.Malformed++
			continue
		}
		docs = append(docs, opensearch.NewDocument{Index: l.alertsIndex(), ID: fmt.Sprintf("event-%06d", i), Doc: json.RawMessage(moved(event, by))})
	}
	if len(docs) == 0 {
		return p, errors.New("no event is JSON: nothing to play")
	}
	created, err := l.state.CreateAll(ctx, docs)
	if err != nil {
		return p, err
	}
	p.Count, p.At = len(created), time.Now()
	return p, nil
}

func (l *Lab) alertsIndex() string {
	return "wazuh-alerts-4.x-" + l.suffix + "-" + time.Now().UTC().Format("2006.01.02")
}

// Evaluated reports whether everything that was played has been evaluated, and no detection of it opens an incident.
func (l *Lab) Evaluated(ctx context.Context, state *opensearch.Client, p Played) (bool, error) {
	cursor, err := opensearch.NewCursors(state).Load(ctx, "stream/wazuh/0-of-1")
	if err != nil || !cursor.Exists() || !cursor.Watermark.After(p.At) {
		return false, err
	}
	if err := state.Refresh(ctx, opensearch.LedgerPattern); err != nil {
		return false, err
	}
	opening, err := state.Count(ctx, opensearch.LedgerPattern, map[string]any{"bool": map[string]any{
		"filter":   []any{map[string]any{"term": map[string]any{"opens": true}}},
		"must_not": []any{map[string]any{"term": map[string]any{"late": true}}},
	}})
	return err == nil && opening == 0, err
}

// agentWrites stores an alert that an agent's program caused, as the manager would.
func (l *Lab) agentWrites(alert json.RawMessage) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id := fmt.Sprintf("agent-%d", time.Now().UnixNano())
	_, _ = l.state.CreateAll(ctx, []opensearch.NewDocument{{Index: l.alertsIndex(), ID: id, Doc: alert}}) // an alert that is lost leaves the block unconfirmed, as in life
}

// seedVulnerabilities fills Wazuh's states index: each agent has the weak package.
func (l *Lab) seedVulnerabilities(ctx context.Context) error {
	var docs []opensearch.NewDocument
	for _, agent := range agentsOf(l.options.Events) {
		docs = append(docs, opensearch.NewDocument{
			Index: l.statesIndex(), ID: agent.ID + "_lab_" + weakCVE,
			Doc: wazuhtest.Vulnerability(agent.ID, agent.Name, weakCVE, "Critical", weakScore, weakPackage, "2.3.4-1"),
		})
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := l.state.CreateAll(ctx, docs)
	return err
}

func (l *Lab) statesIndex() string { return "wazuh-states-vulnerabilities-" + l.suffix }
