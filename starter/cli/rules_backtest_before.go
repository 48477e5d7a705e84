package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules/backtest"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// readBefore lets correlations, their silences and risk know what lies before the window, as they would have. What is found
// there goes to a test of its own, which nobody sees. Where the cluster does not give it the window is read all the same.
func (b *backtesting) readBefore(ctx context.Context, cluster *opensearch.Client, window opensearch.Window, setup backtest.Setup, load opensearch.Load) {
	span := setup.Before
	if span <= 0 {
		return
	}
	window.From, window.To = window.From.Add(-span), window.From
	setup.From, setup.To, setup.Propose = window.From, window.To, nil
	b.test = backtest.New(setup)
	err := b.open(ctx, cluster, window)
	if err == nil {
		err = b.read(ctx, load)
	}
	if err != nil && ctx.Err() == nil {
		b.partial = append(b.partial, fmt.Sprintf("correlations and risk know only a part of the %s before --from: %s", span, oneLine(err.Error())))
	}
	b.before = b.now.Counts()
}

// memory is how long before the window reading begins: what --before says, or as long as anything may matter, but then no
// longer than the window itself or a day, whichever is longer. A risk remembers for days, and nobody wants to read a week
// to test an hour.
func (b *backtesting) memory(before string, window time.Duration) (time.Duration, error) {
	if before != "" {
		span, err := time.ParseDuration(before)
		if err != nil || span < 0 {
			return 0, fmt.Errorf("--before: %q is no length of time: write 12h, or 0s for nothing", before)
		}
		return span, nil
	}
	longest := b.now.Reach()
	if b.inUse != nil {
		longest = max(longest, b.inUse.Reach())
	}
	return min((longest + time.Minute - 1).Truncate(time.Minute), max(window, 24*time.Hour)), nil
}

// open makes the copy of a window, which read reads.
func (b *backtesting) open(ctx context.Context, cluster *opensearch.Client, window opensearch.Window) error {
	history, err := cluster.OpenHistory(ctx, window)
	if err == nil {
		b.history = history
		return nil
	}
	b.history = &opensearch.History{Field: b.history.Field}
	if errors.Is(err, opensearch.ErrNoTime) {
		return err
	}
	return bad(fmt.Errorf("stream %s: %w", b.stream.Name, err))
}

// read reads the copy to its end, and closes it.
func (b *backtesting) read(ctx context.Context, load opensearch.Load) error {
	b.progress = progress{streams: b.streams, total: b.history.Documents, began: time.Now()}
	load.Waited = b.progress.waited
	reading := b.history.Read(ctx, load, b.take)
	b.progress.end()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := b.history.Close(closing); err != nil {
		fmt.Fprintln(b.streams.Err, "the server keeps its copy for ten minutes more:", Printable(err.Error()))
	}
	return reading
}

// forgotten tells of what was put out before the window, since counts leave that out.
func (b *backtesting) forgotten() (assumptions []string) {
	for _, before := range b.before {
		if before.Evicted > 0 {
			return []string{"Of what lies before the window correlations forgot a part for their bounds; evicted counts what they forgot within it."}
		}
	}
	return nil
}

// counts are what became of correlations' events within the window.
func (b *backtesting) counts() map[string]correlate.Counts {
	counts := b.now.Counts()
	for rule, before := range b.before {
		now := counts[rule]
		counts[rule] = correlate.Counts{Evicted: now.Evicted - before.Evicted, Late: now.Late - before.Late, Silent: now.Silent - before.Silent}
	}
	return counts
}
