package gvm

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The commands, as gvmd wants them. encoding/xml escapes their texts.
type (
	authenticate struct {
		XMLName     xml.Name    `xml:"authenticate"`
		Credentials credentials `xml:"credentials"`
	}
	credentials struct {
		User     string `xml:"username"`
		Password string `xml:"password"`
	}
	// list is any command get_...: by id, or by a filter.
	list struct {
		XMLName          xml.Name
		TaskID           string `xml:"task_id,attr,omitempty"`
		TargetID         string `xml:"target_id,attr,omitempty"`
		ReportID         string `xml:"report_id,attr,omitempty"`
		Filter           string `xml:"filter,attr,omitempty"`
		Details          string `xml:"details,attr,omitempty"`
		IgnorePagination string `xml:"ignore_pagination,attr,omitempty"`
	}
	reference struct {
		ID string `xml:"id,attr"`
	}
	createTarget struct {
		XMLName   xml.Name  `xml:"create_target"`
		Name      string    `xml:"name"`
		Comment   string    `xml:"comment"`
		Hosts     string    `xml:"hosts"`
		PortList  reference `xml:"port_list"`
		AliveTest string    `xml:"alive_tests"`
	}
	createTask struct {
		XMLName xml.Name  `xml:"create_task"`
		Name    string    `xml:"name"`
		Comment string    `xml:"comment"`
		Config  reference `xml:"config"`
		Target  reference `xml:"target"`
		Scanner reference `xml:"scanner"`
	}
	// command is any command that only names what it acts on.
	command struct {
		XMLName  xml.Name
		TaskID   string `xml:"task_id,attr,omitempty"`
		TargetID string `xml:"target_id,attr,omitempty"`
		Ultimate string `xml:"ultimate,attr,omitempty"`
	}
	created struct {
		ID string `xml:"id,attr"`
	}
)

// target is what a task scans.
type target struct {
	ID    string `xml:"id,attr"`
	Name  string `xml:"name"`
	Hosts string `xml:"hosts"`
}

// task is a GVM task: one scan of ours.
type task struct {
	ID       string    `xml:"id,attr"`
	Name     string    `xml:"name"`
	Comment  string    `xml:"comment"`
	Created  string    `xml:"creation_time"` // RFC 3339 UTC: sorts as text
	Status   string    `xml:"status"`
	Progress string    `xml:"progress"`
	Target   reference `xml:"target"`
	Last     struct {
		ID    string `xml:"id,attr"`
		Ended string `xml:"scan_end"`
	} `xml:"last_report>report"`
}

// What gvmd calls a task's state. The last three are final.
const (
	statusNew         = "New"
	statusDone        = "Done"
	statusStopped     = "Stopped"
	statusInterrupted = "Interrupted"
)

func (t task) final() bool {
	return t.Status == statusDone || t.Status == statusStopped || t.Status == statusInterrupted ||
		strings.Contains(t.Status, "Delete Requested") // someone removes it: nothing more will come
}

func (s *session) version(ctx context.Context) (string, error) {
	var reply struct {
		Version string `xml:"version"`
	}
	err := s.ask(ctx, list{XMLName: xml.Name{Local: "get_version"}}, &reply)
	return reply.Version, err
}

// resolve finds a "config", "port_list" or "scanner" by its name or id, and returns its id. Without a loaded feed there
// is none, so that one is missing is no permanent error.
func (s *session) resolve(ctx context.Context, kind, nameOrID string) (string, error) {
	type object struct {
		XMLName xml.Name
		ID      string `xml:"id,attr"`
		Name    string `xml:"name"`
	}
	var reply struct {
		Objects []object `xml:",any"`
	}
	get := list{XMLName: xml.Name{Local: "get_" + kind + "s"}, Filter: "rows=-1", IgnorePagination: "1"}
	if err := s.ask(ctx, get, &reply); err != nil {
		return "", err
	}
	for _, o := range reply.Objects {
		if o.XMLName.Local == kind && o.ID != "" && (o.ID == nameOrID || o.Name == nameOrID) {
			return o.ID, nil
		}
	}
	return "", fmt.Errorf("gvmd has no %s %q: the feed may still be loading, or its name is another", kind, nameOrID)
}

// named filters by exact name. Only names that jobName made reach it: a filter is a language of its own.
func named(name string) string { return `name="` + name + `" rows=-1` }

// target returns the target of that name, or an empty one.
func (s *session) target(ctx context.Context, name string) (target, error) {
	var reply struct {
		Targets []target `xml:"target"`
	}
	err := s.ask(ctx, list{XMLName: xml.Name{Local: "get_targets"}, Filter: named(name)}, &reply)
	for _, t := range reply.Targets {
		if t.Name == name {
			return t, err
		}
	}
	return target{}, err
}

// createTarget makes the target, or finds it: its name is unique on gvmd, so of two attempts one makes it.
func (s *session) createTarget(ctx context.Context, want createTarget) (target, error) {
	var made created
	err := s.ask(ctx, want, &made)
	var refused *StatusError
	if errors.As(err, &refused) && strings.Contains(refused.text, "exists already") {
		return s.target(ctx, want.Name)
	}
	return target{ID: made.ID, Name: want.Name, Hosts: want.Hosts}, err
}

// tasks lists the tasks of that name, the oldest first. Names of tasks are not unique.
func (s *session) tasks(ctx context.Context, name string) ([]task, error) {
	listed, err := s.listTasks(ctx, named(name))
	return slices.DeleteFunc(listed, func(t task) bool { return t.Name != name }), err
}

func (s *session) listTasks(ctx context.Context, filter string) ([]task, error) {
	var reply struct {
		Tasks []task `xml:"task"`
	}
	err := s.ask(ctx, list{XMLName: xml.Name{Local: "get_tasks"}, Filter: filter, IgnorePagination: "1"}, &reply)
	slices.SortFunc(reply.Tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	return reply.Tasks, err
}

func (s *session) task(ctx context.Context, id string) (task, error) {
	var reply struct {
		Tasks []task `xml:"task"`
	}
	if err := s.ask(ctx, list{XMLName: xml.Name{Local: "get_tasks"}, TaskID: id}, &reply); err != nil {
		return task{}, err
	}
	if len(reply.Tasks) != 1 || reply.Tasks[0].ID != id {
		return task{}, errors.New("get_tasks: the reply holds another task")
	}
	return reply.Tasks[0], nil
}

func (s *session) do(ctx context.Context, name string, c command) error {
	c.XMLName.Local = name
	return s.ask(ctx, c, nil)
}
