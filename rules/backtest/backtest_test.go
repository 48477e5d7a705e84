package backtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/backtest"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

var update = flag.Bool("update", false, "write the golden files")

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func setup() backtest.Setup {
	return backtest.Setup{
		Stream: "wazuh", Index: "wazuh-alerts-*", TimeField: "timestamp", From: monday, To: monday.Add(14 * 24 * time.Hour), Quiet: 24 * time.Hour, Longest: 7 * 24 * time.Hour,
		Rules: []soar.Rule{brute, scan, quiet}, Caps: map[string]backtest.Cap{soar.BlockAddress: {Actions: 2, Window: time.Hour}},
	}
}

var (
	brute = soar.Rule{ID: "brute", Title: "Brute force <script>alert(1)</script>", Level: soar.High, Version: "1"}
	scan  = soar.Rule{ID: "scan", Title: "A scan", Level: soar.Low, Version: "1"}
	quiet = soar.Rule{ID: "quiet", Title: "Never seen", Level: soar.Critical, Version: "1"}
)

// on is a detection on a host, that long after Monday began.
func on(rule soar.Rule, host string, after time.Duration, more ...func(*soar.Detection)) soar.Detection {
	d := soar.Detection{
		Rule: rule, Entity: soar.Entity{Family: "host", Name: host}, EventTime: monday.Add(after), Summary: "seen \u202e<b>" + host,
		Event: soar.EventRef{Index: "wazuh-alerts-1", ID: fmt.Sprint(after)}, Observables: []soar.Observable{{Type: "ip", Value: "203.0.113.66"}},
	}
	for _, change := range more {
		change(&d)
	}
	return d
}

func late(d *soar.Detection)  { d.Late = true }
func opens(d *soar.Detection) { d.Opens = true }
func feeds(d *soar.Detection) { d.OnlyFeeds = true }
func known(d *soar.Detection) { d.SuppressedBy = "known <b>" }

// run tells a backtest of detections, one event each.
func run(s backtest.Setup, detections ...soar.Detection) backtest.Result {
	test := backtest.New(s)
	for _, d := range detections {
		test.Add(d.EventTime, []soar.Detection{d}, nil)
	}
	return test.Result()
}

const hour = time.Hour

// TestIncidents are those that the dispatcher and the incident's own clock would have made.
func TestIncidents(t *testing.T) {
	for name, tt := range map[string]struct {
		detections []soar.Detection
		want       string // entity#episode detections ended, of each
		alone      int
	}{
		"high opens, low joins":             {[]soar.Detection{on(brute, "a", 0), on(scan, "a", hour)}, "host/a#1 2 quiet", 0},
		"low opens nothing":                 {[]soar.Detection{on(scan, "a", 0), on(brute, "a", hour)}, "host/a#1 1 quiet", 1},
		"a rule may say that it opens":      {[]soar.Detection{on(scan, "a", 0, opens)}, "host/a#1 1 quiet", 0},
		"late opens nothing":                {[]soar.Detection{on(brute, "a", 0, late)}, "", 1},
		"late joins":                        {[]soar.Detection{on(brute, "a", 0), on(brute, "a", hour, late)}, "host/a#1 2 quiet", 0},
		"spelling makes no incident":        {[]soar.Detection{on(brute, "a", 0), on(brute, " A ", hour)}, "host/a#1 2 quiet", 0},
		"each entity its own":               {[]soar.Detection{on(brute, "a", 0), on(brute, "b", hour)}, "host/a#1 1 quiet, host/b#1 1 quiet", 0},
		"just before quiet it is the same":  {[]soar.Detection{on(brute, "a", 0), on(brute, "a", 24*hour-1)}, "host/a#1 2 quiet", 0},
		"after quiet another one":           {[]soar.Detection{on(brute, "a", 0), on(brute, "a", 24*hour)}, "host/a#1 1 quiet, host/a#2 1 quiet", 0},
		"low after quiet is alone":          {[]soar.Detection{on(brute, "a", 0), on(scan, "a", 25*hour)}, "host/a#1 1 quiet", 1},
		"what joins keeps it open":          {[]soar.Detection{on(brute, "a", 0), on(scan, "a", 20*hour), on(brute, "a", 40*hour)}, "host/a#1 3 quiet", 0},
		"the window's end leaves it open":   {[]soar.Detection{on(brute, "a", 14*24*hour-1)}, "host/a#1 1 open", 0},
		"no episode is older than a week":   {everyTwelve("a", 15), "host/a#1 14 age, host/a#2 1 quiet", 0},
		"an account is no host of the name": {[]soar.Detection{on(brute, "a", 0), on(brute, "a", hour, func(d *soar.Detection) { d.Entity.Family = "account" })}, "host/a#1 1 quiet, account/a#1 1 quiet", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(setup(), tt.detections...)
			var got []string
			for _, i := range r.Incidents.List {
				ended := i.EndedBy
				if i.Ended == nil {
					ended = "open"
				}
				got = append(got, fmt.Sprintf("%s#%d %d %s", i.Entity, i.Episode, i.Detections, ended))
			}
			if text := strings.Join(got, ", "); text != tt.want || r.Incidents.Alone != tt.alone {
				t.Errorf("%s, %d alone; want %s, %d", text, r.Incidents.Alone, tt.want, tt.alone)
			}
			if r.Incidents.Opened+r.Incidents.Joined+r.Incidents.Alone != len(tt.detections) {
				t.Errorf("%+v of %d detections", r.Incidents, len(tt.detections))
			}
		})
	}
}

func everyTwelve(host string, n int) (all []soar.Detection) {
	for i := range n {
		all = append(all, on(brute, host, time.Duration(i)*12*hour))
	}
	return all
}

// TestWhatNobodyHearsOf: matches that only feed correlations and what is suppressed are counted, each in its place, and
// neither opens nor joins an incident. What opens one comes before what joins it in the same event.
func TestWhatNobodyHearsOf(t *testing.T) {
	test := backtest.New(setup())
	test.Add(monday, []soar.Detection{on(brute, "a", 0, known), on(scan, "a", 0, feeds), on(scan, "a", 0, feeds, known)}, nil)
	test.Add(monday.Add(hour), []soar.Detection{on(scan, "b", hour), on(brute, "b", hour, func(d *soar.Detection) { d.Reasons = []string{"risk 101.0", "30.0 by x (3)"} })}, nil)
	test.Add(monday.Add(2*hour), []soar.Detection{on(brute, "b", 2*hour, known), on(brute, "b", 2*hour, feeds)}, nil)
	test.Correlated(map[string]correlate.Counts{"brute": {Silent: 4, Evicted: 5}, "unheard of": {Silent: 1}})
	r := test.Result()
	var got []string
	for _, of := range r.Rules {
		got = append(got, fmt.Sprintf("%s %d detections %d matches %d suppressed %v, %d silent %d evicted, opened %d joined %d alone %d",
			of.ID, of.Detections, of.Matches, of.Suppressed, of.SuppressedBy, of.Silent, of.Evicted, of.Opened, of.Joined, of.Alone))
	}
	want := "brute 1 detections 1 matches 2 suppressed [{known <b> 2}], 4 silent 5 evicted, opened 1 joined 0 alone 0; " +
		"scan 1 detections 1 matches 1 suppressed [{known <b> 1}], 0 silent 0 evicted, opened 0 joined 1 alone 0"
	if text := strings.Join(got, "; "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if i := r.Incidents; i.Opened != 1 || i.Joined != 1 || len(i.List) != 1 || i.List[0].Detections != 2 || strings.Join(i.List[0].Reasons, "; ") != "risk 101.0; 30.0 by x (3)" {
		t.Errorf("%+v", i)
	}
}

// TestComparison counts by event, so that as many on both sides are not taken for the same.
func TestComparison(t *testing.T) {
	s := setup()
	changed, gone := scan, soar.Rule{ID: "gone", Title: "Gone", Level: soar.Medium}
	changed.Version = "0"
	s.Compared, s.InUse = true, []soar.Rule{brute, changed, gone}
	test := backtest.New(s)
	test.Add(monday, []soar.Detection{on(brute, "a", 0), on(scan, "a", 0)}, []soar.Detection{on(brute, "a", 0)})
	test.Add(monday.Add(hour), []soar.Detection{on(brute, "a", hour)}, []soar.Detection{on(brute, "a", hour), on(scan, "a", hour), on(gone, "a", hour)})
	var got []string
	for _, r := range test.Result().Rules {
		got = append(got, fmt.Sprintf("%s %s %d in use %d +%d -%d", r.ID, r.Status, r.Detections, r.InUse, r.Added, r.Gone))
	}
	want := "brute same 2 in use 2 +0 -0, scan changed 1 in use 1 +1 -1, gone gone 0 in use 1 +0 -1, quiet new 0 in use 0 +0 -0"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// TestProposals: plans are asked when an incident opens and at news that matters, with what was planned before; the cap
// counts over all incidents.
func TestProposals(t *testing.T) {
	s := setup()
	var asked []string
	s.Propose = func(q backtest.Question) (backtest.Proposal, error) {
		asked = append(asked, fmt.Sprintf("%s r%d %d detections, %d earlier", q.Entity, q.Revision, q.Brief.Detections, len(q.Earlier)))
		a := soar.Action{Kind: soar.BlockAddress, System: "pfsense", Target: "203.0.113.66"}
		return backtest.Proposal{
			Score: 40, Severity: "medium", Plan: "p", Planned: []soar.Action{a},
			Actions: []backtest.Action{{Kind: a.Kind, System: a.System, Target: a.Target, Mode: soar.Ask, UpTo: soar.Auto}},
		}, nil
	}
	r := run(s, on(brute, "a", 0), on(brute, "a", time.Minute),
		on(scan, "a", 2*time.Minute, func(d *soar.Detection) { d.Tactics = []string{"discovery"} }), on(brute, "b", 3*time.Minute), on(brute, "c", 2*hour))
	want := "host/a r0 1 detections, 0 earlier; host/a r1 3 detections, 1 earlier; host/b r0 1 detections, 0 earlier; host/c r0 1 detections, 0 earlier"
	if text := strings.Join(asked, "; "); text != want {
		t.Errorf("asked %s\nwant  %s", text, want)
	}
	if len(r.Actions) != 1 || r.Actions[0].Actions != 4 || r.Actions[0].OverCap != 1 || r.Actions[0].Targets != 1 {
		t.Errorf("%+v", r.Actions)
	}
	if i := r.Incidents.List[1]; i.Score != 40 || i.Plan != "p" || len(i.Actions) != 1 || !i.Actions[0].OverCap {
		t.Errorf("%+v", i)
	}
	s.Propose = func(backtest.Question) (backtest.Proposal, error) {
		return backtest.Proposal{}, errors.New("plans/x.yaml:1")
	}
	if r := run(s, on(brute, "a", 0), on(brute, "b", 0)); len(r.Partial) != 1 || r.Partial[0] != "plans: plans/x.yaml:1" || r.Incidents.Opened != 2 {
		t.Errorf("%+v", r)
	}
}

// TestBounds: what is kept does not grow with what is read, and what is not kept is counted.
func TestBounds(t *testing.T) {
	test := backtest.New(setup())
	const hosts = 12_000
	for i := range hosts {
		at := time.Duration(i) * time.Second
		test.Add(monday.Add(at), []soar.Detection{on(brute, fmt.Sprint("h", i), at)}, nil)
		if i%2 == 0 {
			test.Unreadable(fmt.Sprint("x/", i))
		}
	}
	r := test.Result()
	rule := r.Rules[0]
	if rule.Detections != hosts || rule.Entities != 1000 || !rule.MoreEntities || len(rule.Samples) != 3 || len(rule.Most) != 10 {
		t.Errorf("%d detections, %d entities, %d samples", rule.Detections, rule.Entities, len(rule.Samples))
	}
	if r.Incidents.Opened != 10_000 || r.Incidents.Unfollowed != 2000 || len(r.Incidents.List) != 10_000 {
		t.Errorf("%d opened, %d not followed", r.Incidents.Opened, r.Incidents.Unfollowed)
	}
	if r.Unreadable != hosts/2 || len(r.Broken) != 10 || r.Evaluated != hosts+hosts/2 {
		t.Errorf("%d unreadable, %d named", r.Unreadable, len(r.Broken))
	}
}

// golden is a fortnight with something of everything.
func golden(t *testing.T) backtest.Result {
	t.Helper()
	s := setup()
	s.Compared, s.InUse = true, []soar.Rule{brute, scan}
	s.Propose = func(q backtest.Question) (backtest.Proposal, error) {
		a := backtest.Action{Kind: soar.BlockAddress, System: "pfsense", Target: "203.0.113.66", For: hour, Mode: soar.Ask, UpTo: soar.Auto, Reason: "it attacks <us>"}
		if q.Entity.Name == "gateway" {
			a.Protected = "192.0.2.1 is protected: configured"
		}
		return backtest.Proposal{Score: 40, Severity: "medium", Plan: "attacked-host", Actions: []backtest.Action{a}}, nil
	}
	test := backtest.New(s)
	for i := range 30 {
		at := time.Duration(i) * 9 * hour
		found := []soar.Detection{on(scan, fmt.Sprint("web-", i%3), at)}
		if i%4 == 0 {
			found = append(found, on(brute, []string{"gateway", "web-0", "<img src=x>"}[i/4%3], at))
		}
		test.Add(monday.Add(at), found, found[:1])
	}
	at := 13 * 24 * hour
	risk := soar.Rule{ID: "sallyport-risk", Title: "Many weak signs together", Level: soar.High}
	test.Add(monday.Add(at), []soar.Detection{on(scan, "web-1", at, known), on(brute, "web-1", at, feeds), on(risk, "web-1", at, func(d *soar.Detection) {
		d.Reasons = []string{"risk 101.0", "30.0 by scan <b> (9)"}
	})}, nil)
	test.Correlated(map[string]correlate.Counts{"sallyport-risk": {Silent: 4, Evicted: 5}})
	test.Unreadable("wazuh-alerts-1/<broken>\u202e")
	test.Faulted("scan")
	r := test.Result()
	r.Documents, r.WithoutTime, r.Refused = 40, 2, []string{"x.yaml:3: unknown key <condtion>"}
	r.Partial = []string{"it was interrupted"}
	return r
}

// TestGolden holds the documented JSON and the page; with -update they are written.
func TestGolden(t *testing.T) {
	r := golden(t)
	var page bytes.Buffer
	if err := r.WritePage(&page); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"result.json": append(text, '\n'), "page.html": page.Bytes()} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as it was (%v): look, then run with -update", file, err)
		}
	}
}

// TestThePageIsWholeAndText: nothing is fetched, nothing runs, and what an event says is no markup.
func TestThePageIsWholeAndText(t *testing.T) {
	var page bytes.Buffer
	if err := golden(t).WritePage(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, never := range []string{"<script", "<img", "<broken", "\u202e", "http://", "https://", "url(", "@import", "<link", " src=", "onload", "ZgotmplZ"} {
		if strings.Contains(strings.ReplaceAll(text, "&lt;img src=x&gt;", ""), never) {
			t.Errorf("the page has %q", never)
		}
	}
	for _, want := range []string{`content="default-src 'none'; style-src 'unsafe-inline'`, "This is partial.", "it was interrupted", "&lt;img src=x&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;", "protected", `class="high"`, "<rect"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}
