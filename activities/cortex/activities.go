// Package cortex asks Cortex's analyzers (VirusTotal, AbuseIPDB, ...) about an incident's observables. A job of the
// same question is found again in Cortex's own cache, so a retry asks nobody twice.
package cortex

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// System is Cortex's name as a source and in config.
const System = "cortex"

const (
	maxJobs    = 200 // of one question
	concurrent = 4   // jobs at a time: analyzers have quotas
	beat       = 3 * time.Second
	attempts   = 3 // of a source of enrichment: the last one answers with what it has
)

// Cortex is a source of enrichment.
type Cortex struct {
	client   client
	allowed  []string
	patience time.Duration
}

// question is one observable for one analyzer.
type question struct {
	analyzer analyzer
	about    soar.Observable
}

// outcome is what came of a question: a reading, or why there is none.
type outcome struct {
	reading soar.Reading
	failed  string // for people; "" when the analyzer answered
	broken  error  // Cortex itself could not be asked
}

// Ask asks each allowed analyzer about each observable that it knows. An analyzer that can't say is named in Detail and
// reads unknown; Cortex out of reach is an error, but on the last attempt what was learned is not thrown away.
func (c *Cortex) Ask(ctx context.Context, in activities.Inquiry) (soar.Answer, error) {
	answer := soar.Answer{Source: in.Source}
	ctx, cancel := context.WithTimeout(ctx, c.budget(ctx))
	defer cancel()
	stop := heartbeat(ctx)
	defer stop()
	questions, left, err := c.questions(ctx, in.Observables)
	if err != nil {
		return answer, fmt.Errorf("cortex: list analyzers: %w", err)
	}
	sum := summed(c.askAll(ctx, questions))
	if sum.broken != nil && (sum.answered == 0 || !lastAttempt(ctx)) {
		return answer, fmt.Errorf("cortex: %w", sum.broken)
	}
	answer.Readings = sum.readings
	answer.Answered = len(questions) == 0 || sum.answered > 0
	answer.Detail = clip(strings.Join(append(sum.failed, left...), "; "))
	return answer, nil
}

// total is what all questions came to.
type total struct {
	readings []soar.Reading
	answered int
	failed   []string // each analyzer and reason once
	broken   error    // the first
}

func summed(outcomes []outcome) (sum total) {
	for _, o := range outcomes {
		sum.readings = append(sum.readings, o.reading)
		why := o.failed
		if o.broken != nil {
			sum.broken, why = cmp.Or(sum.broken, o.broken), o.reading.Detail
		}
		if why == "" {
			sum.answered++
		} else if line := o.reading.Source + ": " + why; !slices.Contains(sum.failed, line) {
			sum.failed = append(sum.failed, line)
		}
	}
	return sum
}

// questions pairs observables with the allowed analyzers of their type. left says what is not asked, and why.
func (c *Cortex) questions(ctx context.Context, observables []soar.Observable) (out []question, left []string, err error) {
	found := map[string][]analyzer{}
	kept := 0
	for _, o := range observables {
		if !askable(o) {
			kept++
			continue
		}
		dataType := dataTypes[o.Type]
		if _, known := found[dataType]; !known {
			if found[dataType], err = c.allowedFor(ctx, dataType); err != nil {
				return nil, nil, err
			}
		}
		for _, a := range found[dataType] {
			out = append(out, question{a, o})
		}
	}
	if kept > 0 {
		left = append(left, fmt.Sprintf("%d of our own not shown to anyone", kept))
	}
	if len(out) > maxJobs {
		left = append(left, fmt.Sprintf("%d questions over the bound not asked", len(out)-maxJobs))
		out = out[:maxJobs]
	}
	return out, left, nil
}

func (c *Cortex) allowedFor(ctx context.Context, dataType string) ([]analyzer, error) {
	all, err := c.client.forType(ctx, dataType)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(a analyzer) bool { return a.ID == "" || !c.allows(a) }), nil
}

func (c *Cortex) allows(a analyzer) bool {
	return slices.Contains(c.allowed, a.Name) || slices.Contains(c.allowed, a.Definition)
}

// askAll asks a few at a time and keeps the questions' order.
func (c *Cortex) askAll(ctx context.Context, questions []question) []outcome {
	outcomes := make([]outcome, len(questions))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(concurrent, len(questions)) {
		workers.Go(func() {
			for i := range next {
				outcomes[i] = c.ask(ctx, questions[i])
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	workers.Wait()
	return outcomes
}

// ask runs one job to its end, or to ours.
func (c *Cortex) ask(ctx context.Context, q question) outcome {
	out := outcome{reading: soar.Reading{Source: System + "/" + q.analyzer.title(), About: q.about, Opinion: soar.Unknown}}
	now, err := c.client.run(ctx, q.analyzer.ID, dataTypes[q.about.Type], q.about.Value)
	for err == nil && (now.running() || len(now.Report) == 0) && ctx.Err() == nil {
		now, err = c.client.wait(ctx, now.ID, longPoll)
	}
	switch {
	case ctx.Err() != nil:
		out.failed = "no answer in time"
		out.reading.Detail = "no answer in time"
	case err != nil:
		out.failed, out.broken = refused(err)
		out.reading.Detail = "could not be asked"
	default:
		out.reading.Opinion, out.reading.Detail, out.failed = weigh(q.analyzer, now)
	}
	return out
}

func (a analyzer) title() string {
	if a.Definition != "" {
		return a.Definition
	}
	return a.Name
}

// budget is our own deadline: a job of a Cortex that was restarted may stay InProgress for ever.
func (c *Cortex) budget(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok { // leave the activity time to answer
		left := time.Until(deadline)
		return min(c.patience, left-min(left/10, 10*time.Second))
	}
	return c.patience
}

// heartbeat tells Temporal that we wait, not hang; it ends with ctx or stop.
func heartbeat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return cancel
}

func lastAttempt(ctx context.Context) bool {
	return activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt >= attempts
}
