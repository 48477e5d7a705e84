package cortex_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/cortex"
	"github.com/sallyport-soar/sallyport/activities/cortex/cortextest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func open(t *testing.T, c cortex.Config) *cortex.Cortex {
	t.Helper()
	t.Setenv("SALLYPORT_TEST_CORTEX_KEY", cortextest.Key)
	if c.Key == "" {
		c.Key = "env:SALLYPORT_TEST_CORTEX_KEY"
	}
	if len(c.Analyzers) == 0 {
		c.Analyzers = []string{cortextest.VirusTotal, cortextest.AbuseIPDB}
	}
	source, err := cortex.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func about(observables ...soar.Observable) activities.Inquiry {
	return activities.Inquiry{Incident: "i1", Source: cortex.System, Observables: observables}
}

func ip(value string) soar.Observable { return soar.Observable{Type: "ip", Value: value} }

const (
	virusTotal = "cortex/" + cortextest.VirusTotal
	abuseIPDB  = "cortex/" + cortextest.AbuseIPDB
)

// opinions are the readings as "source value": opinion.
func opinions(answer soar.Answer) map[string]soar.Opinion {
	out := map[string]soar.Opinion{}
	for _, r := range answer.Readings {
		out[r.Source+" "+r.About.Value] = r.Opinion
	}
	return out
}

func TestReadingsSayNoMoreThanTheAnalyzersKnow(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetEngines("198.51.100.1", 9, 2, 94)
	server.SetEngines("198.51.100.2", 1, 50, 94)
	server.SetEngines("198.51.100.3", 0, 60, 94) // a busy address: its "resolutions" line says malicious
	server.SetEngines("198.51.100.4", 0, 0, 94)
	server.SetAbuse("198.51.100.1", 100, false)
	server.SetAbuse("198.51.100.2", 40, false)
	server.SetAbuse("198.51.100.3", 100, true)
	server.SetAbuse("198.51.100.4", 0, false)
	source := open(t, cortex.Config{URL: server.URL})
	answer, err := source.Ask(t.Context(), about(ip("198.51.100.1"), ip("198.51.100.2"), ip("198.51.100.3"), ip("198.51.100.4"), ip("198.51.100.5")))
	if err != nil || !answer.Answered || answer.Detail != "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	for what, want := range map[string]soar.Opinion{
		virusTotal + " 198.51.100.1": soar.Malicious, abuseIPDB + " 198.51.100.1": soar.Malicious,
		virusTotal + " 198.51.100.2": soar.Suspicious, abuseIPDB + " 198.51.100.2": soar.Suspicious,
		virusTotal + " 198.51.100.3": soar.Harmless, abuseIPDB + " 198.51.100.3": soar.Harmless,
		virusTotal + " 198.51.100.4": soar.Unknown, abuseIPDB + " 198.51.100.4": soar.Unknown,
		virusTotal + " 198.51.100.5": soar.Unknown, abuseIPDB + " 198.51.100.5": soar.Unknown,
	} {
		if got := opinions(answer)[what]; got != want {
			t.Errorf("%s reads %q, want %q", what, got, want)
		}
	}
	if len(answer.Readings) != 10 {
		t.Errorf("%d readings", len(answer.Readings))
	}
}

func TestOtherAnalyzersAreWeak(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetReport(cortextest.DShield, "198.51.100.1", nil, cortextest.Taxonomy("malicious", "DShield", "Score", "12 count(s)"))
	server.SetReport(cortextest.DShield, "198.51.100.2", nil, cortextest.Taxonomy("safe", "DShield", "Score", "0 count(s)"))
	answer, err := open(t, cortex.Config{URL: server.URL, Analyzers: []string{cortextest.DShield}}).
		Ask(t.Context(), about(ip("198.51.100.1"), ip("198.51.100.2")))
	if err != nil || answer.Readings[0].Opinion != soar.Suspicious || answer.Readings[1].Opinion != soar.Unknown {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestOnlyTheNamedAreAskedAndOnlyAboutStrangers(t *testing.T) {
	server := cortextest.NewServer(t)
	answer, err := open(t, cortex.Config{URL: server.URL, Analyzers: []string{cortextest.VirusTotal}}).Ask(t.Context(), about(
		ip("198.51.100.1"), ip("10.0.0.5"), ip("100.64.3.4"), ip("fe80::1"), ip("::ffff:192.168.1.1"), ip(""), ip("not-an-ip"),
		soar.Observable{Type: "domain", Value: "evil.example.org"}, soar.Observable{Type: "domain", Value: "nas.lan"},
		soar.Observable{Type: "url", Value: "http://user:pw@evil.example.org/"}, soar.Observable{Type: "url", Value: "http://intranet/x"},
		soar.Observable{Type: "user", Value: "alice"}, soar.Observable{Type: "host", Value: "web-01"},
	))
	want := []string{cortextest.VirusTotal + " 198.51.100.1", cortextest.VirusTotal + " evil.example.org"}
	got := server.Asked()
	slices.Sort(got)
	if err != nil || !answer.Answered || !slices.Equal(got, want) || !strings.Contains(answer.Detail, "11 of our own") {
		t.Errorf("asked %q, %+v, %v", got, answer, err)
	}
}

func TestFailuresAreNamedAndSecretsAreNot(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetFailure(cortextest.VirusTotal, "198.51.100.1", "GET https://api/?key=hunter2 failed")
	server.SetFailure(cortextest.VirusTotal, "198.51.100.2", "TLP is higher than allowed.")
	server.SetQuota(cortextest.AbuseIPDB, 0)
	answer, err := open(t, cortex.Config{URL: server.URL}).Ask(t.Context(), about(ip("198.51.100.1"), ip("198.51.100.2")))
	if err != nil || answer.Answered {
		t.Fatalf("%+v, %v: nobody answered", answer, err)
	}
	for _, want := range []string{"failed, see there", "may not see TLP amber", "its quota is used up", virusTotal, abuseIPDB} {
		if !strings.Contains(answer.Detail, want) {
			t.Errorf("detail %q lacks %q", answer.Detail, want)
		}
	}
	for _, r := range answer.Readings {
		if r.Opinion != soar.Unknown || strings.Contains(r.Detail, "hunter2") || strings.Contains(r.Detail, cortextest.InputSecret) {
			t.Errorf("%+v", r)
		}
	}
}

func TestRetryAsksNobodyTwice(t *testing.T) {
	for name, wreck := range map[string]func(*cortextest.Server){
		"overloaded":             func(s *cortextest.Server) { s.Fail(http.StatusServiceUnavailable, 6, "") },
		"cut after the job":      func(s *cortextest.Server) { s.CutAfter(2, "POST /api/analyzer") },
		"cut before the job":     func(s *cortextest.Server) { s.CutBefore(2, "POST /api/analyzer") },
		"a wrong body for a job": func(s *cortextest.Server) { s.WrongBody(`{"id":"x","status":"Success"}`, 2, "POST /api/analyzer") },
		"a wrong body for a report": func(s *cortextest.Server) {
			s.WrongBody(`{"id":"x","status":"Success","report":{"success":true}}`, 2, "GET /api/job")
		},
		"no list of analyzers": func(s *cortextest.Server) { s.WrongBody(`null`, 1, "GET /api/analyzer") },
	} {
		t.Run(name, func(t *testing.T) {
			server := cortextest.NewServer(t)
			server.SetEngines("198.51.100.1", 20, 0, 94)
			server.SetAbuse("198.51.100.1", 80, false)
			source := open(t, cortex.Config{URL: server.URL})
			wreck(server)
			var answer soar.Answer
			err := errors.New("not asked")
			for tries := 0; err != nil && tries < 20; tries++ {
				answer, err = source.Ask(t.Context(), about(ip("198.51.100.1")))
				if err != nil && answer.Answered {
					t.Error("an error that calls itself answered")
				}
			}
			got := opinions(answer)
			if err != nil || got[virusTotal+" 198.51.100.1"] != soar.Malicious || got[abuseIPDB+" 198.51.100.1"] != soar.Malicious {
				t.Errorf("%+v, %v", answer, err)
			}
			if server.Met() == 0 || len(server.Asked()) != 2 {
				t.Errorf("%d faults met, jobs %q", server.Met(), server.Asked())
			}
		})
	}
}

func TestAJobThatNeverEndsDoesNotHoldTheChain(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetDuration(time.Hour)
	answer, err := open(t, cortex.Config{URL: server.URL, Patience: 2 * time.Second}).Ask(t.Context(), about(ip("198.51.100.1")))
	if err != nil || answer.Answered || !strings.Contains(answer.Detail, "no answer in time") {
		t.Errorf("%+v, %v", answer, err)
	}
	for _, r := range answer.Readings {
		if r.Opinion != soar.Unknown {
			t.Errorf("%+v", r)
		}
	}
}

func TestAskAsAnActivity(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetEngines("198.51.100.1", 20, 0, 94)
	source := open(t, cortex.Config{URL: server.URL})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	activities.Bind(env, activities.AskSource, source.Ask)
	value, err := env.ExecuteActivity(activities.AskSource.Name, about(ip("198.51.100.1")))
	if err != nil {
		t.Fatal(err)
	}
	var answer soar.Answer
	if err := value.Get(&answer); err != nil || opinions(answer)[virusTotal+" 198.51.100.1"] != soar.Malicious {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestLastAttemptKeepsWhatWasLearned runs Ask as a workflow does: three attempts, while one analyzer is out of reach.
func TestLastAttemptKeepsWhatWasLearned(t *testing.T) {
	server := cortextest.NewServer(t)
	server.SetEngines("198.51.100.1", 20, 0, 94)
	server.Fail(http.StatusServiceUnavailable, 1000, "POST /api/analyzer/"+cortextest.WorkerID(cortextest.AbuseIPDB))
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	activities.Bind(env, activities.AskSource, open(t, cortex.Config{URL: server.URL}).Ask)
	env.ExecuteWorkflow(func(ctx workflow.Context) (answer soar.Answer, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
		})
		err = workflow.ExecuteActivity(ctx, activities.AskSource.Name, about(ip("198.51.100.1"))).Get(ctx, &answer)
		return answer, err
	})
	var answer soar.Answer
	if err := env.GetWorkflowResult(&answer); err != nil {
		t.Fatal(err)
	}
	if !answer.Answered || opinions(answer)[virusTotal+" 198.51.100.1"] != soar.Malicious || !strings.Contains(answer.Detail, abuseIPDB) || server.Met() != 3 {
		t.Errorf("%d attempts met the fault, %+v", server.Met(), answer)
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	server := cortextest.NewServer(t)
	if version, err := open(t, cortex.Config{URL: server.URL}).Check(t.Context()); err != nil || version != "4.1.0-1" {
		t.Errorf("version %q, %v", version, err)
	}
	t.Setenv("SALLYPORT_TEST_WRONG_KEY", "no-such-key")
	broken := cortextest.NewServer(t)
	broken.WrongBody("<html>", 1, "")
	for want, c := range map[string]cortex.Config{
		"the key is wrong":     {URL: server.URL, Key: "env:SALLYPORT_TEST_WRONG_KEY"},
		"enabled: VirusTotal_": {URL: server.URL, Analyzers: []string{"Misspelt_1_0"}},
		"not":                  {URL: broken.URL},
	} {
		if _, err := open(t, c).Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "no-such-key") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestConfigSaysAllFaultsAtOnce(t *testing.T) {
	if faults := (cortex.Config{URL: "cortex", Patience: -1}).Validate(); len(faults) != 4 {
		t.Errorf("faults: %v", faults)
	}
	if faults := (cortex.Config{URL: "http://127.0.0.1:9001", Key: "env:K", Analyzers: []string{"x"}}).Validate(); len(faults) != 0 {
		t.Errorf("faults: %v", faults)
	}
}
