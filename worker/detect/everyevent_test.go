package detect_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// event is what the tests' streams hold.
type event struct {
	Host  string    `json:"host"`
	Level string    `json:"level,omitempty"`
	Time  time.Time `json:"time"`
	N     int       `json:"n"`
}

// everyEvent is a rule set of one rule that every event with a host matches.
type everyEvent struct{}

func (r everyEvent) Match(source []byte) ([]soar.Detection, error) {
	var e event
	if err := json.Unmarshal(source, &e); err == nil && e.Host == "panic" {
		panic("another rule has a bug")
	}
	return r.MatchAlone(source)
}

func (everyEvent) Dearest([]byte) (string, time.Duration) { return "every", time.Millisecond }

func (everyEvent) EventTime(source []byte) time.Time {
	var e event
	_ = json.Unmarshal(source, &e)
	return e.Time
}

func (everyEvent) TimePaths() []string { return []string{"time"} }

func (everyEvent) MatchAlone(source []byte) ([]soar.Detection, error) {
	var e event
	if err := json.Unmarshal(source, &e); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	if e.Host == "panic-alone" {
		panic("a bug that no rule has")
	}
	if e.Host == "" {
		return nil, nil
	}
	level := soar.Medium
	if e.Level != "" {
		level = soar.Level(e.Level)
	}
	return []soar.Detection{{
		Rule: soar.Rule{ID: "every", Title: "every event", Level: level}, EventTime: e.Time,
		Entity: soar.Entity{Family: "host", Name: e.Host}, Asset: soar.Asset{Name: e.Host}, Summary: fmt.Sprintf("event %d", e.N),
	}}, nil
}
