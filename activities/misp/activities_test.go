package misp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/misp"
	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func open(t *testing.T, c misp.Config) *misp.MISP {
	t.Helper()
	t.Setenv("SALLYPORT_TEST_MISP_KEY", misptest.Key)
	if c.Key == "" {
		c.Key = "env:SALLYPORT_TEST_MISP_KEY"
	}
	if len(c.Trusted) == 0 {
		c.Trusted = []string{misptest.Org}
	}
	source, err := misp.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func ip(value string) soar.Observable { return soar.Observable{Type: "ip", Value: value} }

func about(observables ...soar.Observable) activities.Inquiry {
	return activities.Inquiry{Incident: "i1", Source: misp.System, Observables: observables}
}

// readings are an answer's, by value.
func readings(answer soar.Answer) map[string]soar.Reading {
	out := map[string]soar.Reading{}
	for _, r := range answer.Readings {
		out[r.About.Value] = r
	}
	return out
}

func permanent(err error) bool {
	var mark interface{ Permanent() bool }
	return errors.As(err, &mark) && mark.Permanent()
}

func TestOnlyAGoodIndicatorIsMalicious(t *testing.T) {
	server := misptest.NewServer(t)
	yes, no := true, false
	for _, one := range []misptest.Indicator{
		{Type: "ip-dst", Value: "203.0.113.1"},
		{Type: "ip-dst", Value: "203.0.113.2", Context: true},
		{Type: "ip-dst", Value: "203.0.113.3", Unpublished: true},
		{Type: "ip-dst", Value: "203.0.113.4", Org: "Somebody"},
		{Type: "ip-dst", Value: "203.0.113.5", Decayed: &yes},
		{Type: "ip-dst", Value: "203.0.113.6", Decayed: &no, Age: 1000 * 24 * time.Hour},
		{Type: "ip-dst", Value: "203.0.113.7", Age: 100 * 24 * time.Hour},
		{Type: "ip-dst|port", Value: "203.0.113.8|4444"},
		{Type: "ip-dst", Value: "203.0.113.80"},
		{Type: "ip-dst", Value: "8.8.8.8"},
		{Type: "ip-dst", Value: "203.0.113.10", Context: true},
		{Type: "ip-dst", Value: "203.0.113.10", Info: "bot\nnet \"x\""},
	} {
		server.Add(one)
	}
	answer, err := open(t, misp.Config{URL: server.URL}).Ask(t.Context(), about(ip("203.0.113.1"), ip("203.0.113.2"), ip("203.0.113.3"),
		ip("203.0.113.4"), ip("203.0.113.5"), ip("203.0.113.6"), ip("203.0.113.7"), ip("203.0.113.8"), ip("203.0.113.9"), ip("8.8.8.8"), ip("203.0.113.10")))
	if err != nil || !answer.Answered || answer.Detail != "" || len(answer.Readings) != 11 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for value, want := range map[string]soar.Opinion{
		"203.0.113.1": soar.Malicious, "203.0.113.2": soar.Unknown, "203.0.113.3": soar.Suspicious, "203.0.113.4": soar.Suspicious,
		"203.0.113.5": soar.Unknown, "203.0.113.6": soar.Malicious, "203.0.113.7": soar.Unknown, "203.0.113.8": soar.Malicious,
		"203.0.113.9": soar.Unknown, "8.8.8.8": soar.Suspicious, "203.0.113.10": soar.Malicious,
	} {
		if got := readings(answer)[value]; got.Opinion != want || got.Source != misp.System || len(got.Detail) > 300 || strings.Contains(got.Detail, "\n") {
			t.Errorf("%s reads %+v, want %s", value, got, want)
		}
	}
	if got := readings(answer)["8.8.8.8"]; !strings.Contains(got.Warninglist, "public DNS") {
		t.Errorf("8.8.8.8 reads %+v", got)
	}
}

func TestWarninglistsAreAskedInTheirOwnSpelling(t *testing.T) {
	server := misptest.NewServer(t)
	answer, err := open(t, misp.Config{URL: server.URL}).Ask(t.Context(), about(
		soar.Observable{Type: "domain", Value: "DNS.Google."}, soar.Observable{Type: "url", Value: "https://8.8.8.8/dns"},
		ip("2001:4860:4860:0000:0000:0000:0000:8888"), ip("10.1.2.3"), ip("203.0.113.1"),
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Readings {
		if listed := r.Warninglist != ""; listed == (r.About.Value == "203.0.113.1") || r.Opinion != soar.Unknown {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatWouldMatchEverythingIsNeverAsked(t *testing.T) {
	server := misptest.NewServer(t)
	server.Add(misptest.Indicator{Type: "domain", Value: "evil.example.org"})
	source := open(t, misp.Config{URL: server.URL})
	answer, err := source.Ask(t.Context(), about(
		ip(""), ip("not-an-ip"), soar.Observable{Type: "domain", Value: "%"}, soar.Observable{Type: "domain", Value: "!x"},
		soar.Observable{Type: "url", Value: "http://x/?a||b"}, soar.Observable{Type: "user", Value: "alice"}, soar.Observable{Type: "hash", Value: " "},
	))
	if err != nil || !answer.Answered || len(answer.Readings) != 0 || !strings.Contains(answer.Detail, "7 not asked") {
		t.Errorf("%+v, %v", answer, err)
	}
	// A server that ignores the filter answers everything: nothing of it is about what was asked.
	server.WrongBody(`{"response":{"Attribute":[{"id":"1","type":"domain","value":"evil.example.org","to_ids":true,"timestamp":"9999999999","Event":{"published":true,"Orgc":{"name":"Sallyport"}}}]}}`, 1, "POST /attributes")
	answer, err = source.Ask(t.Context(), about(ip("203.0.113.1")))
	if err != nil || server.Met() != 1 || answer.Readings[0].Opinion != soar.Unknown {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestHashesAndCase(t *testing.T) {
	server := misptest.NewServer(t)
	sum := strings.Repeat("ab", 32)
	server.Add(misptest.Indicator{Type: "filename|sha256", Value: "dropper.exe|" + sum})
	server.Add(misptest.Indicator{Type: "url", Value: "http://evil.example.org/A?b=1"})
	answer, err := open(t, misp.Config{URL: server.URL, Trusted: []string{"*"}}).Ask(t.Context(), about(
		soar.Observable{Type: "hash", Value: strings.ToUpper(sum)}, soar.Observable{Type: "url", Value: "http://evil.example.org/A?b=1"},
	))
	if err != nil || answer.Readings[0].Opinion != soar.Malicious || answer.Readings[1].Opinion != soar.Malicious {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestNoFaultLooksLikeAnAnswer(t *testing.T) {
	for name, wreck := range map[string]func(*misptest.Server){
		"overloaded":               func(s *misptest.Server) { s.Fail(http.StatusServiceUnavailable, 3, "") },
		"cut before":               func(s *misptest.Server) { s.CutBefore(2, "POST") },
		"cut after":                func(s *misptest.Server) { s.CutAfter(2, "POST") },
		"a proxy's page":           func(s *misptest.Server) { s.WrongBody("<html>", 3, "") },
		"an empty object":          func(s *misptest.Server) { s.WrongBody("{}", 1, "POST /attributes") },
		"a list for an object":     func(s *misptest.Server) { s.WrongBody(`{"response":[]}`, 1, "POST /attributes") },
		"null for warninglists":    func(s *misptest.Server) { s.WrongBody(`{"name":"x"}`, 1, "POST /warninglists") },
		"a limit that was reached": func(s *misptest.Server) { s.SetLimit(0) },
	} {
		t.Run(name, func(t *testing.T) {
			server := misptest.NewServer(t)
			server.Add(misptest.Indicator{Type: "ip-src", Value: "203.0.113.1"})
			source := open(t, misp.Config{URL: server.URL})
			wreck(server)
			answer, err := source.Ask(t.Context(), about(ip("203.0.113.1")))
			if err == nil || answer.Answered || permanent(err) {
				t.Errorf("the fault gave %+v, %v", answer, err)
			}
			for range 5 {
				if answer, err = source.Ask(t.Context(), about(ip("203.0.113.1"))); err == nil {
					break
				}
				server.SetLimit(-1)
			}
			if err != nil || answer.Readings[0].Opinion != soar.Malicious {
				t.Errorf("afterwards %+v, %v", answer, err)
			}
		})
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	server := misptest.NewServer(t)
	if version, err := open(t, misp.Config{URL: server.URL}).Check(t.Context()); err != nil || version != "2.5.1" {
		t.Errorf("version %q, %v", version, err)
	}
	t.Setenv("SALLYPORT_TEST_WRONG_KEY", "no-such-key")
	for want, check := range map[string]struct {
		wreck func(*misptest.Server)
		c     misp.Config
	}{
		"the key is wrong":          {func(*misptest.Server) {}, misp.Config{Key: "env:SALLYPORT_TEST_WRONG_KEY"}},
		"no warninglist is enabled": {func(s *misptest.Server) { s.DisableWarninglists() }, misp.Config{}},
		"the key expires":           {func(s *misptest.Server) { s.SetKeyExpiry(time.Now().Add(24 * time.Hour)) }, misp.Config{}},
		"check misp.url":            {func(s *misptest.Server) { s.Fail(http.StatusFound, 1, "") }, misp.Config{}},
		"is not MISP's":             {func(s *misptest.Server) { s.WrongBody(`[]`, 1, "") }, misp.Config{}},
	} {
		broken := misptest.NewServer(t)
		check.wreck(broken)
		check.c.URL = broken.URL
		if _, err := open(t, check.c).Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "no-such-key") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestConfigSaysAllFaultsAtOnce(t *testing.T) {
	if faults := (misp.Config{URL: "misp", Fresh: -1}).Validate(); len(faults) != 4 {
		t.Errorf("faults: %v", faults)
	}
	if faults := (misp.Config{URL: "https://misp.example.org", Key: "env:K", Trusted: []string{"*"}}).Validate(); len(faults) != 0 {
		t.Errorf("faults: %v", faults)
	}
}
