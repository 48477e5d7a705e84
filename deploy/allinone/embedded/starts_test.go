package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/daemon"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// unlimited is a bucket that is not what is measured.
var unlimited = detect.NewIncidents{Burst: 1_000_000, PerHour: 1_000_000}

// starts is a detect role between a real OpenSearch and a Temporal server, and when each incident was told first.
type starts struct {
	*testing.B
	temporal  client.Client
	state     *opensearch.Client
	prefix    string
	role      *detect.Detect
	incidents *frontend.Activities

	mu   sync.Mutex
	told map[string]time.Time // by name of the entity
	want int
	all  chan struct{} // closed when so many were told
}

// newStarts starts a cluster on a SQLite file, as up does.
func newStarts(b *testing.B, streams func(prefix string) []detect.Stream) *starts {
	b.Helper()
	address, prefix := opensearchtest.Real(b)
	quiet := slog.New(slog.DiscardHandler)
	s := &starts{B: b, prefix: prefix}
	file, err := embedded.DataFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	server, err := embedded.Start(b.Context(), embedded.Options{DataFile: file})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Stop)
	if s.temporal, err = (daemon.Temporal{Address: server.Address(), Namespace: "default"}).DialOnce(b.Context(), quiet); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.temporal.Close)
	s.incidents = frontend.New(s.temporal)
	if s.state, err = opensearch.Open(b.Context(), opensearch.Config{URL: address}); err != nil {
		b.Fatal(err)
	}
	if _, err := s.state.EnsureTemplates(b.Context()); err != nil {
		b.Fatal(err)
	}
	live, _ := rules.NewLive(content.Files)
	metrics := detect.NewMetrics(prometheus.NewRegistry())
	s.role, err = detect.New(detect.Parts{
		Config: detect.Config{Streams: streams(prefix), NewIncidents: unlimited}, State: s.state, Signaller: s, Rules: live, Metrics: metrics,
		Matcher: func(stream detect.Stream) (detect.Matcher, error) {
			return detect.NewRuleMatcher(live, stream, metrics, quiet)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// SignalIncident is the frontend's, and notes when it returned.
func (s *starts) SignalIncident(ctx context.Context, news activities.News) (activities.Started, error) {
	answer, err := s.incidents.SignalIncident(ctx, news)
	if err == nil && answer.Started {
		s.note(news.Entity.Name)
	}
	return answer, err
}

// SignalOpenIncident is the frontend's.
func (s *starts) SignalOpenIncident(ctx context.Context, news activities.News) (bool, error) {
	return s.incidents.SignalOpenIncident(ctx, news)
}

func (s *starts) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[name] = time.Now()
	if len(s.told) == s.want {
		close(s.all)
	}
}

// expect begins to wait for so many incidents.
func (s *starts) expect(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told, s.want, s.all = map[string]time.Time{}, n, make(chan struct{})
}

// during keeps steps of the role running until body returns.
func (s *starts) during(body func(), steps ...func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	var running sync.WaitGroup
	for _, step := range steps {
		running.Go(func() {
			if err := step(ctx); err != nil {
				s.Error(err)
			}
		})
	}
	body()
	cancel()
	running.Wait()
}

func (s *starts) dispatch(ctx context.Context) error {
	_, err := s.role.Dispatch(ctx, activities.DispatchRequest{Term: time.Hour})
	return err
}

// ledger writes n detections, each of an entity of its own.
func (s *starts) ledger(round, n int) {
	s.Helper()
	now := time.Now().UTC()
	var entries []opensearch.Entry
	for i := range n {
		entries = append(entries, opensearch.Entry{IndexCreated: now, Detection: soar.Detection{
			Rule: soar.Rule{ID: "r", Title: "rule", Level: soar.High}, Opens: true, Stream: "events", EventTime: now, ReadAt: now,
			Event: soar.EventRef{IndexUUID: s.prefix, Index: s.prefix + "1", ID: fmt.Sprint(round, "-", i)}, Entity: soar.Entity{Family: "host", Name: fmt.Sprint("host-", round, "-", i)},
		}})
	}
	if written, err := opensearch.NewLedger(s.state).Write(s.Context(), entries); err != nil || written != n {
		s.Fatalf("%d of %d detections written: %v", written, n, err)
	}
}

// bare starts n workflows by signal-with-start and nothing else, so many at a time, with the client and the server that the
// dispatcher has; it returns how long it took.
func (s *starts) bare(name string, n, sideBySide int) time.Duration {
	s.Helper()
	ids := make(chan string)
	var running sync.WaitGroup
	began := time.Now()
	for range sideBySide {
		running.Go(func() {
			for id := range ids {
				news := activities.News{Entity: soar.Entity{Family: "host", Name: id}, Detections: []soar.DetectionRef{{Index: "sallyport-detections-2026.11", ID: id}}}
				options := client.StartWorkflowOptions{TaskQueue: activities.Queue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE}
				if _, err := s.temporal.SignalWithStartWorkflow(s.Context(), id, activities.NewsSignal, news, options, activities.IncidentName, news.Entity); err != nil {
					s.Error(err)
				}
			}
		})
	}
	for i := range n {
		ids <- fmt.Sprint(name, "-", i)
	}
	close(ids)
	running.Wait()
	return time.Since(began)
}

// BenchmarkIncidentStarts starts as many incidents by bare signal-with-start, one after the other and four at a time as the
// dispatcher does, as by the dispatcher out of a ledger in OpenSearch, by turns on one server; it reports starts a second
// and the ratios. The dispatcher's time begins with its lease: it holds the cursor, the ledger's pages and the tokens.
func BenchmarkIncidentStarts(b *testing.B) {
	const incidents = 1000
	s := newStarts(b, func(string) []detect.Stream { return nil })
	s.bare("warm", 20, 4)
	var one, four, dispatcher time.Duration
	for round := range b.N {
		one += s.bare(fmt.Sprint("one-", round), incidents, 1)
		s.ledger(round, incidents)
		s.expect(incidents)
		began := time.Now()
		s.during(func() { <-s.all; dispatcher += time.Since(began) }, s.dispatch)
		four += s.bare(fmt.Sprint("four-", round), incidents, 4)
	}
	total := float64(incidents * b.N)
	b.ReportMetric(total/one.Seconds(), "bare-one/s")
	b.ReportMetric(total/four.Seconds(), "bare-four/s")
	b.ReportMetric(total/dispatcher.Seconds(), "dispatcher/s")
	b.ReportMetric(one.Seconds()/dispatcher.Seconds(), "dispatcher/bare-one")
	b.ReportMetric(four.Seconds()/dispatcher.Seconds(), "dispatcher/bare-four")
}

// BenchmarkSearchableToStarted writes an event every 193 ms, each of an agent of its own, into an index that refreshes every
// second; a stream of the shipped rules polls it every second at lag 0. It reports how long after an event can be found by a
// search the frontend has answered that its incident is started.
func BenchmarkSearchableToStarted(b *testing.B) {
	const events = 150
	s := newStarts(b, func(prefix string) []detect.Stream {
		lag := 0
		return []detect.Stream{{Name: "wazuh", Index: prefix + "*", Mapping: "wazuh4", From: detect.FromBeginning, Poll: time.Second, Lag: &lag}}
	})
	index := s.prefix + "1"
	settings := map[string]any{"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s"}
	mappings := map[string]any{"properties": map[string]any{"n": map[string]any{"type": "long"}}}
	if err := s.state.CreateIndex(b.Context(), index, map[string]any{"settings": settings, "mappings": mappings}); err != nil {
		b.Fatal(err)
	}
	var waits []time.Duration
	for round := range b.N {
		s.expect(events)
		var found map[string]time.Time
		read := func(ctx context.Context) error {
			_, err := s.role.ReadSlot(ctx, activities.SlotRequest{Stream: "wazuh", Slots: 1, Term: time.Hour})
			return err
		}
		s.during(func() {
			go s.write(index, round*events, events)
			found = s.searchable(index, round*events, events)
			<-s.all
		}, read, s.dispatch)
		for name, at := range found {
			waits = append(waits, s.told[name].Sub(at))
		}
	}
	slices.Sort(waits)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(waits[len(waits)*percent/100].Milliseconds()), fmt.Sprintf("p%d-ms", percent))
	}
}

// write writes n events, one by one, at a pace that keeps step with neither the refreshes nor the polls.
func (s *starts) write(index string, from, n int) {
	pace := time.NewTicker(193 * time.Millisecond)
	defer pace.Stop()
	for i := from; i < from+n; i++ {
		<-pace.C
		now := time.Now().UTC()
		event := map[string]any{
			"timestamp": now.Format("2006-01-02T15:04:05.000-0700"), "@timestamp": now, "id": fmt.Sprintf("%d.%d", now.Unix(), i), "n": i,
			"rule":  map[string]any{"id": "5763", "level": 10, "description": "sshd: brute force trying to get access to the system."},
			"agent": map[string]any{"id": fmt.Sprintf("%03d", i), "name": agentOf(i), "ip": "10.20.0.14"},
			"data":  map[string]any{"srcip": "203.0.113.66", "dstuser": "deploy"},
		}
		if _, err := s.state.CreateAll(s.Context(), []opensearch.NewDocument{{Index: index, ID: fmt.Sprint(i), Doc: event}}); err != nil {
			s.Error(err)
		}
	}
}

func agentOf(i int) string { return fmt.Sprint("agent-", i) }

// searchable searches for n events until all are found, and says when each was first.
func (s *starts) searchable(index string, from, n int) map[string]time.Time {
	s.Helper()
	found := map[string]time.Time{}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for next := from; next < from+n; <-look.C {
		var page opensearch.Result
		body := map[string]any{"size": 100, "sort": []any{map[string]string{"n": "asc"}}, "query": map[string]any{"range": map[string]any{"n": map[string]any{"gte": next}}}}
		if err := s.state.Search(s.Context(), index, body, &page); err != nil {
			s.Fatal(err)
		}
		now := time.Now()
		for range page.Hits.Hits {
			found[agentOf(next)] = now
			next++
		}
	}
	return found
}
