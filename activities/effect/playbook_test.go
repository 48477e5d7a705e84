package effect_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestAPlaybookNeedsAGrant(t *testing.T) {
	tests := map[string]struct {
		spoil func(w *world, r *activities.PlaybookRequest)
		runs  bool
	}{
		"granted":                {func(*world, *activities.PlaybookRequest) {}, true},
		"not granted":            {func(_ *world, r *activities.PlaybookRequest) { r.Grant = soar.Grant{} }, false},
		"another playbook":       {func(_ *world, r *activities.PlaybookRequest) { r.Playbook = "wipe" }, false},
		"another host":           {func(_ *world, r *activities.PlaybookRequest) { r.Host = "web-02" }, false},
		"no host":                {func(_ *world, r *activities.PlaybookRequest) { r.Host, r.Action.Target = "", "" }, false},
		"all hosts":              {func(w *world, r *activities.PlaybookRequest) { *r = w.patch("all") }, false},
		"a pattern of hosts":     {func(w *world, r *activities.PlaybookRequest) { *r = w.patch("web-*") }, false},
		"a protected host":       {func(w *world, r *activities.PlaybookRequest) { *r = w.patch("dc01") }, false},
		"the kill switch":        {func(w *world, _ *activities.PlaybookRequest) { w.house.halted = true }, false},
		"limits that are silent": {func(w *world, _ *activities.PlaybookRequest) { w.house.silent = true }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			req := w.patch("web-01")
			tt.spoil(w, &req)
			ran := false
			run := w.RunPlaybook(func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error) {
				ran = true
				return activities.PlaybookReport{Host: req.Host, Completed: true}, nil
			})
			report, err := run(t.Context(), req)
			if err != nil || ran != tt.runs || report.Completed != tt.runs || (report.Reason == "") != tt.runs {
				t.Errorf("ran %v, report %+v, %v", ran, report, err)
			}
			if want := map[bool][]string{true: {"playbook begun", "playbook completed"}, false: {"refused"}}[tt.runs]; !slices.Equal(w.said(), want) {
				t.Errorf("the audit log says %v, want %v", w.said(), want)
			}
		})
	}
}

func TestAReportOutlivesTheAuditLog(t *testing.T) {
	w := newWorld(t)
	run := w.RunPlaybook(func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error) {
		w.Audit = func(context.Context, activities.AuditEntry) (activities.None, error) {
			return activities.None{}, errors.New("down")
		}
		return activities.PlaybookReport{Completed: true}, nil
	})
	if report, err := run(t.Context(), w.patch("web-01")); err != nil || !report.Completed || len(report.Tasks) != 1 {
		t.Errorf("the report is %+v, %v", report, err)
	}
}

// patch is a granted request to patch a host.
func (w *world) patch(host string) activities.PlaybookRequest {
	action := soar.Action{ID: "i1-1-r0", Kind: soar.Patch, System: "ansible", Target: host, Mode: soar.Ask, Playbook: "patch"}
	granted := w.grant(activities.Order{Action: action, Incident: "i1"}, false)
	return activities.PlaybookRequest{Incident: "i1", ActionID: action.ID, Playbook: "patch", Host: host, Action: action, Grant: granted.Grant}
}

// Check mode logs in to the host: not to one that is protected, nor while everything is halted.
func TestCheckModeLooksBeforeItLogsIn(t *testing.T) {
	tests := map[string]struct {
		spoil func(w *world, r *activities.PlaybookRequest)
		runs  bool
	}{
		"before the question": {func(_ *world, r *activities.PlaybookRequest) { r.Grant = soar.Grant{} }, true},
		"another host":        {func(_ *world, r *activities.PlaybookRequest) { r.Host = "web-02" }, false},
		"a protected host":    {func(w *world, r *activities.PlaybookRequest) { *r = w.patch("dc01") }, false},
		"the kill switch":     {func(w *world, _ *activities.PlaybookRequest) { w.house.halted = true }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			req := w.patch("web-01")
			tt.spoil(w, &req)
			ran := false
			check := w.CheckPlaybook(func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error) {
				ran = true
				return activities.PlaybookReport{Host: req.Host, Completed: true}, nil
			})
			if report, err := check(t.Context(), req); err != nil || ran != tt.runs || report.Completed != tt.runs || (report.Reason == "") != tt.runs {
				t.Errorf("ran %v, report %+v, %v", ran, report, err)
			}
		})
	}
}
