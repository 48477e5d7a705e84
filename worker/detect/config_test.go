package detect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/detect"
)

func TestConfigFaults(t *testing.T) {
	minus := -1
	good := detect.Stream{Name: "wazuh", Index: "wazuh-alerts-4.x-*", Mapping: "wazuh4"}
	if faults := (detect.Config{Streams: []detect.Stream{good}}).Validate(); len(faults) > 0 {
		t.Fatalf("a good stream: %v", faults)
	}
	for _, from := range []string{"now", "beginning", "2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01T01:00:00.5+01:00"} {
		good.From = from
		if faults := (detect.Config{Streams: []detect.Stream{good}}).Validate(); len(faults) > 0 {
			t.Errorf("from: %s: %v", from, faults)
		}
	}
	for want, change := range map[string]func(*detect.Stream){
		"streams[0].name: ":                                 func(s *detect.Stream) { s.Name = "My Stream" },
		"streams[0].index: ":                                func(s *detect.Stream) { s.Index = "" },
		"covers Sallyport's own indices":                    func(s *detect.Stream) { s.Index = "sallyport-detections-*" },
		`"*" covers Sallyport's own indices`:                func(s *detect.Stream) { s.Index = "*" },
		`"sally*" covers Sallyport's own`:                   func(s *detect.Stream) { s.Index = "wazuh-*,sally*" },
		"names another cluster":                             func(s *detect.Stream) { s.Index = "other:logs-*" },
		"exclusions are not known":                          func(s *detect.Stream) { s.Index = "logs-*,-logs-x" },
		"is no index pattern":                               func(s *detect.Stream) { s.Index = "logs-*/_search" },
		`"Wazuh-*" can match no index`:                      func(s *detect.Stream) { s.Index = "logs-*,Wazuh-*" },
		`"+x" can match no index: none may be named so`:     func(s *detect.Stream) { s.Index = "logs-*,+x" },
		`".." can match no index`:                           func(s *detect.Stream) { s.Index = ".." },
		"xx\" can match no index":                           func(s *detect.Stream) { s.Index = strings.Repeat("x", 256) },
		"streams[0].mapping: is empty":                      func(s *detect.Stream) { s.Mapping = "" },
		`streams[0].from: is "yesterday": write now, begin`: func(s *detect.Stream) { s.From = "yesterday" },
		"streams[0].slots: is 65":                           func(s *detect.Stream) { s.Slots = 65 },
		"streams[0].poll: is 1ms":                           func(s *detect.Stream) { s.Poll = time.Millisecond },
		"streams[0].lag: is -1":                             func(s *detect.Stream) { s.Lag = &minus },
		"streams[0].late_after: is negative":                func(s *detect.Stream) { s.LateAfter = -time.Hour },
		"streams[0].page: is 10001":                         func(s *detect.Stream) { s.Page = 10001 },
	} {
		bad := good
		change(&bad)
		faults := detect.Config{Streams: []detect.Stream{bad}}.Validate()
		if len(faults) != 1 || !strings.Contains(faults.Error(), want) {
			t.Errorf("faults %q, want one with %q", faults.Error(), want)
		}
	}
	if faults := (detect.Config{Streams: []detect.Stream{good, good}}).Validate(); len(faults) != 1 {
		t.Errorf("the same stream twice: %v", faults)
	}
}
