package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// withCursors is a config whose state cluster holds the cursors of one stream: read up to a minute ago, with one shard
// that stands still since.
func withCursors(t *testing.T, now time.Time) (config string) {
	t.Helper()
	state := opensearchtest.NewServer(t)
	config = filepath.Join(t.TempDir(), "sallyport.yaml")
	text := fmt.Sprintf("opensearch: {url: \"%s\"}\nstreams:\n  - {name: events, index: \"ev-*\", mapping: wazuh4}\n  - {name: never, index: \"no-*\", mapping: wazuh4}\n", state.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: state.URL})
	if err != nil {
		t.Fatal(err)
	}
	cursors, begun, mark := opensearch.NewCursors(client), now.Add(-time.Hour), now.Add(-time.Minute)
	head := opensearch.Cursor{Reader: "stream/events", Started: begun, Layouts: []int{1}, From: "now"}
	slot := opensearch.Cursor{
		Reader: "stream/events/0-of-1", Started: begun, Updated: now, Watermark: mark, Layouts: []int{1}, Gone: opensearch.Tally{Lost: 7},
		Past:   []opensearch.Mark{{At: begun.Add(time.Second), Watermark: begun}, {At: mark.Add(5 * time.Second), Watermark: mark}},
		Shards: []opensearch.Position{{Index: "ev-1", UUID: "u", Seq: 9, Known: 9, Tally: opensearch.Tally{Holes: 3}}, {Index: "ev-\x1b[2J", UUID: "v", Seq: 9, Known: 21, Unread: mark}},
		Stalls: []opensearch.Stall{{Index: "ev-\x1b[2J", Since: mark, Why: "no started primary"}}, Stalled: 1,
		Lateness: &opensearch.Lateness{Hour: now.UTC().Truncate(time.Hour), Now: []int64{0, 0, 99, 0, 0, 0, 1}},
	}
	for _, cursor := range []opensearch.Cursor{head, slot} {
		held, err := cursors.Load(t.Context(), cursor.Reader)
		if err != nil {
			t.Fatal(err)
		}
		held.Cursor = cursor
		if err := cursors.Save(t.Context(), &held); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func TestCoverageCommand(t *testing.T) {
	now := time.Now()
	config := withCursors(t, now)
	at := func(ago time.Duration) string { return now.Add(-ago).UTC().Format(time.RFC3339Nano) }
	for name, row := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"all": {nil, 0, []string{
			"stream events (ev-*): all that was indexed before", "shards 2, stalled 1, operations unread 12, the oldest for 1m", "(from: now): holes accepted 3, refreshes forced 0, rewinds 0, undrained on delete 7",
			"lateness of 100 events: p50 within 2s, p99 within 2s", "ev-?[2J[0]  12", "STALLED: no started primary", "ev-1[0]", "stream never (no-*): nobody ever read it",
		}},
		"covered":           {[]string{"events", "--at", at(2 * time.Minute)}, 0, []string{"COVERED since " + now.Add(-55*time.Second).UTC().Format(time.DateTime+"Z")}},
		"not yet":           {[]string{"events", "--at", "10s"}, 1, []string{"NOT COVERED: 1 shards or patterns can't be read to their end", "STALLED", "not covered: events"}},
		"before it began":   {[]string{"events", "--at", at(2 * time.Hour)}, 1, []string{"NOT COVERED", "from: now"}},
		"one is never read": {[]string{"--at", at(2 * time.Minute)}, 1, []string{"COVERED since", "NOT COVERED: nobody ever read this stream", "not covered: never"}},
		"few":               {[]string{"events", "--most", "1"}, 0, []string{"and 1 more: --most shows them"}},
		"no such stream":    {[]string{"event"}, 2, []string{`no stream is named "event"`, `"events"`}},
		"no time":           {[]string{"--at", "yesterday"}, 2, []string{`--at "yesterday" is no time`}},
	} {
		code, out, told := call(append([]string{"coverage", "--config", config}, row.args...)...)
		if code != row.code {
			t.Errorf("%s: exit %d, want %d", name, code, row.code)
		}
		for _, want := range row.want {
			if !strings.Contains(out+told, want) {
				t.Errorf("%s: want %q in\n%s%s", name, want, out, told)
			}
		}
		if strings.ContainsAny(out+told, "\x1b") {
			t.Errorf("%s: a control character of an index name reaches the terminal", name)
		}
	}
}

func TestCoverageAsJSON(t *testing.T) {
	now := time.Now()
	config := withCursors(t, now)
	code, out, told := call("coverage", "events", "--at", "10s", "-o", "json", "--config", config)
	var all []struct {
		Stream string
		Unread int
		Shards []struct {
			Index, Why string
			Unread     int
		}
		At struct {
			Covered bool
			Why     string
		}
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 1 || len(all) != 1 {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, told)
	}
	if one := all[0]; one.Stream != "events" || one.Unread != 12 || one.At.Covered || len(one.Shards) != 2 || one.Shards[0].Why != "no started primary" || one.Shards[0].Unread != 12 {
		t.Errorf("%+v", one)
	}
}

// Without the state cluster nobody knows: exit code 1, never "covered".
func TestCoverageWithoutState(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sallyport.yaml")
	text := "opensearch: {url: \"http://127.0.0.1:1\"}\nstreams:\n  - {name: events, index: \"ev-*\", mapping: wazuh4}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, told := call("coverage", "--at", "1h", "--config", config); code != 1 || out != "" || !strings.Contains(told, "read cursors") {
		t.Errorf("exit %d: %s%s", code, out, told)
	}
}
