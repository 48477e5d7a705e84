// Package ansible runs remediation playbooks against exactly one host with ansible-playbook.
//
// A run is judged by its statistics, never by the exit code alone: Ansible ends with 0 when a play matches no host.
// What a run changed before it was cut off can't be known, so each attempt has a folder with its state, and an attempt
// that finds another one there waits for its end and tells how it ended instead of running beside or after it.
package ansible

import (
	"context"
	_ "embed" // the callback plug-in
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
)

// callback is the plug-in that writes what happens as lines of JSON, and ends everything when the worker dies.
//
//go:embed callback/sallyport.py
var callback string

// Runner carries out the steps CheckPlaybook and RunPlaybook.
type Runner struct {
	config  Config
	plugins string // folder with the callback plug-in
	vault   string
}

// CheckPlaybook runs the playbook in check mode: it says what would change and changes nothing.
func (r *Runner) CheckPlaybook(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	playbook, err := r.admit(req)
	if err != nil {
		return activities.PlaybookReport{}, activities.Permanent(fmt.Errorf("ansible: %w", err))
	}
	defer beat(ctx)()
	folder, err := os.MkdirTemp(r.config.RunDir, "check-")
	if err != nil {
		return activities.PlaybookReport{}, fmt.Errorf("ansible: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	report, err := r.attempt(ctx, folder, playbook, req, true)
	if err != nil {
		return report, fmt.Errorf("ansible: check playbook: %w", err)
	}
	return report, nil
}

// RunPlaybook runs the playbook once per action, host and attempt, whatever happens to the worker. Asked again it
// returns how the first run ended; a run that was cut off comes back as interrupted, once nothing of it is left here.
// It may be asked for a further attempt only after an interrupted one.
func (r *Runner) RunPlaybook(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	playbook, err := r.admit(req)
	if err == nil && req.ActionID == "" {
		err = errors.New("the request has no action")
	}
	if err != nil {
		return activities.PlaybookReport{}, activities.Permanent(fmt.Errorf("ansible: %w", err))
	}
	defer beat(ctx)()
	report, err := r.runOnce(ctx, playbook, req)
	if err != nil {
		return report, fmt.Errorf("ansible: run playbook: %w", err)
	}
	return report, nil
}

// admit checks the request's names and returns the playbook's path.
func (r *Runner) admit(req activities.PlaybookRequest) (playbook string, err error) {
	if !plainName.MatchString(req.Host) {
		return "", errors.New("the host's name is empty or no plain name")
	}
	playbook, ok := r.config.Playbooks[req.Playbook]
	if !ok {
		return "", fmt.Errorf("no playbook %q in the config", req.Playbook)
	}
	return playbook, nil
}

func (r *Runner) runOnce(ctx context.Context, playbook string, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	folder := r.folderOf(req)
	if err := r.mayTryAgain(req); err != nil {
		return activities.PlaybookReport{}, activities.Permanent(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return activities.PlaybookReport{}, err
	}
	attempt, err := lockWhenFree(ctx, filepath.Join(folder, "attempt.lock")) // another attempt of ours may be at it
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	defer attempt.release()
	known, err := readState(folder)
	switch {
	case err != nil:
		return activities.PlaybookReport{}, err
	case known.Finished != nil:
		return known.Report, nil
	case !known.Started.IsZero():
		return r.adopt(ctx, folder, known)
	}
	return r.begin(ctx, folder, playbook, req)
}

// begin writes that the run has started before it does, and how it ended once it has.
func (r *Runner) begin(ctx context.Context, folder, playbook string, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	if err := r.onlyHost(ctx, folder, playbook, req); err != nil {
		return activities.PlaybookReport{}, err
	}
	s := state{Incident: req.Incident, Action: req.ActionID, Host: req.Host, Playbook: req.Playbook, Attempt: req.Attempt, Started: time.Now().UTC()}
	if err := s.write(folder); err != nil {
		return activities.PlaybookReport{}, err
	}
	report, err := r.attempt(ctx, folder, playbook, req, false)
	switch {
	case errors.Is(err, errNotStarted):
		return report, errors.Join(err, os.Remove(filepath.Join(folder, "state.json")))
	case err != nil: // the next attempt finds out how it ended
		return report, err
	}
	return report, s.finish(folder, report)
}

// adopt waits until nothing of an earlier attempt's process is left, and tells how it ended: by its statistics if it
// came that far, else as interrupted.
func (r *Runner) adopt(ctx context.Context, folder string, s state) (activities.PlaybookReport, error) {
	process, err := lockWhenFree(ctx, filepath.Join(folder, "process.lock"))
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	defer process.release()
	told, err := readEvents(filepath.Join(folder, "events.jsonl"))
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	report := told.judge(s.Host, false, unknownCode)
	if told.stats == nil {
		report.Interrupted, report.Completed = true, false
		report.Reason = "the run was cut off with its worker: what it changed is unknown"
	}
	return report, s.finish(folder, report)
}

// mayTryAgain refuses an attempt beyond the first unless the one before it was interrupted and is over.
func (r *Runner) mayTryAgain(req activities.PlaybookRequest) error {
	if req.Attempt <= 1 {
		return nil
	}
	req.Attempt--
	before, err := readState(r.folderOf(req))
	if err != nil {
		return err
	}
	if before.Finished == nil || !before.Report.Interrupted {
		return errors.New("a further attempt needs an earlier one that was interrupted and is over")
	}
	return nil
}

// variables are what a playbook may use, beside its inventory.
func variables(req activities.PlaybookRequest) ([]byte, error) {
	cves := req.CVEs
	if cves == nil {
		cves = []string{}
	}
	return json.Marshal(map[string]any{
		"sallyport_host": req.Host, "sallyport_incident": req.Incident, "sallyport_action": req.ActionID, "sallyport_cves": cves,
	})
}

// beat tells Temporal, until it is stopped, that this attempt is alive.
func beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(activities.FactsHeartbeat / 4)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
