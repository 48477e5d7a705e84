package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// noon is when the events of these tests begin.
var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

type happened struct {
	At string `json:"at,omitempty"`
	N  int    `json:"n"`
}

// past writes events into two indices of three shards: 240 of them in twelve seconds, so that many share their place.
func past(t *testing.T, c *opensearch.Client, prefix string) (want map[string]bool) {
	t.Helper()
	want = map[string]bool{}
	for _, name := range []string{"past-1", "past-2"} {
		timed(t, c, prefix+name, "date")
		var docs []opensearch.NewDocument
		for i := range 120 {
			docs = append(docs, opensearch.NewDocument{Index: prefix + name, ID: fmt.Sprint(i), Doc: happened{noon.Add(time.Duration(i%12) * time.Second).Format(time.RFC3339), i}})
			want[prefix+name+"/"+fmt.Sprint(i)] = true
		}
		docs = append(docs,
			opensearch.NewDocument{Index: prefix + name, ID: "before", Doc: happened{noon.Add(-time.Millisecond).Format(time.RFC3339Nano), 0}},
			opensearch.NewDocument{Index: prefix + name, ID: "after", Doc: happened{noon.Add(12 * time.Second).Format(time.RFC3339), 0}},
			opensearch.NewDocument{Index: prefix + name, ID: "timeless", Doc: happened{"", 0}})
		put(t, c, prefix+name, docs...)
	}
	return want
}

func timed(t *testing.T, c *opensearch.Client, index, kind string) {
	t.Helper()
	body := map[string]any{
		"settings": map[string]any{"number_of_shards": 3, "number_of_replicas": 0},
		"mappings": map[string]any{"properties": map[string]any{"at": map[string]any{"type": kind}}},
	}
	if err := c.CreateIndex(t.Context(), index, body); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *opensearch.Client, index string, docs ...opensearch.NewDocument) {
	t.Helper()
	if _, err := c.CreateAll(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context(), index); err != nil {
		t.Fatal(err)
	}
}

func window(prefix string) opensearch.Window {
	return opensearch.Window{Pattern: prefix + "past-*", Fields: []string{"nowhere", "at"}, From: noon, To: noon.Add(12 * time.Second)}
}

// clock passes only where somebody waits.
type clock struct {
	now    time.Time
	pauses []time.Duration
}

func (c *clock) load(page, rate int) opensearch.Load {
	return opensearch.Load{
		Page: page, Rate: rate, Now: func() time.Time { return c.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			c.now = c.now.Add(d)
			c.pauses = append(c.pauses, d)
			return ctx.Err()
		},
	}
}

func openPast(t *testing.T, c *opensearch.Client, w opensearch.Window) *opensearch.History {
	t.Helper()
	h, err := c.OpenHistory(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestHistoryIsReadOnceAndInOrder: every document of the window comes once, whatever the page, in the order of time,
// although places are shared; what is written or deleted meanwhile changes nothing.
func TestHistoryIsReadOnceAndInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		want := past(t, c, prefix)
		h := openPast(t, c, window(prefix))
		if h.Field != "at" || h.Documents != 240 || h.Timeless != 2 {
			t.Errorf("by %s: %d documents, %d without a time", h.Field, h.Documents, h.Timeless)
		}
		put(t, c, prefix+"past-1", opensearch.NewDocument{Index: prefix + "past-1", ID: "new", Doc: happened{noon.Format(time.RFC3339), 1}})
		doc, _, err := c.Get(t.Context(), prefix+"past-2", "7")
		if err != nil || c.Delete(t.Context(), doc) != nil || c.Refresh(t.Context(), prefix+"past-2") != nil {
			t.Fatal("delete", err)
		}
		var last time.Time
		err = h.Read(t.Context(), (&clock{}).load(7, 1000), func(page []opensearch.Past) error {
			for _, p := range page {
				name := p.Document.Index + "/" + p.ID
				if !want[name] || p.At.Before(last) || len(page) > 7 {
					t.Errorf("%s at %s, after %s, is not wanted, or not any more", name, p.At, last)
				}
				if p.Index.Name != p.Document.Index || p.Index.UUID == "" || !strings.Contains(string(p.Source), p.At.Format("15:04:05Z")) {
					t.Errorf("%s: %+v %s", name, p.Index, p.Source)
				}
				delete(want, name)
				last = p.At
			}
			return nil
		})
		if err != nil || len(want) > 0 {
			t.Errorf("%v; not read: %v", err, want)
		}
	})
}

// TestHistoryRefusesWhatHasNoTime names the field, its type and the mend.
func TestHistoryRefusesWhatHasNoTime(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		timed(t, c, prefix+"past-1", "date")
		timed(t, c, prefix+"past-2", "keyword")
		w := window(prefix)
		if _, err := c.OpenHistory(t.Context(), w); !errors.Is(err, opensearch.ErrNoTime) || !strings.Contains(err.Error(), "nowhere is not mapped, at is a keyword in "+prefix+"past-2") {
			t.Errorf("got %v", err)
		}
		w.Pattern = prefix + "nothing-*"
		if _, err := c.OpenHistory(t.Context(), w); err == nil || !strings.Contains(err.Error(), "no open index matches "+prefix+"nothing-*") {
			t.Errorf("got %v", err)
		}
		w.Pattern = prefix + "past-1"
		h := openPast(t, c, w)
		if err := h.Read(t.Context(), (&clock{}).load(10, 10), func([]opensearch.Past) error { return errors.New("a document") }); err != nil || h.Documents != 0 {
			t.Errorf("an empty window: %d documents, %v", h.Documents, err)
		}
	})
}

// TestHistoryLoadIsBounded: one search at a time, and never more documents than the rate gives since the first.
func TestHistoryLoadIsBounded(t *testing.T) {
	cluster := opensearchtest.NewCluster()
	var running, most atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if now := running.Add(1); now > most.Load() {
			most.Store(now)
		}
		defer running.Add(-1)
		cluster.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := open(t, server.URL)
	past(t, c, "it-")
	const rate = 20
	watch := &clock{now: noon}
	h := openPast(t, c, window("it-"))
	before := cluster.Calls("search")
	read := 0
	err := h.Read(t.Context(), watch.load(1000, rate), func(page []opensearch.Past) error {
		if allowed := int(watch.now.Sub(noon).Seconds() * rate); read > allowed || len(page) > rate {
			t.Errorf("%d documents are read after %s, the page has %d", read, watch.now.Sub(noon), len(page))
		}
		read += len(page)
		return nil
	})
	if err != nil || read != 240 || watch.now.Sub(noon) < 11*time.Second || most.Load() != 1 {
		t.Errorf("%d documents in %s, %d searches at once, %v", read, watch.now.Sub(noon), most.Load(), err)
	}
	if searches := cluster.Calls("search") - before; searches != 13 {
		t.Errorf("%d searches for 12 pages and the end", searches)
	}
}

// TestHistoryBacksOff: what the cluster refuses for now is asked again, later and for less, and nothing is lost.
func TestHistoryBacksOff(t *testing.T) {
	for name, fault := range map[string]opensearchtest.Fault{
		"asked for less":       {Operation: "search", Carries: `"sort"`, Times: 3, Skip: 1, Status: http.StatusTooManyRequests},
		"search back-pressure": {Operation: "search", Carries: `"sort"`, Times: 3, Skip: 1, Status: http.StatusInternalServerError, Type: "task_cancelled_exception"},
		"a shard failed":       {Operation: "search", Carries: `"sort"`, Times: 3, Skip: 1, Partial: true},
		"time ran out":         {Operation: "search", Carries: `"sort"`, Times: 3, Skip: 1, TimedOut: true},
		"the connection broke": {Operation: "search", Carries: `"sort"`, Times: 3, Skip: 1, CutAfter: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := opensearchtest.NewServer(t)
			c := open(t, server.URL)
			want := past(t, c, "it-")
			h := openPast(t, c, window("it-"))
			server.Inject(fault)
			watch, read, pages := &clock{now: noon}, 0, []int{}
			load := watch.load(64, 1_000_000)
			waits := 0
			load.Waited = func(error, time.Duration) { waits++ }
			err := h.Read(t.Context(), load, func(page []opensearch.Past) error {
				read += len(page)
				pages = append(pages, len(page))
				return nil
			})
			if err != nil || read != len(want) || waits != 3 || pages[1] != 8 {
				t.Errorf("%d of %d read in pages of %v, %d waits, %v", read, len(want), pages, waits, err)
			}
			if slept := watch.now.Sub(noon); slept < 800*time.Millisecond {
				t.Errorf("waited %s for three refusals", slept)
			}
		})
	}
}

// TestHistoryGivesUp: what stays refused ends the reading with the reason; what was read before has been handed on.
func TestHistoryGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		fault opensearchtest.Fault
		want  string
	}{
		"always too much":    {opensearchtest.Fault{Status: http.StatusTooManyRequests}, "status 429"},
		"a shard stays away": {opensearchtest.Fault{Partial: true}, opensearch.ErrIncomplete.Error()},
		"the copy is gone":   {opensearchtest.Fault{Status: http.StatusNotFound, Type: "search_context_missing_exception"}, "search_context_missing_exception"},
	} {
		t.Run(name, func(t *testing.T) {
			server := opensearchtest.NewServer(t)
			c := open(t, server.URL)
			past(t, c, "it-")
			h := openPast(t, c, window("it-"))
			tt.fault.Operation, tt.fault.Carries, tt.fault.Skip = "search", `"sort"`, 1
			lift := server.Inject(tt.fault)
			defer lift()
			read := 0
			err := h.Read(t.Context(), (&clock{}).load(50, 1000), func(page []opensearch.Past) error { read += len(page); return nil })
			if err == nil || !strings.Contains(err.Error(), tt.want) || read != 50 {
				t.Errorf("%d read, %v", read, err)
			}
		})
	}
}

// TestHistoryStopsAtOnce: the interrupt of whoever asked is the off switch.
func TestHistoryStopsAtOnce(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	past(t, c, "it-")
	h := openPast(t, c, window("it-"))
	ctx, stop := context.WithCancel(t.Context())
	before := server.Calls("search")
	err := h.Read(ctx, (&clock{}).load(50, 1000), func([]opensearch.Past) error { stop(); return nil })
	if !errors.Is(err, context.Canceled) || server.Calls("search")-before != 1 {
		t.Errorf("%v after %d searches", err, server.Calls("search")-before)
	}
}

// TestHistoryPassesWhatCannotBeHad: an answer that can't be held or read is asked again for less, down to one document;
// that one comes without its source, and those behind it come.
func TestHistoryPassesWhatCannotBeHad(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	past(t, c, "it-")
	h := openPast(t, c, window("it-"))
	lift := server.Inject(opensearchtest.Fault{Operation: "search", Carries: `"_source":true`, Body: `{"hits": // no JSON`})
	read, bare := 0, 0
	err := h.Read(t.Context(), (&clock{}).load(50, 1000), func(page []opensearch.Past) error {
		for _, p := range page {
			if read++; p.Source == nil {
				bare++
				lift()
			}
		}
		return nil
	})
	if err != nil || read != 240 || bare != 1 {
		t.Errorf("%d read, %d of them bare, %v", read, bare, err)
	}
}
