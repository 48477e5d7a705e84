package gvm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
)

const (
	statusTimedOut = "Timed out" // ours: gvmd knows no such status
	misses         = 12          // looks in a row that may go wrong
	idle           = 3           // looks at a task that was started and is still new
)

// follow looks at the task until its status is final, through short outages of gvmd.
func (s *Scanner) follow(ctx context.Context, j job, t task) (task, error) {
	missed, stillNew := 0, 0
	for !t.final() {
		if time.Now().After(j.until) {
			return s.giveUp(ctx, t)
		}
		if err := wait(ctx, s.config.Poll); err != nil {
			return t, err
		}
		seen, err := s.look(ctx, t.ID)
		switch {
		case err != nil && (ctx.Err() != nil || permanent(err) || missed >= misses):
			return t, err
		case err != nil:
			missed++
			slog.WarnContext(ctx, "gvmd did not say how the scan stands", "task", t.ID, "error", err)
			continue
		}
		t, missed = seen, 0
		if t.Status == statusNew {
			if stillNew++; stillNew >= idle {
				return t, errors.New("the scan did not start")
			}
		}
	}
	return t, nil
}

func (s *Scanner) look(ctx context.Context, id string) (t task, err error) {
	err = s.gmp.with(ctx, func(in *session) error {
		t, err = in.task(ctx, id)
		return err
	})
	return t, err
}

// giveUp stops a scan that takes too long, so that it doesn't run on unseen.
func (s *Scanner) giveUp(ctx context.Context, t task) (task, error) {
	err := s.gmp.with(ctx, func(in *session) error { return in.do(ctx, "stop_task", command{TaskID: t.ID}) })
	if err != nil {
		return t, fmt.Errorf("stop a scan that takes too long: %w", err)
	}
	t.Status = statusTimedOut
	return t, nil
}

// rereads is how often a report without any reference is fetched again: gvmd makes such ones while it loads its feed.
const rereads = 3

// conclude reads the report of a scan that is done. It is done only if the report says so as well.
func (s *Scanner) conclude(ctx context.Context, j job, out activities.ScanReport) (activities.ScanReport, error) {
	var r report
	for again := 0; ; again++ {
		err := s.gmp.with(ctx, func(in *session) (err error) {
			r, err = in.report(ctx, out.ReportID, out.Asset, j.address, s.config.MinQoD)
			return err
		})
		if err != nil {
			return out, err
		}
		if !r.unreferred() || again >= rereads {
			break
		}
		if err := wait(ctx, s.config.Poll); err != nil {
			return out, err
		}
	}
	out.Vulnerabilities, out.Truncated = r.vulnerabilities()
	out.Alive = r.answered
	out.Done = r.status == statusDone && !r.unreferred()
	if r.unreferred() {
		out.Status = "Done, but its report names no reference at all: is the feed loaded?"
	}
	return out, nil
}

// sweep removes scans of ours that ended before the config's Keep, a few at a time. What it can't remove stays.
func (s *Scanner) sweep(ctx context.Context) {
	if s.config.Keep == 0 {
		return
	}
	err := s.gmp.with(ctx, func(in *session) error {
		old, err := in.listTasks(ctx, `name~"sallyport-" sort=created rows=50`)
		if err != nil {
			return err
		}
		for _, t := range old {
			if err := in.remove(ctx, t, time.Now().Add(-s.config.Keep)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		slog.WarnContext(ctx, "old scans stay in GVM", "error", err)
	}
}

// remove deletes a task of ours that ended before then, and its target. gvmd refuses a target that is in use.
func (s *session) remove(ctx context.Context, t task, then time.Time) error {
	ended, err := time.Parse(time.RFC3339, t.Last.Ended)
	if err != nil || !t.final() || ended.After(then) || !strings.HasPrefix(t.Name, "sallyport-") || t.Comment != mark {
		return nil
	}
	if err := s.do(ctx, "delete_task", command{TaskID: t.ID, Ultimate: "1"}); err != nil {
		return err
	}
	return s.do(ctx, "delete_target", command{TargetID: t.Target.ID, Ultimate: "1"})
}

// Check asks for what the step Scan needs, changing nothing, and returns one line on what it met; the error says what
// is wrong and how to mend it.
func (s *Scanner) Check(ctx context.Context) (found string, err error) {
	err = s.gmp.with(ctx, func(in *session) error {
		version, err := in.version(ctx)
		if err != nil {
			return err
		}
		for kind, wanted := range map[string]string{"config": s.config.ScanConfig, "port_list": s.config.PortList, "scanner": s.config.Scanner} {
			if _, err := in.resolve(ctx, kind, wanted); err != nil {
				return err
			}
		}
		found = "GMP " + version
		return nil
	})
	return found, err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func permanent(err error) bool {
	var marked interface{ Permanent() bool }
	return errors.As(err, &marked) && marked.Permanent()
}
