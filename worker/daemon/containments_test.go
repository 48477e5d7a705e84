package daemon

import (
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestContainmentsAreCounted(t *testing.T) {
	server := opensearchtest.NewServer(t)
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	register, now := opensearch.NewRegister(client), time.Now()
	for id, held := range map[string]soar.Containment{
		"a": {State: soar.Contained, Expires: now.Add(time.Hour)},
		"b": {State: soar.Contained, Expires: now.Add(-time.Minute)},        // its release is under way
		"c": {State: soar.Unconfirmed, Expires: now.Add(-10 * time.Minute)}, // nobody released it
		"d": {State: soar.Released, Expires: now.Add(-time.Hour)},
	} {
		held.Action = soar.Action{ID: id, Kind: soar.BlockAddress, System: "pfsense", Target: "203.0.113." + id}
		if err := register.Change(t.Context(), held.Action.Key(), func(e *soar.RegisterEntry) error { e.Put(held); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	counted := newContainments(register, slog.New(slog.DiscardHandler), func() time.Time { return now })
	want := map[string]float64{
		"sallyport_containments/contained": 2, "sallyport_containments/planned": 0, "sallyport_containments/unconfirmed": 1, "sallyport_containments_overdue": 1,
	}
	if got := shown(t, counted); !maps.Equal(got, want) {
		t.Errorf("shown %v, want %v", got, want)
	}
	server.Close()
	if got := shown(t, counted); len(got) != 0 {
		t.Errorf("a register that can't be read shows %v", got)
	}
}

// shown is what a scrape sees, by name and label.
func shown(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += "/" + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue()
		}
	}
	return values
}
