package ansible

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sallyport-soar/sallyport/activities"
)

const (
	maxEvents = 64 << 20 // bytes of events that are read; a run on one host has some kB
	maxTasks  = 20       // lines of a report
	maxLine   = 200      // bytes of one
)

// event is a line of the callback plug-in.
type event struct {
	Sallyport int              `json:"sallyport"`
	Event     string           `json:"event"`
	Host      string           `json:"host"`
	Task      string           `json:"task"`
	Changed   bool             `json:"changed"`
	Ignored   bool             `json:"ignored"`
	Hosts     map[string]stats `json:"hosts"`
}

type stats struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Failures    int `json:"failures"`
	Unreachable int `json:"unreachable"`
}

// events is what a run told.
type events struct {
	stats map[string]stats // nil: it did not come to its end
	tasks []string
}

// readEvents reads a run's events. Lines that are none, warnings for instance, are passed over.
func readEvents(path string) (events, error) {
	var e events
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxEvents))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one event
		if bytes.HasPrefix(lines.Bytes(), []byte("{")) && json.Unmarshal(lines.Bytes(), &one) == nil && one.Sallyport == 1 {
			e.add(one)
		}
	}
	return e, lines.Err()
}

func (e *events) add(one event) {
	switch {
	case one.Event == "stats":
		e.stats = one.Hosts
		if e.stats == nil {
			e.stats = map[string]stats{}
		}
	case one.Event == "ok" && one.Changed:
		e.note("changed: " + one.Task)
	case one.Event == "failed" && !one.Ignored:
		e.note("failed: " + one.Task)
	case one.Event == "unreachable":
		e.note("unreachable: " + one.Task)
	}
}

func (e *events) note(line string) {
	if len(e.tasks) < maxTasks {
		e.tasks = append(e.tasks, line[:min(len(line), maxLine)])
	}
}

// judge says how the run ended for the host. code is the exit code, or unknownCode.
func (e events) judge(host string, check bool, code int) activities.PlaybookReport {
	own, there := e.stats[host]
	report := activities.PlaybookReport{
		Host: host, Check: check, OK: own.OK, Changed: own.Changed, Failed: own.Failures, Unreachable: own.Unreachable, Tasks: e.tasks,
	}
	switch {
	case e.stats == nil && code < 0: // killed: what it changed until then is unknown
		report.Interrupted, report.Reason = true, "ansible-playbook was killed before any statistics"
	case e.stats == nil:
		report.Reason = fmt.Sprintf("ansible-playbook ended with code %d before any statistics: what it changed is unknown, and its standard error is in the run's folder", code)
	case !there:
		report.Reason = "no play reached the host: the statistics leave it out"
	case len(e.stats) > 1:
		report.Reason = fmt.Sprintf("the run reached %d hosts, want one", len(e.stats))
	case own.Unreachable > 0:
		report.Reason = "the host could not be reached"
	case own.Failures > 0:
		report.Reason = "a task failed"
	case code != 0 && code != unknownCode:
		report.Reason = fmt.Sprintf("ansible-playbook ended with code %d", code)
	default:
		report.Completed = true
	}
	return report
}
