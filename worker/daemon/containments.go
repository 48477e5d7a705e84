package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// overdueAfter is how long after its expiry a containment that is still live counts as overdue: a release takes a moment.
const overdueAfter = 5 * time.Minute

// scrapeWithin bounds the look into the register that a scrape costs.
const scrapeWithin = 5 * time.Second

// containments shows how the register's containments stand, each time somebody asks.
type containments struct {
	register interface {
		Live(ctx context.Context) ([]soar.RegisterEntry, error)
	}
	log            *slog.Logger
	now            func() time.Time
	state, overdue *prometheus.Desc
}

func newContainments(register interface {
	Live(ctx context.Context) ([]soar.RegisterEntry, error)
}, log *slog.Logger, now func() time.Time,
) *containments {
	return &containments{
		register: register, log: log, now: now,
		state:   prometheus.NewDesc("sallyport_containments", "Containments that are not over, by how they stand; unconfirmed ones were asked for and not seen.", []string{"state"}, nil),
		overdue: prometheus.NewDesc("sallyport_containments_overdue", "Containments whose expiry has passed by five minutes and that are not read back as gone.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *containments) Describe(to chan<- *prometheus.Desc) { to <- c.state; to <- c.overdue }

// Collect implements prometheus.Collector. A register that can't be read shows nothing, which is not zero.
func (c *containments) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	entries, err := c.register.Live(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "containments not counted", "error", err)
		return
	}
	states, overdue := map[soar.State]int{soar.Planned: 0, soar.Contained: 0, soar.Unconfirmed: 0}, 0
	for _, entry := range entries {
		for _, held := range entry.Live() {
			states[held.State]++
			if held.Expires.Add(overdueAfter).Before(c.now()) {
				overdue++
			}
		}
	}
	for state, n := range states {
		to <- prometheus.MustNewConstMetric(c.state, prometheus.GaugeValue, float64(n), string(state))
	}
	to <- prometheus.MustNewConstMetric(c.overdue, prometheus.GaugeValue, float64(overdue))
}
