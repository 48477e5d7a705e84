package ansibletest

import (
	"fmt"
	"io"
	"os"
)

// counts are a host's statistics, with Ansible's own keys.
type counts struct {
	OK          int `json:"ok"`
	Failures    int `json:"failures"`
	Unreachable int `json:"unreachable"`
	Changed     int `json:"changed"`
	Skipped     int `json:"skipped"`
	Rescued     int `json:"rescued"`
	Ignored     int `json:"ignored"`
}

// play runs the play "patch" on each host in turn, and ends as Ansible does: unreachable wins over failed.
func (r run) play(reached []string) int {
	dies, garbles, err := r.meet(reached)
	if err != nil {
		return complain(err)
	}
	if garbles {
		fmt.Fprintln(r.out, "<html><body>Bad gateway</body></html>")
		r.out = io.Discard
	}
	r.tell("play", map[string]any{"name": "patch"})
	all := map[string]*counts{}
	for _, name := range reached {
		own, err := r.patch(name)
		if err != nil {
			return complain(err)
		}
		all[name] = own
	}
	if dies {
		endGroup()
	}
	code := exitOK
	for _, own := range all {
		switch {
		case own.Unreachable > 0:
			code = exitUnreachable
		case own.Failures > 0 && code == exitOK:
			code = exitFailed
		}
	}
	r.tell("stats", map[string]any{"hosts": all})
	return code
}

// meet counts the faults that this run meets, and uses up those that meet one real run.
func (r run) meet(reached []string) (dies, garbles bool, err error) {
	err = Update(r.state, func(hosts *Hosts) error {
		for _, name := range reached {
			h := hosts.Hosts[name]
			if h.Unreachable || !r.check && (h.Dies || h.Garbles) {
				h.Met++
			}
			if r.check {
				continue
			}
			dies, garbles = dies || h.Dies, garbles || h.Garbles
			h.Dies, h.Garbles = false, false
		}
		return nil
	})
	return dies, garbles, err
}

// patch upgrades a host's packages one by one: what is cut off leaves some done, as in life.
func (r run) patch(name string) (*counts, error) {
	own := &counts{}
	host, err := r.enter(name)
	if err != nil {
		return own, err
	}
	r.task("look at packages")
	pause(&host)
	if host.Unreachable {
		own.Unreachable++
		r.result("unreachable", name, "look at packages", map[string]any{"msg": "Failed to connect to the host via ssh"})
		return own, r.leave(name, false)
	}
	own.OK++
	r.result("ok", name, "look at packages", map[string]any{"changed": false})
	for _, pkg := range host.outdated(r.cves) {
		task := "upgrade " + pkg
		r.task(task)
		pause(&host)
		if host.Fails {
			own.Failures++
			r.result("failed", name, task, map[string]any{"ignored": false, "msg": "dpkg was interrupted"})
			return own, r.leave(name, false)
		}
		own.OK++
		if host.Holds {
			r.result("ok", name, task, map[string]any{"changed": false})
			continue
		}
		if err := r.upgrade(name, pkg); err != nil {
			return own, err
		}
		own.Changed++
		r.result("ok", name, task, map[string]any{"changed": true})
	}
	return own, r.leave(name, true)
}

// enter counts the run and returns the host as it is.
func (r run) enter(name string) (host Host, err error) {
	if r.check {
		hosts, err := Read(r.state)
		if err != nil {
			return host, err
		}
		return *hosts.Hosts[name], nil
	}
	err = Update(r.state, func(hosts *Hosts) error {
		h := hosts.Hosts[name]
		h.Started++
		if !claim(r.state + "." + name + ".run") {
			h.Beside++
		}
		h.Running = os.Getpid()
		host = *h
		return nil
	})
	return host, err
}

func (r run) upgrade(name, pkg string) error {
	if r.check {
		return nil
	}
	return Update(r.state, func(hosts *Hosts) error {
		p := hosts.Hosts[name].Packages[pkg]
		p.Installed = p.Fixed
		return nil
	})
}

func (r run) leave(name string, well bool) error {
	if r.check {
		return nil
	}
	return Update(r.state, func(hosts *Hosts) error {
		hosts.Hosts[name].Running = 0
		if well {
			hosts.Hosts[name].Completed++
		}
		return nil
	})
}

func (r run) task(name string) { r.tell("task", map[string]any{"name": name}) }

func (r run) result(event, host, task string, facts map[string]any) {
	facts["host"], facts["task"] = host, task
	r.tell(event, facts)
}
