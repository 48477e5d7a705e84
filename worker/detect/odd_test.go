package detect_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// The parts of a Wazuh alert that the shipped rule for ssh brute force reads.
const (
	bruteForce = `"id":"5763","level":10,"description":"sshd: brute force","groups":["sshd"]`
	shop       = `"agent":{"id":"004","name":"shop-01","ip":"10.20.0.14"}`
	from       = `,"data":{"srcip":"203.0.113.66"}`
)

// odd are events whose shape is not what the mapping says, and whether a rule must match all the same.
func odd() map[string]struct {
	event string
	found bool
} {
	var keys strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&keys, `"key%d":%d,`, i, i)
	}
	type row = struct {
		event string
		found bool
	}
	return map[string]row{
		"numbers as strings":    {`{"rule":{"id":5763,"level":"10","groups":["sshd"]},` + shop + from + `}`, true},
		"one text for a list":   {`{"rule":{"id":"5763","level":10,"groups":"sshd"},` + shop + from + `}`, true},
		"lists for texts":       {`{"rule":{"id":["5763","5764"],"level":[10]},"agent":{"id":["004"],"name":["shop-01","x"]},"full_log":["a","b"]}`, false},
		"an object for a text":  {`{"rule":{"id":{"a":1},"level":{}},"agent":{"name":{"first":"shop"}},"data":{"srcip":{"x":"203.0.113.66"}}}`, false},
		"a text for an object":  {`{"rule":"5763","agent":"shop-01","data":"none"}`, false},
		"nulls":                 {`{"rule":null,"agent":null,"data":null,"full_log":null,"timestamp":null}`, false},
		"nulls inside":          {`{"rule":{` + bruteForce + `,"mitre":null},` + shop + `,"data":{"srcip":"203.0.113.66","dstuser":null,"x":[null]}}`, true},
		"deeper than it can be": {strings.Repeat(`{"data":`, 500) + `{}` + strings.Repeat(`}`, 500), false},
		"deep, and a match":     {`{"rule":{` + bruteForce + `},` + shop + from + `,"more":` + strings.Repeat(`{"a":`, 400) + `1` + strings.Repeat(`}`, 400) + `}`, true},
		"ten thousand keys":     {`{"rule":{` + bruteForce + `},` + shop + `,"data":{` + keys.String() + `"srcip":"203.0.113.66"}}`, true},
		"ten megabytes":         {`{"rule":{` + bruteForce + `},` + shop + from + `,"full_log":"` + strings.Repeat("x", 10<<20) + `"}`, true},
		"texts that bite":       {`{"rule":{"id":"5763","level":10,"description":"\u0000\u001b[31m\ud800\u202e"},` + shop + `,"data":{"srcip":"203.0.113.66\u0000"}}`, true},
		"a number too large":    {`{"rule":{"id":"5763","level":1e400},` + shop + `,"data":{"srcip":99999999999999999999999999,"dstuser":1e400}}`, true},
		"a time that is none":   {`{"timestamp":"yesterday","rule":{` + bruteForce + `},` + shop + from + `}`, true},
		"names twice":           {`{"rule":{"id":"1"},"rule":{` + bruteForce + `},` + shop + from + `}`, true},
		"nothing at all":        {`{}`, false},
	}
}

// TestOddEvents: an event of whatever shape stops no shard and is lost to no rule that could read it. The index maps none of
// its fields, as one must that takes such events at all: a real server refuses more than 1,000 mapped ones.
func TestOddEvents(t *testing.T) {
	t.Run("stand-in", func(t *testing.T) {
		readOdd(newBench(t, opensearchtest.WithRefresh(time.Millisecond)))
	})
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		readOdd(openBench(t, nil, address, prefix))
	})
}

func readOdd(b *bench) {
	index := b.prefix + "odd"
	live, _ := rules.NewLive(content.Files)
	var err error
	if b.matcher, err = detect.NewRuleMatcher(live, detect.Stream{Name: "events", Mapping: "wazuh4"}, b.metrics, slog.New(slog.NewTextHandler(b.Output(), nil))); err != nil {
		b.Fatal(err)
	}
	if err := b.client.CreateIndex(b.Context(), index, map[string]any{
		"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0},
		"mappings": map[string]any{"dynamic": false, "properties": map[string]any{}},
	}); err != nil {
		b.Fatal(err)
	}
	var want, refused []string
	for name, row := range odd() {
		switch _, err := b.client.Create(b.Context(), index, name, json.RawMessage(row.event)); {
		case err != nil:
			refused = append(refused, name)
		case row.found:
			want = append(want, index+"/"+name)
		}
	}
	b.Logf("the server refuses: %v", refused)
	if slices.Contains(refused, "ten thousand keys") || slices.Contains(refused, "ten megabytes") {
		b.Errorf("the server refused %v: nothing is tested", refused)
	}
	stream := b.stream(func(s *detect.Stream) { s.Name = strings.TrimSuffix(b.prefix, "-") })
	b.read(stream)
	taken := float64(len(odd()) - len(refused))
	b.until("every event is evaluated", func() bool { return b.counter("sallyport_stream_documents_total") >= taken })
	found := b.ledger()
	for end := time.Now().Add(patience); len(found) < len(want) && time.Now().Before(end); found = b.ledger() {
		<-time.After(20 * time.Millisecond)
	}
	for _, id := range want {
		if d, there := found[id]; !there {
			b.Errorf("%s: no rule matched", id)
		} else if len(d.Summary) > 300 || strings.ContainsAny(d.Summary, "\x00\x1b") || d.Entity.Name != "shop-01" {
			b.Errorf("%s: summary %q, entity %v", id, d.Summary, d.Entity)
		}
	}
	if len(found) != len(want) {
		b.Errorf("%d detections, want %d", len(found), len(want))
	}
	if n := b.counter("sallyport_stream_unreadable_total") + b.counter("sallyport_stream_rule_faults_total"); n != 0 {
		b.Errorf("%v events were unreadable or met a fault of a rule", n)
	}
}
