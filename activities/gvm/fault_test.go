package gvm_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
)

// persist asks again as a workflow does, while the error says that it may help.
func persist(t *testing.T, scanner *gvm.Scanner, req activities.ScanRequest) (report activities.ScanReport, err error) {
	t.Helper()
	for range 20 {
		report, err = scanner.Scan(t.Context(), req)
		var mark interface{ Permanent() bool }
		if err == nil || (errors.As(err, &mark) && mark.Permanent()) {
			return report, err
		}
	}
	return report, err
}

func TestEachFaultEndsInOneScan(t *testing.T) {
	for name, fault := range map[string]gvmtest.Fault{
		"the answer to start_task is lost":    {Command: "start_task", CutAfter: true},
		"start_task never arrives":            {Command: "start_task", CutBefore: true},
		"start_task is answered by no GMP":    {Command: "start_task", WrongBody: true},
		"start_task meets 503":                {Command: "start_task", Status: 503},
		"the answer to create_target is lost": {Command: "create_target", CutAfter: true},
		"the answer to create_task is lost":   {Command: "create_task", CutAfter: true},
		"create_task is answered by no GMP":   {Command: "create_task", WrongBody: true},
		"get_tasks meets 503 for a while":     {Command: "get_tasks", Status: 503, Times: 12},
		"the report breaks off":               {Command: "get_reports", HalfBody: true},
		"the report is no GMP":                {Command: "get_reports", WrongBody: true},
		"log-in meets 503 for a while":        {Command: "authenticate", Status: 503, Times: 12},
		"the first three answers are cut off": {Delay: time.Millisecond, CutAfter: true, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := gvmtest.NewServer(t, newNetwork().look)
			s.Inject(fault)
			report, err := persist(t, open(t, s), exposure())
			if err != nil || !report.Done || len(report.Vulnerabilities) != 3 {
				t.Errorf("got %+v, %v; want the three vulnerabilities", report, err)
			}
			if len(s.Scans()) != 1 || s.Count("task") != 1 || s.Count("target") != 1 {
				t.Errorf("%d scans of %d tasks on %d targets; want one of each", len(s.Scans()), s.Count("task"), s.Count("target"))
			}
		})
	}
}

func TestTwoAttemptsAtOnceFollowOneScan(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s)
	var reports [2]activities.ScanReport
	var errs [2]error
	var both sync.WaitGroup
	for i := range reports {
		both.Go(func() { reports[i], errs[i] = scanner.Scan(t.Context(), exposure()) })
	}
	both.Wait()
	if errors.Join(errs[:]...) != nil || reports[0].TaskID != reports[1].TaskID || len(s.Scans()) != 1 {
		t.Errorf("attempts followed %q and %q in %d scans, %v", reports[0].TaskID, reports[1].TaskID, len(s.Scans()), errs)
	}
}
