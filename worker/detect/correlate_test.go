package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// office is a stream of Wazuh's alerts, the rules as they are shipped with some of a test's own over them, and what reads
// and dispatches.
type office struct {
	*bench
	live  *rules.Live
	begun time.Time
	n     int
}

func (b *bench) office(more ...fs.FS) *office {
	b.Helper()
	live, report := rules.NewLive(append([]fs.FS{content.Files}, more...)...)
	if len(report.Refused) > 0 {
		b.Fatal(report.Refused)
	}
	return &office{bench: b, live: live, begun: time.Now().UTC().Add(-5 * time.Minute)}
}

// worker is one that has just started, with the stream that it reads.
func (o *office) worker() (*detect.Detect, detect.Stream) {
	o.Helper()
	log := slog.New(slog.NewTextHandler(o.Output(), nil))
	stream := o.stream(func(s *detect.Stream) { s.Mapping = "wazuh4" })
	d, err := detect.New(detect.Parts{
		Config: detect.Config{Streams: []detect.Stream{stream}}, State: o.client, Signaller: o.signaller, Metrics: o.metrics, Log: log, Rules: o.live, Now: o.now,
		Matcher: func(s detect.Stream) (detect.Matcher, error) { return detect.NewRuleMatcher(o.live, s, o.metrics, log) },
	})
	if err != nil {
		o.Fatal(err)
	}
	return d, stream
}

// start lets a new worker read and dispatch; kill returns when it does neither any more.
func (o *office) start() (kill func()) {
	o.Helper()
	d, stream := o.worker()
	ctx, cancel := context.WithCancel(o.Context())
	var running sync.WaitGroup
	loop := func(term func() error) {
		running.Go(func() {
			for ctx.Err() == nil {
				if err := term(); err != nil {
					o.Log(err)
				}
			}
		})
	}
	loop(func() error {
		_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: stream.Name, Slots: 1, Term: time.Minute})
		return err
	})
	loop(func() error { _, err := d.Dispatch(ctx, activities.DispatchRequest{Term: 2 * time.Second}); return err })
	kill = func() { cancel(); running.Wait() }
	o.Cleanup(kill)
	return kill
}

// login writes an SSH login's alert, a second after the one before.
func (o *office) login(host, address, rule string) {
	o.Helper()
	o.n++
	o.alert(map[string]any{
		"timestamp": o.begun.Add(time.Duration(o.n) * time.Second).Format("2006-01-02T15:04:05.000-0700"), "rule": map[string]any{"id": rule, "level": 5},
		"agent": map[string]any{"id": "004", "name": host}, "data": map[string]any{"srcip": address, "dstuser": "root"},
	})
}

func (o *office) alert(event map[string]any) {
	o.Helper()
	o.until("the alert is written", func() bool {
		_, err := o.client.CreateAll(o.Context(), []opensearch.NewDocument{{Index: o.prefix + "1", ID: fmt.Sprint("alert-", o.n), Doc: event}})
		return err == nil
	})
}

// of are the detections of a rule in the ledger, or among the matches.
func (o *office) of(pattern, rule string) (found []soar.Detection) {
	o.Helper()
	var page opensearch.Result
	o.until("the ledger can be searched", func() bool {
		if o.client.Refresh(o.Context(), pattern) != nil {
			return false
		}
		body := map[string]any{"size": 1000, "query": map[string]any{"term": map[string]any{"rule.id": rule}}, "sort": []any{map[string]any{"event_time": "asc"}}}
		return o.client.Search(o.Context(), pattern, body, &page) == nil
	})
	for _, document := range page.Documents() {
		var d soar.Detection
		if err := json.Unmarshal(document.Source, &d); err != nil {
			o.Fatal(err)
		}
		found = append(found, d)
	}
	return found
}

const allMatches = "sallyport-matches*"

// untilCorrelated waits until the dispatcher has worked on so many matches of a rule and saved its cursor behind them.
func (o *office) untilCorrelated(rule string, n int) {
	o.Helper()
	o.until(fmt.Sprintf("%d matches of %s are correlated", n, rule), func() bool { return len(o.of(allMatches, rule)) == n })
	o.untilSaved(int64(n - 1))
}

// untilSaved waits until the dispatcher's cursor stands there among the matches.
func (o *office) untilSaved(seq int64) {
	o.Helper()
	o.until(fmt.Sprintf("the cursor stands at %d", seq), func() bool {
		for _, p := range o.cursorOf("dispatcher").Shards {
			if opensearch.IsMatch(p.Index) {
				return p.Seq >= seq
			}
		}
		return false
	})
}

// TestBruteForceThenLogin: failed logins alone open nothing and lie among the matches; the login after them opens one
// incident, though the worker was killed in between and knew it only from what it had written.
func TestBruteForceThenLogin(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		o, host := b.office(), "shop-"+b.prefix
		kill := o.start()
		for range 7 {
			o.login(host, "203.0.113.66", "5760")
		}
		o.untilCorrelated("ssh-login-failed", 7)
		o.untilCorrelated("ssh-many-failures", 2)
		o.untilSaved(8)
		kill()
		kill = o.start()
		o.login(host, "203.0.113.66", "5715")
		key := "incident/host/" + host
		o.until("the incident is told", func() bool { refs, _ := o.signaller.heard(key); return len(refs) == 1 })
		o.login(host, "203.0.113.66", "5715") // within the silence
		o.untilCorrelated("ssh-login", 2)
		kill()
		o.start()
		o.login(host, "203.0.113.66", "5715") // the silence holds over a restart
		o.untilCorrelated("ssh-login", 3)
		found := o.of(opensearch.LedgerPattern, "ssh-login-after-failures")
		if len(found) != 1 || len(o.of(opensearch.LedgerPattern, "ssh-login-failed"))+len(o.of(opensearch.LedgerPattern, "ssh-many-failures")) > 0 {
			o.Fatalf("%d detections of the correlation, want 1: %+v", len(found), found)
		}
		d := found[0]
		if d.Event.ID != "alert-8" || d.Rule.Level != soar.Critical || !d.Opens || d.Entity.String() != "host/"+host || len(d.From) != 3 ||
			d.Correlate["srcip"] != "203.0.113.66" || len(d.Observables) == 0 || len(d.Techniques) != 2 || !d.EventTime.Equal(o.begun.Add(8*time.Second).Truncate(time.Millisecond)) {
			o.Errorf("the detection: %+v", d)
		}
		if refs, _ := o.signaller.heard(key); len(refs) != 1 || o.signaller.started != 1 {
			o.Errorf("%d detections told, %d incidents", len(refs), o.signaller.started)
		}
	})
}

// TestFiringIsWritten though the server fails just then, once, whether or not it had taken it.
func TestFiringIsWritten(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]opensearchtest.Fault{
		"refused":       {Status: 503, Times: 3},
		"cut before it": {CutBefore: true, Times: 2},
		"cut after it":  {CutAfter: true, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
			fault.Operation, fault.Carries = "bulk", `"ssh-login-after-failures"`
			b.server.Inject(fault)
			o := b.office()
			for range 7 {
				o.login("shop-01", "203.0.113.66", "5760")
			}
			o.login("shop-01", "203.0.113.66", "5715")
			o.start()
			o.until("the incident is told", func() bool { refs, _ := o.signaller.heard("incident/host/shop-01"); return len(refs) == 1 })
			if found := o.of(opensearch.LedgerPattern, "ssh-login-after-failures"); len(found) != 1 {
				t.Errorf("%d detections: %+v", len(found), found)
			}
		})
	}
}

// TestSuppression: what is known to mean nothing stays in the ledger and says why it is quiet, opens nothing and feeds no
// correlation; when its day is over it is as if it were not there.
func TestSuppression(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
		file := fmt.Sprintf("- {id: scanner, reason: it scans, until: %s, fields: {srcip: [198.51.100.0/24]}}\n- {id: old, reason: it scanned, until: %s, fields: {srcip: [203.0.113.66]}}\n", day(1), day(-1))
		o := b.office(fstest.MapFS{"suppressions/ours.yaml": {Data: []byte(file)}})
		known, other := "known-"+b.prefix, "other-"+b.prefix
		o.start()
		o.login(known, "198.51.100.7", "5763")
		for range 7 {
			o.login(known, "198.51.100.7", "5760")
		}
		o.login(known, "198.51.100.7", "5715")
		o.login(other, "203.0.113.66", "5763")
		o.until("the other host's incident is told", func() bool { refs, _ := o.signaller.heard("incident/host/" + other); return len(refs) == 1 })
		o.untilCorrelated("ssh-login", 1)
		if refs, _ := o.signaller.heard("incident/host/" + known); len(refs) > 0 || len(o.of(allMatches, "ssh-many-failures")) > 0 {
			o.Error("what is suppressed opened an incident, or fed a correlation")
		}
		for _, d := range o.of(opensearch.LedgerPattern, "ssh-brute-force") {
			if want := map[string]string{known: "scanner", other: ""}[d.Entity.Name]; d.SuppressedBy != want {
				o.Errorf("on %s suppressed by %q, want %q", d.Entity.Name, d.SuppressedBy, want)
			}
		}
	})
}

// weakRule is a rule of low level for one of Wazuh's.
func weakRule(id, wazuh string) *fstest.MapFile {
	event := func(rule string) string { return `{rule: {id: "` + rule + `"}, agent: {id: "004", name: h}}` }
	return &fstest.MapFile{Data: []byte("id: " + id + "\ntitle: " + id + "\nlevel: low\nmapping: wazuh4\ncondition: rule_id == \"" + wazuh +
		"\"\nevents:\n  - {name: it, match: true, event: " + event(wazuh) + "}\n  - {name: other, match: false, event: " + event("1") + "}\n")}
}

const riskOf = "weights: {low: 10}\nhalf_life: 24h\nthreshold: 45\nper_rule: 20\nquiet: 24h\n"

// TestRisk: weak signs of three rules open an incident that none of them would, it says of what it is made, and a worker
// that starts anew goes on where the killed one was.
func TestRisk(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		o := b.office(fstest.MapFS{"policies/risk.yaml": {Data: []byte(riskOf)}, "d/a.yaml": weakRule("weak-a", "910001"), "d/b.yaml": weakRule("weak-b", "910002"), "d/c.yaml": weakRule("weak-c", "910003")})
		host := "risk-" + b.prefix
		kill := o.start()
		for range 5 {
			o.login(host, "192.0.2.1", "910001")
		}
		for range 2 {
			o.login(host, "192.0.2.1", "910002")
		}
		o.until("seven weak signs are in the ledger and dispatched", func() bool {
			shards := o.cursorOf("dispatcher").Shards
			return len(o.of(opensearch.LedgerPattern, "weak-a")) == 5 && len(o.of(opensearch.LedgerPattern, "weak-b")) == 2 && len(shards) > 0 && shards[0].Seq >= 6
		})
		kill()
		if refs, _ := o.signaller.heard("incident/host/" + host); len(refs) > 0 {
			o.Fatal("40 of 45 opened an incident")
		}
		o.start()
		o.login(host, "192.0.2.1", "910003")
		o.until("the incident is told", func() bool { refs, _ := o.signaller.heard("incident/host/" + host); return len(refs) > 0 })
		found := o.of(opensearch.LedgerPattern, "sallyport-risk")
		if len(found) != 1 || !found[0].Opens || found[0].Event.ID != "alert-8" || len(found[0].From) != 8 {
			o.Fatalf("the risk: %+v", found)
		}
		said := strings.Join(found[0].Reasons, "; ")
		if !strings.HasPrefix(said, "risk ") || !strings.Contains(said, "by weak-a (5)") || !strings.Contains(said, "by weak-b (2)") || !strings.Contains(said, "by weak-c (1)") {
			o.Errorf("it is explained as %q", said)
		}
	})
}

// TestCorrelationsChange while they run: what was read before counts for the new ones.
func TestCorrelationsChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	of := func(n int) *fstest.MapFile {
		return &fstest.MapFile{ModTime: time.Unix(int64(n), 0), Data: fmt.Appendf(nil, "title: T\nid: tries\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [ssh-login-failed]\n  group-by: [srcip]\n  timespan: 10m\n  condition: {gte: %d}\n", n)}
	}
	files := &changing{now: fstest.MapFS{"c/tries.yml": of(500)}}
	o := b.office(files)
	ctx, cancel := context.WithCancel(t.Context())
	var follow sync.WaitGroup
	follow.Go(func() { o.live.Follow(ctx, 20*time.Millisecond, func(*rules.Library, *rules.Report) {}) })
	t.Cleanup(func() { cancel(); follow.Wait() })
	o.start()
	for range 4 {
		o.login("shop-01", "203.0.113.66", "5760")
	}
	o.untilCorrelated("ssh-login-failed", 4)
	files.set(fstest.MapFS{"c/tries.yml": of(5)})
	o.until("the new one is in use", func() bool { return o.live.Library().Correlate.Rule("tries").Bounds["gte"] == 5 })
	o.login("shop-01", "203.0.113.66", "5760")
	o.until("it fired on the fifth", func() bool { return len(o.of(opensearch.LedgerPattern, "tries")) == 1 })
}

// changing is a folder whose files an analyst changes.
type changing struct {
	mu  sync.Mutex
	now fstest.MapFS
}

func (c *changing) set(files fstest.MapFS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = files
}

// Open implements fs.FS.
func (c *changing) Open(name string) (fs.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Open(name)
}
