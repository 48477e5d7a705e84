package detect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// dispatch keeps the dispatcher running until stop is called. faster turns a second into so many.
func (b *bench) dispatch(config detect.Config, faster float64) (stop func()) {
	b.Helper()
	return b.dispatchTo(b.signaller, config, faster)
}

// dispatchNew is dispatch with a bucket of new incidents, and holds to it at each start that more never start than it gives.
func (b *bench) dispatchNew(bucket detect.NewIncidents, faster float64, started func(n int)) {
	b.Helper()
	full := time.Now()
	b.signaller.onStart = func(i *incidents) {
		n := i.started - min(1, len(i.told["incident/sallyport/dispatcher"]))
		if given := bucket.Burst + int(time.Since(full).Hours()*faster*float64(bucket.PerHour)) + 1; n > given {
			b.Errorf("%d incidents after %s, the bucket gives %d", n, time.Since(full), given)
		}
		started(n)
	}
	b.dispatch(detect.Config{NewIncidents: bucket}, faster)
}

// dispatchTo is dispatch with a frontend that is more than which incidents run.
func (b *bench) dispatchTo(frontend detect.Signaller, config detect.Config, faster float64) (stop func()) {
	b.Helper()
	begin := time.Now()
	d, err := detect.New(detect.Parts{
		Config: config, State: b.client, Signaller: frontend, Metrics: b.metrics,
		Matcher: func(detect.Stream) (detect.Matcher, error) { return everyEvent{}, nil },
		Now:     func() time.Time { return begin.Add(time.Duration(faster * float64(time.Since(begin)))) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := d.Dispatch(ctx, activities.DispatchRequest{Term: time.Minute}); err != nil {
				b.Log(err)
			}
		}
	}()
	stop = func() { cancel(); <-done }
	b.Cleanup(stop)
	return stop
}

// detections writes n detections of one host straight into the ledger.
func (b *bench) detections(ids, host string, n int, change ...func(*soar.Detection)) (refs []soar.DetectionRef) {
	b.Helper()
	entries := b.entries(ids, host, n, change...)
	for _, entry := range entries {
		refs = append(refs, opensearch.DetectionRefFor(entry.Detection, entry.IndexCreated))
	}
	if written, err := opensearch.NewLedger(b.client).Write(b.Context(), entries); err != nil || written != n {
		b.Fatalf("%d of %d detections written: %v", written, n, err)
	}
	return refs
}

// entries are n detections of one host.
func (b *bench) entries(ids, host string, n int, change ...func(*soar.Detection)) (entries []opensearch.Entry) {
	created := time.Now()
	for i := range n {
		d := soar.Detection{
			Rule: soar.Rule{ID: "r", Title: "rule", Level: soar.High}, Opens: true, Stream: "events",
			Event:     soar.EventRef{IndexUUID: b.prefix, Index: b.prefix + "1", ID: fmt.Sprintf("%s-%d", ids, i)},
			EventTime: created.Add(time.Duration(i) * time.Millisecond).UTC(), ReadAt: created.UTC(), Entity: soar.Entity{Family: "host", Name: host},
		}
		for _, c := range change {
			c(&d)
		}
		entries = append(entries, opensearch.Entry{Detection: d, IndexCreated: created})
	}
	return entries
}

func weak(d *soar.Detection) { d.Rule.Level, d.Opens = soar.Low, false }

func TestOpenOrJoin(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		b.signaller.set(func(i *incidents) { i.running["incident/host/running"] = true })
		for host, change := range map[string]func(*soar.Detection){
			"high":              func(d *soar.Detection) { d.Opens = false },
			"critical":          func(d *soar.Detection) { d.Opens, d.Rule.Level = false, soar.Critical },
			"opens-by-its-rule": func(d *soar.Detection) { d.Rule.Level = soar.Low },
			"weak":              weak,
			"late":              func(d *soar.Detection) { d.Late = true },
			"suppressed":        func(d *soar.Detection) { d.SuppressedBy = "allow-list" },
			"claimed":           func(d *soar.Detection) { d.IncidentID = "another" },
			"running":           weak,
		} {
			b.detections(host, host, 1, change)
		}
		b.detections("last", "last", 1)
		b.dispatch(detect.Config{}, 1)
		told := func(host string) int {
			refs, _ := b.signaller.heard("incident/host/" + host)
			return len(refs)
		}
		b.until("the dispatcher has seen all", func() bool {
			return told("last")+told("running")+told("high")+told("critical")+told("opens-by-its-rule") == 5
		})
		for _, host := range []string{"weak", "late", "suppressed", "claimed"} {
			if told(host) != 0 {
				b.Errorf("%s opened an incident", host)
			}
		}
	})
}

// TestStorm sends 5,000 detections of one host: one incident, each detection told, in few signals.
func TestStorm(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		b.detections("storm", "web-01", 20)
		b.dispatch(detect.Config{}, 200)
		key := "incident/host/web-01"
		b.until("the first 20 are told", func() bool { refs, _ := b.signaller.heard(key); return len(refs) == 20 })
		if _, signals := b.signaller.heard(key); signals != 1 {
			b.Errorf("%d signals for the first 20", signals)
		}
		b.signaller.set(func(*incidents) { // the frontend answers nobody until all wait
			b.detections("more", "web-01", 4980)
			b.until("all wait", func() bool { return b.counter("sallyport_dispatch_waiting_detections") == 4980 })
		})
		b.until("all are told", func() bool { refs, _ := b.signaller.heard(key); return len(refs) == 5000 })
		_, signals := b.signaller.heard(key)
		if b.signaller.started != 1 || signals > 12 { // of 500 each, after the first and the one that was under way
			b.Errorf("%d incidents, %d signals", b.signaller.started, signals)
		}
	})
}

// TestOverload opens no more incidents than the config lets, says so, and forgets none.
func TestOverload(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 30 {
		b.detections(fmt.Sprint("d", i), fmt.Sprintf("host-%d", i), 1)
	}
	b.dispatchNew(detect.NewIncidents{Burst: 5, PerHour: 120}, 200, func(int) {})
	own := "incident/sallyport/dispatcher"
	b.until("an incident says that there are too many", func() bool { refs, _ := b.signaller.heard(own); return len(refs) > 0 })
	b.until("all are told in the end", func() bool {
		for i := range 30 {
			if refs, _ := b.signaller.heard(fmt.Sprintf("incident/host/host-%d", i)); len(refs) != 1 {
				return false
			}
		}
		return true
	})
}

// TestOverloadIsShown for as long as an incident waits for a token, not only while one is asked for.
func TestOverloadIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 3 {
		b.detections(fmt.Sprint("d", i), fmt.Sprintf("host-%d", i), 1)
	}
	b.dispatch(detect.Config{NewIncidents: detect.NewIncidents{Burst: 1, PerHour: 1}}, 1)
	b.until("new incidents wait", func() bool { return b.counter("sallyport_dispatch_overload") == 1 })
	for polls := b.server.Calls("stats"); b.server.Calls("stats") < polls+4; {
		if b.counter("sallyport_dispatch_overload") != 1 {
			t.Fatal("two incidents wait for a token, and the gauge says that none does")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestDispatcherKilled ends the dispatcher while the frontend is down: its successor tells what it did not.
func TestDispatcherKilled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		b.signaller.set(func(i *incidents) { i.down = true })
		b.detections("a", "web-01", 30)
		stop := b.dispatch(detect.Config{}, 1)
		b.until("signals fail", func() bool { return b.counter("sallyport_dispatch_failures_total") > 0 })
		stop()
		for _, position := range b.cursorOf("dispatcher").Shards {
			if position.Seq != -1 {
				b.Errorf("the cursor stands at %d, past what nobody was told", position.Seq)
			}
		}
		b.signaller.set(func(i *incidents) { i.down = false })
		b.dispatch(detect.Config{}, 1)
		b.until("all 30 are told", func() bool { refs, _ := b.signaller.heard("incident/host/web-01"); return len(refs) == 30 })
		b.until("the cursor is at the end", func() bool {
			shards := b.cursorOf("dispatcher").Shards
			return len(shards) == 1 && shards[0].Seq == 29
		})
	})
}

func TestClaim(t *testing.T) {
	onBoth(t, func(b *bench) {
		refs := b.detections("c", "h-"+b.prefix, 40, func(d *soar.Detection) { d.Observables = []soar.Observable{{Type: "ip", Value: "203.0.113.9"}} })
		d := b.detect(detect.Config{})
		claim := func(incident string, number int, refs []soar.DetectionRef) activities.Claimed {
			b.Helper()
			claimed, err := d.ClaimDetections(b.Context(), activities.ClaimRequest{Incident: incident, Claim: number, Detections: refs})
			if err != nil {
				b.Fatal(err)
			}
			return claimed
		}
		if first := claim("one", 1, refs[:30]); first.Count != 30 || first.News.Detections != 30 || first.News.Level != soar.High || len(first.News.Observables) != 1 {
			b.Errorf("first claim: %+v", first)
		}
		if again := claim("one", 1, append(refs[:30:30], refs[0])); again.Count != 30 {
			b.Errorf("the same claim again counts %d, want 30", again.Count)
		}
		if told := claim("one", 2, refs[20:32]); told.Count != 2 || told.News.Detections != 2 {
			b.Errorf("a later claim counts %d, want the 2 that are new", told.Count)
		}
		if second := claim("two", 1, refs); second.Count != 8 || second.News.Detections != 8 {
			b.Errorf("another incident claims %d, want the 8 that are free", second.Count)
		}
		if late := claim("three", 1, refs); late.Count != 0 {
			b.Errorf("a third claims %d, want none", late.Count)
		}
		foreign := []soar.DetectionRef{{Index: "sallyport-audit-2026.11", ID: "x"}}
		if _, err := d.ClaimDetections(b.Context(), activities.ClaimRequest{Incident: "one", Detections: foreign}); err == nil {
			b.Error("a claim outside the ledger was taken")
		}
		gone := []soar.DetectionRef{refs[0], {Index: refs[0].Index, ID: "dropped"}}
		if got := claim("one", 1, gone); got.Count != 1 {
			b.Errorf("with one that is not there: %d, want 1", got.Count)
		}
	})
}

// TestClaimRace lets ten incidents claim the same detections at once: each counts for exactly one.
func TestClaimRace(t *testing.T) {
	onBoth(t, func(b *bench) {
		refs := b.detections("race", "r-"+b.prefix, 60)
		d := b.detect(detect.Config{})
		counts := make(chan int)
		for i := range 10 {
			go func() {
				claimed, err := d.ClaimDetections(b.Context(), activities.ClaimRequest{Incident: fmt.Sprint("incident-", i), Detections: refs})
				if err != nil {
					b.Errorf("claim: %v", err)
				}
				counts <- claimed.Count
			}()
		}
		sum := 0
		for range 10 {
			sum += <-counts
		}
		if sum != 60 {
			b.Errorf("60 detections counted %d times", sum)
		}
	})
}
