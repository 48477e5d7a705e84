package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/backtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestBacktestIsTheLivePath: the same events, once read and dispatched and once looked at as the past, give the same
// detections, each as quiet as the other, and open the same incidents: by a rule, a correlation of a correlation with its
// silence, and by risk; entries that suppress hold until their day is over.
func TestBacktestIsTheLivePath(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		o := b.busyOffice()
		hosts := o.busyHour()
		want, result := o.backtest()
		o.start()
		o.until("the live path has made the same", func() bool { return maps.Equal(o.written(), want) })
		o.login("last-"+o.prefix, "203.0.113.66", "5763")
		opened := []string{"incident/host/last-" + o.prefix}
		for _, i := range result.Incidents.List {
			opened = append(opened, i.Key)
		}
		o.until("the same incidents are told, and what came after them", func() bool { return !slices.ContainsFunc(opened, o.untold) })
		if got := o.written(); !maps.Equal(got, want) {
			o.Errorf("the live path made\n%v\nand the backtest\n%v", got, want)
		}
		for _, host := range hosts {
			if key := "incident/host/" + host; o.untold(key) == slices.Contains(opened, key) {
				o.Errorf("%s: the backtest opened %v, the live path otherwise", host, opened)
			}
		}
		if got, want := told(result), "weak-a 6+0, sallyport-risk 1+0, ssh-brute-force 1+1, ssh-login-after-failures 1+1"; got != want {
			o.Errorf("got %s, want %s", got, want)
		}
		if result.Incidents.Opened != 3 {
			o.Errorf("opened %v", opened)
		}
	})
}

// untold reports whether nobody heard of an incident.
func (o *office) untold(key string) bool {
	refs, _ := o.signaller.heard(key)
	return len(refs) == 0
}

// busyOffice has suppressions that hold and one that ended, a risk of its own and weak rules; its index's times are dates.
func (b *bench) busyOffice() *office {
	b.Helper()
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	quiet := fmt.Sprintf("- {id: scanner, reason: it scans, until: %s, fields: {srcip: [198.51.100.0/24]}}\n"+
		"- {id: old, reason: it scanned, until: %s, fields: {srcip: [203.0.113.99]}}\n"+
		"- {id: known, reason: a jump host, until: %s, rules: [ssh-login-after-failures], entity: [host/jump-%s]}\n", day(1), day(-1), day(1), b.prefix)
	o := b.office(fstest.MapFS{
		"suppressions/ours.yaml": {Data: []byte(quiet)}, "policies/risk.yaml": {Data: []byte(riskOf)},
		"d/a.yaml": weakRule("weak-a", "910001"), "d/b.yaml": weakRule("weak-b", "910002"), "d/c.yaml": weakRule("weak-c", "910003"),
	})
	body := map[string]any{
		"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0},
		"mappings": map[string]any{"properties": map[string]any{"timestamp": map[string]any{"type": "date", "format": "strict_date_optional_time"}}},
	}
	if err := b.client.CreateIndex(b.Context(), b.prefix+"1", body); err != nil {
		b.Fatal(err)
	}
	return o
}

// busyHour writes what opens an incident, and what comes near; it returns the hosts.
func (o *office) busyHour() (hosts []string) {
	o.Helper()
	for _, story := range []struct{ host, address, alerts string }{
		{"guessed-", "203.0.113.66", "5760 5760 5760 5760 5760 5760 5760 5715 5715"}, // the second login lies within the silence
		{"scanned-", "198.51.100.7", "5763 5760 5760 5760 5760 5760 5760 5760 5715"}, // an entry that holds
		{"jump-", "203.0.113.67", "5760 5760 5760 5760 5760 5760 5715"},              // one for the correlation
		{"former-", "203.0.113.99", "5763"},                                          // one whose day is over
		{"worn-", "192.0.2.1", "910001 910001 910001 910001 910001 910002 910002 910003"},
		{"calm-", "192.0.2.1", "910001 5760 5715"},
	} {
		hosts = append(hosts, story.host+o.prefix)
		for alert := range strings.FieldsSeq(story.alerts) {
			o.login(story.host+o.prefix, story.address, alert)
		}
	}
	return hosts
}

// written are the documents that the live path made of the busy hour, and what keeps each quiet.
func (o *office) written() map[soar.DetectionRef]string {
	o.Helper()
	all := map[soar.DetectionRef]string{}
	if err := o.client.Refresh(o.Context(), opensearch.CorrelatedPattern); err != nil {
		return nil
	}
	var page opensearch.Result
	body := map[string]any{"size": 1000, "query": map[string]any{"prefix": map[string]any{"event.index": o.prefix}}}
	if err := o.client.Search(o.Context(), opensearch.CorrelatedPattern, body, &page); err != nil {
		return nil // an index is just being made
	}
	for _, doc := range page.Documents() {
		var d soar.Detection
		if err := json.Unmarshal(doc.Source, &d); err != nil {
			o.Fatal(err)
		}
		if !strings.HasPrefix(d.Entity.Name, "last-") {
			all[soar.DetectionRef{Index: doc.Index, ID: doc.ID}] = d.Rule.ID + " " + d.SuppressedBy
		}
	}
	return all
}

// backtest looks at the busy hour as the past.
func (o *office) backtest() (map[soar.DetectionRef]string, backtest.Result) {
	o.Helper()
	if err := o.client.Refresh(o.Context(), o.prefix+"*"); err != nil {
		o.Fatal(err)
	}
	library, from := o.live.Library(), o.begun.Add(-time.Minute)
	evaluator, err := detect.NewEvaluator(o.live, o.stream(func(s *detect.Stream) { s.Mapping = "wazuh4" }), func(rule string, err error) { o.Error(rule, err) })
	if err != nil {
		o.Fatal(err)
	}
	history, err := o.client.OpenHistory(o.Context(), opensearch.Window{Pattern: o.prefix + "*", Fields: library.TimeFields("wazuh4"), From: from, To: from.Add(time.Hour)})
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = history.Close(context.WithoutCancel(o.Context())) }()
	made := map[soar.DetectionRef]string{}
	test := backtest.New(backtest.Setup{Stream: "events", From: from, To: from.Add(time.Hour), Quiet: 24 * time.Hour, Longest: 7 * 24 * time.Hour, Rules: library.Known()})
	load := opensearch.Load{Page: 7, Rate: 1_000_000, Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	err = history.Read(o.Context(), load, func(page []opensearch.Past) error {
		for _, past := range page {
			found, err := evaluator.Evaluate(past)
			if err != nil {
				return err
			}
			for _, d := range found {
				made[opensearch.DetectionRefFor(d, past.Index.Created)] = d.Rule.ID + " " + d.SuppressedBy
			}
			test.Add(past.At, found, nil)
		}
		return nil
	})
	if err != nil {
		o.Fatal(err)
	}
	test.Correlated(evaluator.Counts())
	return made, test.Result()
}

// told are a result's rules that say something of their own: detections and what is suppressed of them.
func told(r backtest.Result) string {
	var lines []string
	for _, rule := range r.Rules {
		if rule.Opened > 0 || rule.ID == "weak-a" {
			lines = append(lines, fmt.Sprintf("%s %d+%d", rule.ID, rule.Detections, rule.Suppressed))
		}
	}
	return strings.Join(lines, ", ")
}
