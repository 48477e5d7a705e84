package gvm_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

func TestScanFindsWhatIsThereAndProvesThatItIsGone(t *testing.T) {
	hosts := newNetwork()
	s := gvmtest.NewServer(t, hosts.look)
	scanner := open(t, s)
	before, err := scanner.Scan(t.Context(), exposure())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"CVE-2011-2523", "CVE-2021-41773", "CVE-2021-42013"}; !slices.Equal(cves(before), want) || !before.Done || !before.Alive {
		t.Errorf("scan found %v, done %v, alive %v; want %v, the worst first and no guess", cves(before), before.Done, before.Alive, want)
	}
	if worst := before.Vulnerabilities[0]; worst.Severity != "Critical" || worst.Score != 9.8 || worst.Port != "21/tcp" || worst.Source != "gvm" || worst.Asset != web {
		t.Errorf("worst is %+v", worst)
	}
	hosts.set(web.Address, gvmtest.Host{Ports: []string{"21/tcp", "80/tcp"}})
	proof := exposure()
	proof.Purpose = "proof"
	after, err := scanner.Scan(t.Context(), proof)
	if err != nil || !after.Done || !after.Alive || len(after.Vulnerabilities) != 0 {
		t.Errorf("proof is %+v, %v; want a live host without vulnerabilities", after, err)
	}
	if after.ReportID == before.ReportID || len(s.Scans()) != 2 {
		t.Errorf("the proof is the old report, or there are %d scans", len(s.Scans()))
	}
}

func TestScanOverGVMsSocket(t *testing.T) {
	s, err := gvmtest.Start(t.Context(), filepath.Join(t.TempDir(), "gvmd.sock"), newNetwork().look)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	report, err := open(t, s).Scan(t.Context(), exposure())
	if err != nil || !report.Done || len(report.Vulnerabilities) != 3 {
		t.Errorf("got %+v, %v", report, err)
	}
}

// TestScanTellsThatItIsAlive: without heartbeats Temporal would begin a second attempt beside a scan of an hour.
func TestScanTellsThatItIsAlive(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	beats := make(chan string, 100)
	env.SetOnActivityHeartbeatListener(func(info *activity.Info, _ converter.EncodedValues) { beats <- info.ActivityType.Name })
	activities.Bind(env, activities.Scan, open(t, s).Scan)
	if _, err := env.ExecuteActivity(activities.Scan.Name, exposure()); err != nil {
		t.Fatal(err)
	}
	select {
	case name := <-beats:
		if name != activities.Scan.Name {
			t.Errorf("heartbeat of %s", name)
		}
	case <-time.After(time.Minute):
		t.Error("no heartbeat")
	}
}

func TestDeadHostProvesNothing(t *testing.T) {
	s := gvmtest.NewServer(t, func(string) gvmtest.Host { return gvmtest.Host{} })
	report, err := open(t, s).Scan(t.Context(), exposure())
	if err != nil || report.Alive {
		t.Errorf("a host that answers nothing is alive %v, %v", report.Alive, err)
	}
}

func TestLaterAttemptFollowsTheEarlierOne(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	s.SetPace(300 * time.Millisecond)
	scanner := open(t, s)
	killed, kill := context.WithCancel(t.Context())
	go func() {
		for len(s.Scans()) == 0 && t.Context().Err() == nil {
			runtime.Gosched()
		}
		kill()
	}()
	if _, err := scanner.Scan(killed, exposure()); !errors.Is(err, context.Canceled) {
		t.Fatalf("first attempt ended with %v, want it cut off", err)
	}
	for range 2 { // the second finds it running, the third finds it done
		report, err := open(t, s).Scan(t.Context(), exposure())
		if err != nil || !report.Done || len(report.Vulnerabilities) != 3 {
			t.Errorf("later attempt got %+v, %v", report, err)
		}
	}
	if scans := s.Scans(); len(scans) != 1 || s.Count("task") != 1 {
		t.Errorf("started %v; want one scan", scans)
	}
}

func TestInterruptedScanIsToldAndNotRepeated(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	s.SetPace(time.Hour)
	scanner := open(t, s)
	go func() {
		for len(s.Scans()) == 0 && t.Context().Err() == nil {
			s.Interrupt()
		}
		s.Interrupt()
	}()
	for range 2 {
		report, err := scanner.Scan(t.Context(), exposure())
		if err != nil || report.Done || report.Status != "Interrupted" {
			t.Errorf("got %+v, %v; want interrupted and not done", report, err)
		}
	}
	if len(s.Scans()) != 1 {
		t.Errorf("%d scans, want the interrupted one", len(s.Scans()))
	}
}

func TestScanThatTakesTooLongIsStopped(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	s.SetPace(10 * time.Second)
	req := exposure()
	req.Timeout = 30 * time.Millisecond
	report, err := open(t, s).Scan(t.Context(), req)
	if err != nil || report.Done || report.Status != "Timed out" {
		t.Errorf("got %+v, %v", report, err)
	}
	if scans := s.Scans(); len(scans) != 1 || !strings.HasPrefix(scans[0].Status, "Stop") {
		t.Errorf("GVM has %v, want one scan that was stopped", scans)
	}
}

func TestExactlyOneAddressIsScanned(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s)
	for _, address := range []string{"", " ", "10.0.0.0/8", "10.0.0.1 10.0.0.2", "10.0.0.1,10.0.0.2", "10.0.0.1-9", "web-01", "0.0.0.0", "::", "224.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "fe80::1%eth0"} {
		req := exposure()
		req.Asset.Address = address
		var mark interface{ Permanent() bool }
		if _, err := scanner.Scan(t.Context(), req); !errors.As(err, &mark) || !mark.Permanent() {
			t.Errorf("scanning %q ended with %v, want a permanent error", address, err)
		}
	}
	for _, empty := range []activities.ScanRequest{{Purpose: "proof", Asset: web}, {Incident: "i-1", Asset: web}} {
		if _, err := scanner.Scan(t.Context(), empty); err == nil {
			t.Errorf("a scan without incident or purpose ran: %+v", empty)
		}
	}
	if s.Count("target") != 0 {
		t.Errorf("%d targets were made", s.Count("target"))
	}
}

func TestHostileAssetNameStaysAName(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s)
	for _, name := range []string{`x" or name~"`, "a b", "<start_task/>", strings.Repeat("n", 300), ""} {
		req := exposure()
		req.Asset.Name = name
		if report, err := scanner.Scan(t.Context(), req); err != nil || !report.Done {
			t.Errorf("asset %.20q: %+v, %v", name, report.Status, err)
		}
	}
	if len(s.Scans()) != 5 {
		t.Errorf("%d scans, want one per asset", len(s.Scans()))
	}
}

func TestReportWithoutReferencesProvesNothing(t *testing.T) {
	s := gvmtest.NewServer(t, func(string) gvmtest.Host {
		return gvmtest.Host{Ports: []string{"21/tcp"}, Vulnerabilities: []gvmtest.Vulnerability{{Name: "backdoor", Score: 9.8, Port: "21/tcp"}}}
	})
	report, err := open(t, s).Scan(t.Context(), exposure())
	if err != nil || report.Done {
		t.Errorf("got %+v, %v; want a report that is not done", report, err)
	}
}

func TestLongReportIsCutAndSaysSo(t *testing.T) {
	many := gvmtest.Host{Ports: []string{"80/tcp"}}
	for i := range 300 {
		many.Vulnerabilities = append(many.Vulnerabilities, gvmtest.Vulnerability{Name: "v", CVEs: []string{"CVE-2024-" + string(rune('A'+i/26)) + string(rune('A'+i%26))}, Score: 5, Port: "80/tcp"})
	}
	s := gvmtest.NewServer(t, func(string) gvmtest.Host { return many })
	report, err := open(t, s).Scan(t.Context(), exposure())
	if err != nil || len(report.Vulnerabilities) != 200 || !report.Truncated {
		t.Errorf("%d vulnerabilities, truncated %v, %v", len(report.Vulnerabilities), report.Truncated, err)
	}
}

func TestOldScansOfOursAreRemoved(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s, func(c *gvm.Config) { c.Keep = time.Nanosecond })
	for _, incident := range []string{"i-1", "i-2"} {
		req := exposure()
		req.Incident = incident
		if _, err := scanner.Scan(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if s.Count("task") > 1 || s.Count("target") != s.Count("task") {
		t.Errorf("%d tasks and %d targets stay", s.Count("task"), s.Count("target"))
	}
}

// A scan that bears another comment than ours is somebody else's, whatever its name.
func TestScansOfOthersStay(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s, func(c *gvm.Config) { c.Keep = time.Hour })
	if _, err := scanner.Scan(t.Context(), exposure()); err != nil {
		t.Fatal(err)
	}
	s.SetComment(s.Scans()[0].Task, "kept for the auditors")
	scanner = open(t, s, func(c *gvm.Config) { c.Keep = time.Nanosecond })
	req := exposure()
	req.Incident = "i-2"
	if _, err := scanner.Scan(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if n := s.Count("task"); n < 1 || s.Scans()[0].Task == "" || s.Count("target") != n {
		t.Errorf("%d tasks, %d targets, scans %+v", n, s.Count("target"), s.Scans())
	}
}

// Each proof is about one effect: a second one of the same host does not get the first one's report.
func TestEachProofIsAScanOfItsOwn(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	scanner := open(t, s)
	for _, action := range []string{"a-1", "a-2", "a-2"} {
		req := exposure()
		req.Purpose, req.ActionID = "proof", action
		if _, err := scanner.Scan(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.Scans()); got != 2 {
		t.Errorf("%d scans for two effects", got)
	}
}

func TestWrongPasswordAndForeignCertificateAreTold(t *testing.T) {
	s := gvmtest.NewServer(t, newNetwork().look)
	t.Setenv("WRONG", "wrong-password")
	_, err := open(t, s, func(c *gvm.Config) { c.Password = "env:WRONG" }).Scan(t.Context(), exposure())
	var mark interface{ Permanent() bool }
	if !errors.As(err, &mark) || !mark.Permanent() || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("wrong password ended with %v, want a permanent error without the secret", err)
	}
	for name, trust := range map[string]rest.TLS{"unknown CA": {}, "another pin": {SHA256: strings.Repeat("ab", 32)}} {
		_, err := open(t, s, func(c *gvm.Config) { c.TLS = trust }).Check(t.Context())
		if !strings.Contains(rest.Mend(err, "gvm"), "gvm.tls.sha256") {
			t.Errorf("%s: %v has no mend", name, err)
		}
	}
	if found, err := open(t, s).Check(t.Context()); err != nil || found != "GMP 22.7" {
		t.Errorf("check found %q, %v", found, err)
	}
	if _, err := open(t, s, func(c *gvm.Config) { c.ScanConfig = "Full and slow" }).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "Full and slow") {
		t.Errorf("a scan config that is not there: %v", err)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := gvm.Config{Address: "gvm.example.org:9390", User: "u", Password: "env:X"}
	for name, c := range map[string]struct {
		change func(*gvm.Config)
		fields []string
	}{
		"good":       {func(*gvm.Config) {}, nil},
		"socket":     {func(c *gvm.Config) { c.Address = "/run/gvmd/gvmd.sock" }, nil},
		"no port":    {func(c *gvm.Config) { c.Address = "gvm.example.org" }, []string{"address"}},
		"empty":      {func(c *gvm.Config) { *c = gvm.Config{} }, []string{"address", "user", "password"}},
		"percentage": {func(c *gvm.Config) { c.MinQoD = 101 }, []string{"min_qod"}},
		"negative":   {func(c *gvm.Config) { c.Poll = -1 }, []string{"poll"}},
	} {
		given := good
		c.change(&given)
		var fields []string
		for _, fault := range given.Validate() {
			fields = append(fields, fault.Field)
		}
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%s: faults of %v, want %v", name, fields, c.fields)
		}
	}
	var _ config.Validator = good
}
