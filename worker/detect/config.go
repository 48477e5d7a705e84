package detect

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/config"
)

// Where a stream begins at its first start.
const (
	FromNow       = "now"
	FromBeginning = "beginning"
)

// Config says what is watched.
type Config struct {
	Streams      []Stream     `yaml:"streams" doc:"the streams of events that are watched"`
	NewIncidents NewIncidents `yaml:"new_incidents,omitempty" doc:"how many incidents the dispatcher may open; beyond it detections wait in the ledger, and an incident of its own says so"`
}

// Stream is a set of indices with one kind of event. Zero values are the defaults.
type Stream struct {
	Name      string        `yaml:"name" doc:"its name in metrics, records and the CLI" example:"wazuh"`
	Cluster   string        `yaml:"cluster,omitempty" doc:"name of the cluster it is read from; empty: the one that keeps Sallyport's own state"`
	Index     string        `yaml:"index" doc:"pattern of its indices, as narrow as possible: one index without rights refuses the whole pattern" example:"wazuh-alerts-4.x-*"`
	Mapping   string        `yaml:"mapping" doc:"mapping of its fields: a name below rules/content/mappings" example:"wazuh4"`
	From      string        `yaml:"from,omitempty" doc:"now, beginning, or a time as 2026-11-01T00:00:00Z: what is read of indices that are there when the stream starts for the first time (default now); of a time, what happened at or after it by its mapped time, and an index whose newest event is older is passed over; later indices, and what is written later, are always read"`
	Slots     int           `yaml:"slots,omitempty" doc:"how many readers share its shards (default 1)"`
	Poll      time.Duration `yaml:"poll,omitempty" doc:"time between two looks at its checkpoints (default 2s)"`
	Lag       *int          `yaml:"lag,omitempty" doc:"how many polls old the checkpoint is that is read up to (default 2); poll x lag should exceed the indices' refresh_interval, 0 is quickest and refreshes more"`
	LateAfter time.Duration `yaml:"late_after,omitempty" doc:"an event older than this when it is read is late: kept, but opens nothing (default 168h)"`
	Page      int           `yaml:"page,omitempty" doc:"documents per request (default 1000, at most 10000)"`
	Backtest  Backtest      `yaml:"backtest,omitempty" doc:"how far sallyport rules backtest may load the cluster"`
}

// NewIncidents is the token bucket that new incidents pass. Zero values are the defaults.
type NewIncidents struct {
	Burst   int `yaml:"burst,omitempty" doc:"so many at once (default 30)"`
	PerHour int `yaml:"per_hour,omitempty" doc:"so many an hour afterwards (default 60)"`
}

var streamName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// Validate implements config.Validator.
func (c Config) Validate() (faults config.Faults) {
	names := map[string]bool{}
	for i, stream := range c.Streams {
		at := fmt.Sprintf("streams[%d]", i)
		faults = append(faults, config.Within(at, stream.Validate())...)
		if names[stream.Name] {
			faults = append(faults, config.Fault{Field: at + ".name", Problem: fmt.Sprintf("stream %q is there twice", stream.Name), Mend: "give it another name"})
		}
		names[stream.Name] = true
	}
	if c.NewIncidents.Burst < 0 || c.NewIncidents.PerHour < 0 {
		faults = append(faults, config.Fault{Field: "new_incidents", Problem: "is negative", Mend: "set burst and per_hour to at least 1, or leave them out"})
	}
	return faults
}

// Validate implements config.Validator.
func (s Stream) Validate() (faults config.Faults) {
	if !streamName.MatchString(s.Name) {
		faults = append(faults, config.Fault{Field: "name", Problem: fmt.Sprintf("%q is no name", s.Name), Mend: "use small letters, digits, - and _, a letter first"})
	}
	if fault := indexFault(s.Index); fault.Problem != "" {
		faults = append(faults, fault)
	}
	if s.Mapping == "" {
		faults = append(faults, config.Fault{Field: "mapping", Problem: "is empty", Mend: "name the mapping of the stream's fields, such as wazuh4"})
	}
	if _, ok := s.fromTime(); !ok && s.From != "" && s.From != FromNow && s.From != FromBeginning {
		faults = append(faults, config.Fault{Field: "from", Problem: fmt.Sprintf("is %q", s.From), Mend: "write now, beginning, or a time as 2026-11-01T00:00:00Z"})
	}
	if s.Slots < 0 || s.Slots > 64 {
		faults = append(faults, config.Fault{Field: "slots", Problem: fmt.Sprintf("is %d", s.Slots), Mend: "write 1 to 64"})
	}
	if s.Poll < 0 || s.Poll > 0 && s.Poll < 100*time.Millisecond || s.Poll > time.Minute {
		faults = append(faults, config.Fault{Field: "poll", Problem: "is " + s.Poll.String(), Mend: "write 100ms to 1m"})
	}
	if s.Lag != nil && (*s.Lag < 0 || *s.Lag > 30) {
		faults = append(faults, config.Fault{Field: "lag", Problem: fmt.Sprintf("is %d", *s.Lag), Mend: "write 0 to 30 polls"})
	}
	if s.LateAfter < 0 {
		faults = append(faults, config.Fault{Field: "late_after", Problem: "is negative", Mend: "write a duration such as 168h"})
	}
	if s.Page < 0 || s.Page > 10000 {
		faults = append(faults, config.Fault{Field: "page", Problem: fmt.Sprintf("is %d", s.Page), Mend: "write 1 to 10000"})
	}
	return append(faults, config.Within("backtest", s.Backtest.Validate())...)
}

// fromTime is the time that from names, if it names one: a date is its beginning in UTC.
func (s Stream) fromTime() (from time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if from, err := time.Parse(layout, s.From); err == nil {
			return from.UTC(), true
		}
	}
	return time.Time{}, false
}

// longestName is how many bytes OpenSearch lets an index's name have.
const longestName = 255

// indexFault refuses patterns that can't be watched: our own indices would feed detections back into the ledger.
func indexFault(pattern string) config.Fault {
	fault := config.Fault{Field: "index"}
	for part := range strings.SplitSeq(pattern, ",") {
		head, _, wild := strings.Cut(part, "*")
		switch {
		case part == opensearch.InboxIndex: // the one index of ours that holds events
		case part == "" || strings.ContainsAny(part, " /?#\"<>|\\"):
			fault.Problem, fault.Mend = fmt.Sprintf("%q is no index pattern", pattern), "write one such as wazuh-alerts-4.x-*"
		case part != strings.ToLower(part):
			fault.Problem, fault.Mend = fmt.Sprintf("%q can match no index: their names have no capitals", part), "write it in small letters"
		case strings.HasPrefix(part, "-") || strings.HasPrefix(part, "_"):
			fault.Problem, fault.Mend = fmt.Sprintf("%q is no index pattern", pattern), "name what is watched, exclusions are not known here"
		case strings.HasPrefix(part, "+") || part == "." || part == ".." || len(part) > longestName:
			fault.Problem, fault.Mend = fmt.Sprintf("%q can match no index: none may be named so", part), "write one such as wazuh-alerts-4.x-*"
		case strings.Contains(part, ":"):
			fault.Problem, fault.Mend = fmt.Sprintf("%q names another cluster", part), "statistics don't cross clusters: set cluster and read it there"
		case strings.HasPrefix(part, "sallyport-") || wild && strings.HasPrefix("sallyport-", head):
			fault.Problem, fault.Mend = fmt.Sprintf("%q covers Sallyport's own indices (sallyport-*)", part), "name the event indices alone"
		}
	}
	return fault
}

// withDefaults fills what an operator left out.
func (s Stream) withDefaults() Stream {
	lag := 2
	if s.From == "" {
		s.From = FromNow
	}
	if s.Slots == 0 {
		s.Slots = 1
	}
	if s.Poll == 0 {
		s.Poll = 2 * time.Second
	}
	if s.Lag == nil {
		s.Lag = &lag
	}
	if s.LateAfter == 0 {
		s.LateAfter = 7 * 24 * time.Hour
	}
	if s.Page == 0 {
		s.Page = 1000
	}
	return s
}

// Tokens are the burst and the tokens of an hour, defaults filled in.
func (n NewIncidents) Tokens() (burst, perHour int) {
	n = n.withDefaults()
	return n.Burst, n.PerHour
}

func (n NewIncidents) withDefaults() NewIncidents {
	if n.Burst == 0 {
		n.Burst = 30
	}
	if n.PerHour == 0 {
		n.PerHour = 60
	}
	return n
}
