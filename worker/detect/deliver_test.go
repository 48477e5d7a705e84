package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// scarce is a bucket of so many tokens that time does not fill within a test.
func scarce(burst int) detect.Config {
	return detect.Config{NewIncidents: detect.NewIncidents{Burst: burst, PerHour: 1}}
}

// left is how many tokens are in the bucket; -1 while nobody has taken any.
func (b *bench) left() int {
	b.Helper()
	document, found, err := b.client.Get(b.Context(), "sallyport-cursors", "new-incidents")
	if err != nil {
		b.Fatal(err)
	}
	if !found {
		return -1
	}
	var bucket struct{ Left float64 }
	if err := json.Unmarshal(document.Source, &bucket); err != nil {
		b.Fatal(err)
	}
	return int(bucket.Left)
}

func (b *bench) untilHeard(host string, n int) {
	b.Helper()
	b.until(fmt.Sprintf("the incident of %s heard of %d detections", host, n), func() bool {
		refs, _ := b.signaller.heard("incident/host/" + host)
		return len(refs) == n
	})
}

// TestTokensAreForStarts: news that only join an incident which the dispatcher did not know of cost no token, and a start
// costs one.
func TestTokensAreForStarts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		b.signaller.set(func(i *incidents) {
			for n := range 5 {
				i.running[fmt.Sprintf("incident/host/running-%d", n)] = true
			}
		})
		for n := range 5 {
			b.detections(fmt.Sprint("r", n), fmt.Sprintf("running-%d", n), 1)
		}
		b.dispatch(scarce(3), 1)
		for n := range 5 {
			b.untilHeard(fmt.Sprintf("running-%d", n), 1)
		}
		b.until("all tokens are back", func() bool { return b.left() == 3 })
		b.detections("new", "new", 1)
		b.untilHeard("new", 1)
		b.until("one token is spent", func() bool { return b.left() == 2 })
		if b.signaller.started != 1 {
			b.Errorf("%d incidents started, want 1", b.signaller.started)
		}
	})
}

// TestFailedStartsCostNoTokens: a frontend that is down gets every news in the end, and costs nothing of the bucket.
func TestFailedStartsCostNoTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.signaller.set(func(i *incidents) { i.down = true })
	for n := range 3 {
		b.detections(fmt.Sprint("d", n), fmt.Sprintf("host-%d", n), 1)
	}
	b.dispatch(scarce(3), 1)
	b.until("five passes failed", func() bool { return b.counter("sallyport_dispatch_failures_total") >= 5 })
	b.signaller.set(func(i *incidents) { i.down = false })
	for n := range 3 {
		b.untilHeard(fmt.Sprintf("host-%d", n), 1)
	}
}

// TestClosedIncidentIsFollowed: an incident that was open when it was told last has closed since; what opens one starts
// the next, and pays for it.
func TestClosedIncidentIsFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.dispatch(scarce(2), 1)
	for episode := range 2 {
		b.detections(fmt.Sprint("e", episode), "web-01", 1)
		b.untilHeard("web-01", episode+1)
		b.signaller.set(func(i *incidents) { i.running["incident/host/web-01"] = false })
	}
	b.detections("e2", "web-01", 1)
	b.until("a third waits for a token", func() bool { return b.counter("sallyport_dispatch_overload") == 1 })
	if refs, _ := b.signaller.heard("incident/host/web-01"); len(refs) != 2 || b.signaller.started != 2 {
		t.Errorf("%d incidents, told of %d detections, want 2 of a bucket of 2", b.signaller.started, len(refs))
	}
}

// TestOpenIncidentsNeedNoToken: while new incidents wait, those that run hear their news, whether or not the dispatcher
// knew of them.
func TestOpenIncidentsNeedNoToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.signaller.set(func(i *incidents) { i.running["incident/host/running"] = true })
	b.detections("first", "first", 1)
	b.dispatch(scarce(1), 1)
	b.untilHeard("first", 1)
	for n := range 20 {
		b.detections(fmt.Sprint("w", n), fmt.Sprintf("waits-%d", n), 1)
	}
	b.until("new incidents wait", func() bool { return b.counter("sallyport_dispatch_overload") == 1 })
	b.detections("news", "running", 2)
	b.detections("more", "first", 2)
	b.untilHeard("running", 2)
	b.untilHeard("first", 3)
	for n := range 20 {
		if refs, _ := b.signaller.heard(fmt.Sprintf("incident/host/waits-%d", n)); len(refs) != 0 {
			t.Errorf("waits-%d has an incident without a token", n)
		}
	}
}

// TestNewsKeepTheirOrder: however many incidents are told side by side, and however many signals one gets at once, each
// hears of its detections in the ledger's order.
func TestNewsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	want := map[string][]soar.DetectionRef{}
	var all []opensearch.Entry
	for n := range 1300 {
		for host := range 2 {
			entry := b.entries(fmt.Sprintf("%d-%d", host, n), fmt.Sprintf("host-%d", host), 1)[0]
			key := entry.Detection.Entity.IncidentKey()
			want[key] = append(want[key], opensearch.DetectionRefFor(entry.Detection, entry.IndexCreated))
			all = append(all, entry)
		}
	}
	if written, err := opensearch.NewLedger(b.client).Write(t.Context(), all); err != nil || written != len(all) {
		t.Fatalf("%d written, %v", written, err)
	}
	b.dispatch(detect.Config{}, 200)
	for key, refs := range want {
		b.until("all is told", func() bool { heard, _ := b.signaller.heard(key); return len(heard) == len(refs) })
		var told []soar.DetectionRef
		b.signaller.set(func(i *incidents) {
			for _, news := range i.told[key] {
				told = append(told, news.Detections...)
			}
		})
		if !slices.Equal(told, refs) {
			t.Errorf("%s was told out of order, or twice", key)
		}
	}
}

// reluctant is a frontend that answers no start before it is told to.
type reluctant struct {
	*incidents
	asked  atomic.Int32 // starts that are under way
	answer chan struct{}
}

func (r *reluctant) SignalIncident(ctx context.Context, news activities.News) (activities.Started, error) {
	r.asked.Add(1)
	defer r.asked.Add(-1)
	select {
	case <-r.answer:
		return r.incidents.SignalIncident(ctx, news)
	case <-ctx.Done():
		return activities.Started{}, ctx.Err()
	}
}

// hesitant is a frontend that answers the first question whether an incident runs not before it is told to.
type hesitant struct {
	*incidents
	once   sync.Once
	asked  chan struct{}
	answer chan struct{}
}

func (h *hesitant) SignalOpenIncident(ctx context.Context, news activities.News) (bool, error) {
	h.once.Do(func() { close(h.asked); <-h.answer })
	return h.incidents.SignalOpenIncident(ctx, news)
}

// TestWhatComesWhileAnIncidentIsToldIsTold: while the frontend is asked about a detection that only joins, one that opens an
// incident comes. The answer settles what was asked about, and nothing else.
func TestWhatComesWhileAnIncidentIsToldIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	frontend := &hesitant{incidents: b.signaller, asked: make(chan struct{}), answer: make(chan struct{})}
	b.detections("weak", "web-01", 1, weak)
	b.dispatchTo(frontend, detect.Config{}, 1)
	<-frontend.asked
	b.detections("high", "web-01", 1)
	b.until("it is read", func() bool { return b.counter("sallyport_dispatch_waiting_detections") == 2 })
	close(frontend.answer)
	b.untilHeard("web-01", 1)
}

// TestIncidentsAreToldSideBySide: one that is slow to be told keeps neither others from it, nor the ledger from being read.
func TestIncidentsAreToldSideBySide(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	frontend := &reluctant{incidents: b.signaller, answer: make(chan struct{})}
	for n := range 8 {
		b.detections(fmt.Sprint("d", n), fmt.Sprintf("host-%d", n), 1)
	}
	b.dispatchTo(frontend, detect.Config{}, 1)
	b.until("four starts are under way at once", func() bool { return frontend.asked.Load() == 4 })
	looks := b.server.Calls("stats")
	b.until("the ledger is looked at meanwhile", func() bool { return b.server.Calls("stats") > looks+3 })
	if asked := frontend.asked.Load(); asked != 4 {
		t.Errorf("%d starts are under way, want still 4", asked)
	}
	close(frontend.answer)
	for n := range 8 {
		b.untilHeard(fmt.Sprintf("host-%d", n), 1)
	}
}
