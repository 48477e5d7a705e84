package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// everyHost is a rule that matches what bears a host's name.
const everyHost = `id: every-host
title: Every host
level: low
mapping: wazuh4
condition: agent_name != nil
events:
  - {name: a host, match: true, event: {rule: {id: "1"}, agent: {name: shop-01}}}
  - {name: no host, match: false, event: {rule: {id: "1"}, agent: {id: "001"}}}
`

// wazuhEvent is one of the kinds of event that the shipped rules know, or one that they do not; some are ten days old.
func wazuhEvent(r *rand.Rand, now time.Time, n int) map[string]any {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	at := now.Add(-time.Duration(r.IntN(3600)) * time.Second)
	if r.IntN(10) == 0 {
		at = at.Add(-10 * 24 * time.Hour)
	}
	e := map[string]any{
		"timestamp": at.Format("2006-01-02T15:04:05.000-0700"), "full_log": fmt.Sprintf("line %d\u0000\u202e", n),
		"rule":  map[string]any{"id": pick("5763", "5712", "5760", "5715", "40112", "100500"), "level": pick("3", "10", "15"), "description": pick("sshd", "<b>bold</b>", "\x1b[31m")},
		"agent": map[string]any{"id": pick("001", "002", "003"), "name": pick("shop-01", "SHOP-01", "db", "web.example.org "), "ip": pick("192.0.2.10", "none")},
		"data":  map[string]any{"srcip": pick("203.0.113.66", "198.51.100.7", "10.0.0.7", "-"), "dstuser": pick("root", "ana"), "alert": map[string]any{"severity": pick("1", "3"), "signature": "ET"}},
	}
	if r.IntN(8) == 0 {
		delete(e, pick("agent", "data", "rule"))
	}
	return e
}

// TestEvaluatorDetectsWhatTheReaderDetects: over the same documents, read through the past, an Evaluator makes the very
// detections that a reader wrote into the ledger.
func TestEvaluatorDetectsWhatTheReaderDetects(t *testing.T) {
	onBoth(t, func(b *bench) {
		const events = 400
		live, report := rules.NewLive(content.Files, fstest.MapFS{"every.yaml": {Data: []byte(everyHost)}})
		if len(report.Refused) > 0 {
			b.Fatal(report.Refused)
		}
		var err error
		stream := b.stream(func(s *detect.Stream) { s.Mapping = "wazuh4" })
		if b.matcher, err = detect.NewRuleMatcher(live, stream, b.metrics, slog.New(slog.DiscardHandler)); err != nil {
			b.Fatal(err)
		}
		now := time.Now().UTC().Truncate(time.Millisecond)
		b.putTimed(now, events)
		stop := b.read(stream)
		b.until("every event is read", func() bool { return b.counter("sallyport_stream_documents_total") >= events })
		stop()
		want := b.everyDetection()
		evaluator, err := detect.NewEvaluator(live, stream, func(rule string, err error) { b.Error(rule, err) })
		if err != nil {
			b.Fatal(err)
		}
		got := b.evaluatePast(evaluator, live.Library().TimeFields("wazuh4"), now)
		if len(want) < events || len(got) != len(want) {
			b.Errorf("%d detections, the reader made %d of %d events", len(got), len(want), events)
		}
		late := 0
		for key, d := range want {
			if got[key] != d {
				b.Errorf("%s:\ngot  %s\nwant %s", key, got[key], d)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			var d soar.Detection
			if err := json.Unmarshal([]byte(got[key]), &d); err != nil {
				b.Fatal(err)
			}
			if d.Late {
				late++
			}
		}
		if late == 0 || late == len(got) {
			b.Errorf("%d of %d are late: the test's events are not what it says", late, len(got))
		}
	})
}

// putTimed writes events into two indices of two shards whose times are dates.
func (b *bench) putTimed(now time.Time, events int) {
	b.Helper()
	r := rand.New(rand.NewPCG(7, 11))
	for n := range 2 {
		index := fmt.Sprint(b.prefix, "timed-", n)
		body := map[string]any{
			"settings": map[string]any{"number_of_shards": 2, "number_of_replicas": 0},
			"mappings": map[string]any{"dynamic": false, "properties": map[string]any{"timestamp": map[string]any{"type": "date", "format": "strict_date_optional_time"}}},
		}
		if err := b.client.CreateIndex(b.Context(), index, body); err != nil {
			b.Fatal(err)
		}
		var docs []opensearch.NewDocument
		for i := range events / 2 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(i), Doc: wazuhEvent(r, now, i)})
		}
		if _, err := b.client.CreateAll(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
		if err := b.client.Refresh(b.Context(), index); err != nil {
			b.Fatal(err)
		}
	}
}

// comparableOf is a detection without the time at which it was read.
func comparableOf(b *bench, d soar.Detection) (key, text string) {
	d.ReadAt = time.Time{}
	made, err := json.Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	return d.Event.Index + "/" + d.Event.ID + "/" + d.Rule.ID, string(made)
}

// everyDetection is the ledger, by event and rule.
func (b *bench) everyDetection() map[string]string {
	b.Helper()
	if err := b.client.Refresh(b.Context(), opensearch.LedgerPattern); err != nil {
		b.Fatal(err)
	}
	var page opensearch.Result
	body := map[string]any{"size": 10_000, "query": map[string]any{"prefix": map[string]any{"event.index": b.prefix}}}
	if err := b.client.Search(b.Context(), opensearch.LedgerPattern, body, &page); err != nil {
		b.Fatal(err)
	}
	all := map[string]string{}
	for _, doc := range page.Documents() {
		var d soar.Detection
		if err := json.Unmarshal(doc.Source, &d); err != nil {
			b.Fatal(err)
		}
		key, text := comparableOf(b, d)
		all[key] = text
	}
	return all
}

// evaluatePast reads the past of the last month.
func (b *bench) evaluatePast(evaluator *detect.Evaluator, fields []string, now time.Time) map[string]string {
	b.Helper()
	history, err := b.client.OpenHistory(b.Context(), opensearch.Window{
		Pattern: b.prefix + "timed-*", Fields: fields, From: now.Add(-30 * 24 * time.Hour), To: now.Add(time.Second),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := history.Close(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	all := map[string]string{}
	load := opensearch.Load{Page: 33, Rate: 1_000_000, Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	err = history.Read(b.Context(), load, func(page []opensearch.Past) error {
		for _, past := range page {
			found, err := evaluator.Evaluate(past)
			if err != nil {
				return err
			}
			for _, d := range found {
				if d.From == nil && !d.OnlyFeeds { // what the dispatcher makes of them is not this test's
					key, text := comparableOf(b, d)
					all[key] = text
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}
