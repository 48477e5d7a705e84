package thehive_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/thehive"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func open(t *testing.T, address string) *thehive.Hive {
	t.Helper()
	return openWith(t, thehive.Config{URL: address}, thehivetest.Key)
}

func openWith(t *testing.T, c thehive.Config, key string) *thehive.Hive {
	t.Helper()
	t.Setenv("SALLYPORT_TEST_THEHIVE_KEY", key)
	c.Key = "env:SALLYPORT_TEST_THEHIVE_KEY"
	hive, err := thehive.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return hive
}

func request(incident string) activities.CaseRequest {
	return activities.CaseRequest{
		Incident: incident, Key: "incident/host/web-01", Title: "SSH brute force on web-01",
		Verdict: soar.Verdict{Score: 80, Severity: 3, Confidence: 1, Reasons: []string{"MISP knows `192.0.2.7`"}},
		Brief: soar.Brief{
			Detections: 3, Level: soar.High, Techniques: []string{"T1110"}, First: time.Unix(1700000000, 0), Last: time.Unix(1700000100, 0),
			Rules:       []soar.Rule{{Title: "ssh brute force", Level: soar.High}},
			Observables: []soar.Observable{{Type: "ip", Value: "192.0.2.7"}, {Type: "ip", Value: "192.0.2.7"}, {Type: "user", Value: "root"}},
		},
		UIBase: "http://127.0.0.1:8233",
	}
}

func note(ref activities.CaseRef, key string) activities.CaseNote {
	return activities.CaseNote{
		Incident: "i1", Case: ref, Key: key, Text: "192.0.2.7 is blocked on pfSense",
		Observables: []soar.Observable{{Type: "ip", Value: "192.0.2.7"}, {Type: "ip", Value: "192.0.2.8"}, {Type: "hash", Value: strings.Repeat("a", 64)}},
	}
}

// insist repeats do as a workflow's retry policy would, until it answers or err is one that no retry can mend.
func insist[T any](t *testing.T, do func() (T, error)) T {
	t.Helper()
	for range 50 {
		out, err := do()
		if err == nil {
			return out
		}
		if permanent(err) {
			t.Fatalf("gave up: %v", err)
		}
	}
	t.Fatal("50 attempts were not enough")
	panic("unreachable")
}

func permanent(err error) bool {
	var mark interface{ Permanent() bool }
	return errors.As(err, &mark) && mark.Permanent()
}

func TestOneIncidentIsOneCaseWhateverBreaks(t *testing.T) {
	for name, wreck := range map[string]func(*thehivetest.Server){
		"nothing breaks":                              func(*thehivetest.Server) {},
		"overloaded for a while":                      func(s *thehivetest.Server) { s.Fail(http.StatusServiceUnavailable, 10, "") },
		"cut before the alert is made":                func(s *thehivetest.Server) { s.CutBefore(2, "POST /api/v1/alert") },
		"cut after the alert was made":                func(s *thehivetest.Server) { s.CutAfter(1, "POST /api/v1/alert") },
		"cut after alert and after case":              func(s *thehivetest.Server) { s.CutAfter(2, "POST /api/v1/alert") },
		"cut after the case was made":                 func(s *thehivetest.Server) { s.CutAfter(1, "POST /api/v1/alert/~") },
		"a proxy's page instead of the answer":        func(s *thehivetest.Server) { s.WrongBody("<html>busy</html>", 2, "POST") },
		"an empty object instead of the answer":       func(s *thehivetest.Server) { s.WrongBody("{}", 2, "POST") },
		"a proxy's page instead of what it looked up": func(s *thehivetest.Server) { s.WrongBody("<html>", 3, "GET") },
	} {
		t.Run(name, func(t *testing.T) {
			server := thehivetest.NewServer(t)
			hive := open(t, server.URL)
			wreck(server)
			first := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
			again := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
			cases := server.Cases()
			if len(cases) != 1 || first != again || first.ID != cases[0].ID || first.Number != 1 {
				t.Errorf("opened %+v, then %+v; TheHive has %+v", first, again, cases)
			}
			if name != "nothing breaks" && server.Met() == 0 {
				t.Error("the fault was never met")
			}
			if want := []string{"ip 192.0.2.7", "other root"}; !slices.Equal(server.Observables(first.ID), want) {
				t.Errorf("observables %q, want %q", server.Observables(first.ID), want)
			}
		})
	}
}

func TestHalfAMinuteOfOverloadIsOutlived(t *testing.T) {
	server := thehivetest.NewServer(t)
	clock := time.Unix(0, 0)
	server.SetClock(func() time.Time { return clock })
	server.FailFor(http.StatusServiceUnavailable, 30*time.Second, "")
	hive := open(t, server.URL)
	attempts := 0
	insist(t, func() (activities.CaseRef, error) {
		clock = clock.Add(4 * time.Second)
		attempts++
		return hive.OpenCase(t.Context(), request("i1"))
	})
	if len(server.Cases()) != 1 || attempts != 8 {
		t.Errorf("%d cases after %d attempts", len(server.Cases()), attempts)
	}
}

func TestTwoEpisodesAreTwoCases(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	long := strings.Repeat("i", 200)
	for _, incident := range []string{"i1", "i2", long + "1", long + "2", "with;semicolon"} {
		for range 2 {
			if _, err := hive.OpenCase(t.Context(), request(incident)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := len(server.Cases()); got != 5 {
		t.Errorf("%d cases, want 5", got)
	}
	if _, err := hive.OpenCase(t.Context(), activities.CaseRequest{}); !permanent(err) {
		t.Errorf("an incident without id: %v", err)
	}
}

func TestNoteIsWrittenOnceWhateverBreaks(t *testing.T) {
	for name, wreck := range map[string]func(*thehivetest.Server){
		"nothing breaks":                func(*thehivetest.Server) {},
		"overloaded":                    func(s *thehivetest.Server) { s.Fail(http.StatusServiceUnavailable, 5, "") },
		"cut after the comment":         func(s *thehivetest.Server) { s.CutAfter(1, "POST /api/v1/case") },
		"cut after each write":          func(s *thehivetest.Server) { s.CutAfter(3, "POST /api/v1/case") },
		"a wrong body for what is read": func(s *thehivetest.Server) { s.WrongBody("null", 2, "POST /api/v1/query") },
		"a wrong body for each write":   func(s *thehivetest.Server) { s.WrongBody("{}", 3, "POST /api/v1/case") },
	} {
		t.Run(name, func(t *testing.T) {
			server := thehivetest.NewServer(t)
			hive := open(t, server.URL)
			ref, err := hive.OpenCase(t.Context(), request("i1"))
			if err != nil {
				t.Fatal(err)
			}
			wreck(server)
			for range 2 {
				for _, key := range []string{"blocked", "blocked again"} {
					insist(t, func() (activities.None, error) { return hive.NoteCase(t.Context(), note(ref, key)) })
				}
			}
			if got := server.Comments(ref.ID); len(got) != 2 {
				t.Errorf("comments %q, want one per key", got)
			}
			want := []string{"ip 192.0.2.7", "other root", "ip 192.0.2.8", "hash " + strings.Repeat("a", 64)}
			if got := server.Observables(ref.ID); !slices.Equal(got, want) {
				t.Errorf("observables %q, want %q", got, want)
			}
		})
	}
}

func TestAnalystsCloseIsNotOverwritten(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	ref, err := hive.OpenCase(t.Context(), request("i1"))
	if err != nil {
		t.Fatal(err)
	}
	server.CutAfter(1, "PATCH")
	for _, status := range []string{"TruePositive", "FalsePositive"} {
		insist(t, func() (activities.None, error) {
			return hive.CloseCase(t.Context(), activities.CaseClose{Incident: "i1", Case: ref, Status: status, Summary: "closed as " + status})
		})
	}
	got := server.Cases()[0]
	if got.Stage != "Closed" || got.Status != "TruePositive" || !strings.Contains(got.Summary, "\nclosed as TruePositive\n") {
		t.Errorf("the case is %+v", got)
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	ref, err := hive.OpenCase(t.Context(), request("i1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, foreign := range map[string]activities.CaseRef{
		"no id": {System: thehive.System}, "our own record": {System: "sallyport", ID: ref.ID},
	} {
		if _, err := hive.NoteCase(t.Context(), note(foreign, "k")); !permanent(err) {
			t.Errorf("%s: noted, %v", name, err)
		}
		if _, err := hive.CloseCase(t.Context(), activities.CaseClose{Incident: "i1", Case: foreign, Status: "Other"}); !permanent(err) {
			t.Errorf("%s: closed, %v", name, err)
		}
	}
	for _, status := range []string{"", "New", "Resolved"} {
		if _, err := hive.CloseCase(t.Context(), activities.CaseClose{Incident: "i1", Case: ref, Status: status}); !permanent(err) {
			t.Errorf("status %q: %v", status, err)
		}
	}
	if got := server.Cases()[0]; got.Stage == "Closed" {
		t.Errorf("the case is %+v", got)
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	server := thehivetest.NewServer(t)
	version, err := open(t, server.URL).Check(t.Context())
	if err != nil || !strings.HasPrefix(version, "5.7.3") {
		t.Errorf("version %q, %v", version, err)
	}
	for want, check := range map[string]func(t *testing.T) error{
		"the key is wrong": func(t *testing.T) error {
			_, err := openWith(t, thehive.Config{URL: server.URL}, "no-such-key").Check(t.Context())
			return err
		},
		"read-only": func(t *testing.T) error {
			expired := thehivetest.NewServer(t)
			expired.Expire()
			_, err := open(t, expired.URL).Check(t.Context())
			return err
		},
		"not TheHive's": func(t *testing.T) error {
			other := thehivetest.NewServer(t)
			other.WrongBody(`{"ok":true}`, 1, "")
			_, err := open(t, other.URL).Check(t.Context())
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			if err := check(t); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "no-such-key") {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
}

func TestPinnedCertificateIsTrusted(t *testing.T) {
	server := thehivetest.NewTLSServer(t)
	c := thehive.Config{URL: server.URL, TLS: rest.TLS{SHA256: fingerprint(server.Certificate().Raw)}}
	if _, err := openWith(t, c, thehivetest.Key).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := openWith(t, c, thehivetest.Key).OpenCase(t.Context(), request("i1")); err != nil || len(server.Cases()) != 1 {
		t.Errorf("%d cases, %v", len(server.Cases()), err)
	}
}

func TestConfigSaysAllFaultsAtOnce(t *testing.T) {
	if faults := (thehive.Config{URL: "thehive:9000"}).Validate(); len(faults) != 2 {
		t.Errorf("faults: %v", faults)
	}
	if faults := (thehive.Config{URL: "https://thehive.example.org", Key: config.Secret("env:K")}).Validate(); len(faults) != 0 {
		t.Errorf("faults: %v", faults)
	}
}
