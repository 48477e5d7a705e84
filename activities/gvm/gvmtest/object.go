package gvmtest

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// object is anything gvmd keeps under an id.
type object struct {
	kind, id, name, comment string
	made                    time.Time

	hosts                            string  // of a target
	ports                            *object // of a target
	config, target, scanner, lastRun *object // of a task
	task                             *object // of a report
	started                          time.Time
	pace                             time.Duration
	ended                            string // final status that was set from outside
	stopped                          time.Time
	found                            *Host // what the scan saw while it ran
}

// kinds are the objects that get_ and delete_ commands know.
var kinds = map[string]bool{"target": true, "task": true, "port_list": true, "config": true, "scanner": true, "report_format": true}

// feed is what gvmd has once its feed is loaded, by the well-known ids.
func feed() []*object {
	now := time.Now().UTC()
	return []*object{
		{kind: "scanner", id: "08b69003-5fc2-4037-a479-93b440211c73", name: "OpenVAS Default", made: now},
		{kind: "scanner", id: "6acd0832-df90-11e4-b9d5-28d24461215b", name: "CVE", made: now},
		{kind: "config", id: "daba56c8-73ec-11df-a475-002264764cea", name: "Full and fast", made: now},
		{kind: "port_list", id: "33d0cd82-57c6-11e1-8ed1-406186ea4fc5", name: "All IANA assigned TCP", made: now},
		{kind: "report_format", id: "a994b278-1f62-11e1-96ac-406186ea4fc5", name: "XML", made: now},
	}
}

func (s *Server) find(kind, id string) *object {
	for _, o := range s.objects {
		if o.kind == kind && o.id == id {
			return o
		}
	}
	return nil
}

func (s *Server) exists(kind, name string) bool {
	return slices.ContainsFunc(s.objects, func(o *object) bool { return o.kind == kind && o.name == name })
}

func (s *Server) keep(o *object) *object {
	o.id, o.made = newID(), time.Now().UTC()
	s.objects = append(s.objects, o)
	return o
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (s *Server) createTarget(c element) string {
	const name = "create_target"
	ports := s.find("port_list", c.child("port_list").attr("id"))
	switch {
	case c.text("name") == "":
		return refusal(name, 400, "A name is required")
	case c.text("hosts") == "":
		return refusal(name, 400, "A host is required")
	case s.exists("target", c.text("name")): // before the port list is looked at
		return refusal(name, 400, "Target exists already")
	case !hostSpecification(c.text("hosts")):
		return refusal(name, 400, "Error in host specification")
	case ports == nil:
		return missing(name, "port_list", c.child("port_list").attr("id"))
	}
	hosts := strings.Join(strings.FieldsFunc(c.text("hosts"), separator), ", ")
	return made(name, s.keep(&object{kind: "target", name: c.text("name"), comment: c.text("comment"), hosts: hosts, ports: ports}).id)
}

func separator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// hostName is all that gvmd asks of a word that is no address: "not" and "host" pass, "x;y" does not.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._!-]+$`)

// hostSpecification is as lenient as gvmd's: white space separates hosts, and any word is one.
func hostSpecification(hosts string) bool {
	for _, word := range strings.FieldsFunc(hosts, separator) {
		if prefix, err := netip.ParsePrefix(word); err == nil && prefix.Bits() > 8 {
			continue
		}
		_, err := netip.ParseAddr(word)
		numeric := strings.Trim(word, "0123456789.") == ""
		if err != nil && (numeric || !hostName.MatchString(word)) {
			return false
		}
	}
	return true
}

func (s *Server) createTask(c element) string {
	const name = "create_task"
	t := &object{kind: "task", name: c.text("name"), comment: c.text("comment")}
	for kind, to := range map[string]**object{"config": &t.config, "target": &t.target, "scanner": &t.scanner} {
		id := c.child(kind).attr("id")
		if *to = s.find(kind, id); *to == nil {
			return missing(name, kind, id)
		}
	}
	if t.name == "" {
		return refusal(name, 400, "A name is required")
	}
	return made(name, s.keep(t).id)
}

func (s *Server) createPortList(c element) string {
	const name = "create_port_list"
	for _, word := range strings.FieldsFunc(c.text("port_range"), func(r rune) bool { return strings.ContainsRune("TU:,- ", r) }) {
		if port := number(word, -1); port < 1 || port > 65535 {
			return refusal(name, 400, "Error in port range")
		}
	}
	if s.exists("port_list", c.text("name")) {
		return refusal(name, 400, "Port list exists already")
	}
	return made(name, s.keep(&object{kind: "port_list", name: c.text("name")}).id)
}

// startTask never refuses: gvmd 26 opens another report for a task that is active already.
func (s *Server) startTask(c element) string {
	t := s.find("task", c.attr("task_id"))
	if t == nil {
		return missing("start_task", "task", c.attr("task_id"))
	}
	run := s.keep(&object{kind: "report", task: t, started: time.Now(), pace: s.pace})
	t.lastRun = run
	time.AfterFunc(2*s.pace, func() { s.observe(run) }) // the scanner looks at the host while the task is running
	return fmt.Sprintf(`<start_task_response status="202" status_text="OK, request submitted"><report_id>%s</report_id></start_task_response>`, run.id)
}

func (s *Server) observe(run *object) {
	seen := Host{}
	if s.look != nil {
		seen = s.look(run.task.target.hosts)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	run.found = &seen
}

// stopTask answers 200 whether the task runs or not.
func (s *Server) stopTask(c element) string {
	t := s.find("task", c.attr("task_id"))
	if t == nil {
		return missing("stop_task", "task", c.attr("task_id"))
	}
	if run := t.lastRun; run != nil && !final(run.statusNow()) {
		run.ended, run.stopped = "Stopped", time.Now()
	}
	return done("stop_task")
}

func (s *Server) remove(c element, kind string) string {
	name, id := "delete_"+kind, c.attr(kind+"_id")
	o := s.find(kind, id)
	if o == nil {
		return missing(name, kind, id)
	}
	for _, other := range s.objects {
		if (other.kind == "task" && other.target == o) || (other.kind == "target" && other.ports == o) {
			return refusal(name, 400, strings.ToUpper(kind[:1])+strings.ReplaceAll(kind[1:], "_", " ")+" is in use")
		}
	}
	s.objects = slices.DeleteFunc(s.objects, func(other *object) bool { return other == o || other.task == o })
	return done(name)
}

// states of a scan, each of which lasts one pace, with its progress.
var states = []struct {
	status   string
	progress int
}{{"Requested", 0}, {"Queued", 0}, {"Running", 0}, {"Running", 80}, {"Processing", 100}}

func final(status string) bool {
	return status == "Done" || status == "Stopped" || status == "Interrupted"
}

// statusNow is a report's scan_run_status.
func (o *object) statusNow() string {
	status, _ := o.standing()
	return status
}

func (o *object) standing() (status string, progress int) {
	switch {
	case o.ended == "Stopped" && time.Since(o.stopped) < o.pace:
		return "Stop Requested", 0
	case o.ended != "":
		return o.ended, 0
	}
	if at := int(time.Since(o.started) / max(o.pace, 1)); at < len(states) {
		return states[at].status, states[at].progress
	}
	if o.found == nil { // the look at the host took longer
		return "Running", 99
	}
	return "Done", -1
}
