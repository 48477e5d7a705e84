// Package gvm scans one asset with GVM (Greenbone) over GMP and reads the report.
//
// gvmd starts a scan again whenever it is asked to, so a scan is known by its name, made from incident, purpose,
// asset and action: an attempt that finds a task of that name follows it, and starts it only while gvmd says New.
package gvm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Scanner carries out the step Scan.
type Scanner struct {
	gmp    client
	config Config
	door   chan struct{} // holds one: attempts settle one after the other, so the second finds what the first made
}

// job is one scan: its name on gvmd, what it scans and until when.
type job struct {
	name    string
	asset   soar.Asset
	address netip.Addr
	until   time.Time
}

// defaultTimeout is for requests that name none. A full scan of one host takes up to an hour.
const defaultTimeout = 4 * time.Hour

// Scan scans exactly one address and waits until gvmd says that the scan has ended. A scan that takes longer than the
// request's timeout is stopped; its report then has status "Timed out" and proves nothing.
func (s *Scanner) Scan(ctx context.Context, req activities.ScanRequest) (activities.ScanReport, error) {
	j, err := newJob(req)
	if err != nil {
		return activities.ScanReport{}, activities.Permanent(fmt.Errorf("gvm: %w", err))
	}
	defer beat(ctx)()
	out := activities.ScanReport{Purpose: req.Purpose, Asset: req.Asset}
	t, err := s.settle(ctx, j)
	if err != nil {
		return out, fmt.Errorf("gvm: prepare scan: %w", err)
	}
	if t, err = s.follow(ctx, j, t); err != nil {
		return out, fmt.Errorf("gvm: follow scan: %w", err)
	}
	out.TaskID, out.Status, out.ReportID = t.ID, t.Status, t.Last.ID
	if t.Status != statusDone {
		return out, nil
	}
	if out, err = s.conclude(ctx, j, out); err != nil {
		return out, fmt.Errorf("gvm: read report: %w", err)
	}
	s.sweep(ctx)
	return out, nil
}

// mark is the comment of what we made on gvmd: whatever lacks it is somebody else's, and stays.
const mark = "made by sallyport"

// plain is what a name on gvmd may hold: names stand in gvmd's filters, which are a language of their own.
var plain = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func newJob(req activities.ScanRequest) (job, error) {
	address, err := netip.ParseAddr(req.Asset.Address)
	if err != nil {
		return job{}, errors.New("the asset's address is no single IP address")
	}
	address = address.Unmap()
	if address.Zone() != "" || address.IsUnspecified() || address.IsMulticast() || address.IsLoopback() {
		return job{}, fmt.Errorf("%s can't be scanned", address)
	}
	if strings.TrimSpace(req.Incident) == "" || strings.TrimSpace(req.Purpose) == "" {
		return job{}, errors.New("the scan has no incident or no purpose")
	}
	if req.Timeout <= 0 {
		req.Timeout = defaultTimeout
	}
	return job{name: jobName(req), asset: req.Asset, address: address, until: time.Now().Add(req.Timeout)}, nil
}

// jobName is the same for each attempt at one scan, and for no other.
func jobName(req activities.ScanRequest) string {
	asset := req.Asset.Name
	if asset == "" {
		asset = req.Asset.Address
	}
	whole := "sallyport-" + req.Incident + "-" + req.Purpose + "-" + asset
	if req.ActionID != "" {
		whole += "-" + req.ActionID
	}
	name := plain.ReplaceAllString(whole, "_")
	if name != whole || len(name) > 120 {
		sum := sha256.Sum256([]byte(whole))
		name = name[:min(len(name), 100)] + "-" + hex.EncodeToString(sum[:6])
	}
	return name
}

// settle finds the job's task or makes it, and starts it if gvmd says that it is new.
func (s *Scanner) settle(ctx context.Context, j job) (t task, err error) {
	select {
	case s.door <- struct{}{}:
		defer func() { <-s.door }()
	case <-ctx.Done():
		return t, ctx.Err()
	}
	err = s.gmp.with(ctx, func(in *session) error {
		found, err := in.tasks(ctx, j.name)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			if err := s.create(ctx, in, j); err != nil {
				return err
			}
			if found, err = in.tasks(ctx, j.name); err != nil {
				return err
			}
		}
		if len(found) == 0 {
			return errors.New("gvmd does not show the task that it made")
		}
		t = found[0]
		return s.begin(ctx, in, j, t)
	})
	return t, err
}

func (s *Scanner) create(ctx context.Context, in *session, j job) error {
	ids := map[string]string{"config": s.config.ScanConfig, "port_list": s.config.PortList, "scanner": s.config.Scanner}
	for kind, wanted := range ids {
		id, err := in.resolve(ctx, kind, wanted)
		if err != nil {
			return err
		}
		ids[kind] = id
	}
	goal, err := in.createTarget(ctx, createTarget{
		Name: j.name, Comment: mark, Hosts: j.address.String(),
		PortList: reference{ids["port_list"]}, AliveTest: s.config.AliveTest,
	})
	if err != nil {
		return err
	}
	return in.ask(ctx, createTask{
		Name: j.name, Comment: mark,
		Config: reference{ids["config"]}, Target: reference{goal.ID}, Scanner: reference{ids["scanner"]},
	}, nil)
}

// begin starts a new task, after a look at what it would scan. An answer that is lost is no error: follow sees in the
// task whether it runs.
func (s *Scanner) begin(ctx context.Context, in *session, j job, t task) error {
	if t.Status != statusNew {
		return nil
	}
	goal, err := in.target(ctx, j.name)
	if err != nil {
		return err
	}
	if goal.ID == "" || goal.ID != t.Target.ID || strings.TrimSpace(goal.Hosts) != j.address.String() {
		return activities.Permanent(errors.New("gvmd's task of our name would scan something else"))
	}
	err = in.do(ctx, "start_task", command{TaskID: t.ID})
	var refused *StatusError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	slog.WarnContext(ctx, "no answer to start_task: looking at the task instead", "task", t.ID, "error", err)
	return nil
}

// beat tells Temporal, until it is stopped, that this attempt is alive. Each exchange with gvmd has its own timeout.
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
