package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/starter/cli"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// every is how often the show looks at its incidents.
const every = 250 * time.Millisecond

// show plays an attack and tells what becomes of it. It sees what an operator sees: records and the state query.
type show struct {
	streams cli.IO
	flags   demoFlags
	office  *lab.Lab
	config  daemon.Config
	ui      string
	prompt  *prompt

	temporal client.Client
	state    *opensearch.Client
	told     map[string]int              // per incident, how much of its timeline was printed
	answered map[string]bool             // requests that were decided here
	spared   map[string]bool             // of these, were denied since their target is protected
	seen     []activities.IncidentRecord // as last looked at
}

func (s *show) run(ctx context.Context, events [][]byte) error {
	s.told, s.answered, s.spared = map[string]int{}, map[string]bool{}, map[string]bool{}
	var err error
	if s.temporal, err = s.config.Temporal.DialOnce(ctx, demoLogger(s.streams, s.flags)); err != nil {
		return cli.Failed(err)
	}
	defer s.temporal.Close()
	if s.state, err = opensearch.Open(ctx, s.config.OpenSearch); err != nil {
		return cli.Failed(err)
	}
	played, err := s.office.Play(ctx, events)
	if err != nil {
		return cli.Failed(fmt.Errorf("play events: %w", err))
	}
	s.say("%d events of the attack are in OpenSearch, as if they happened just now.", played.Count)
	if !s.flags.yes {
		go s.prompt.read(s.streams.In)
	}
	if err := s.follow(ctx, played); err != nil {
		return err
	}
	return s.conclude(ctx)
}

// follow looks until every incident is closed, or nothing was opened.
func (s *show) follow(ctx context.Context, played lab.Played) error {
	for {
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			return cli.Failed(err)
		}
		for _, record := range s.seen {
			s.tell(record)
		}
		s.askWhatWaits(ctx)
		if len(s.seen) > 0 && !slices.ContainsFunc(s.seen, func(r activities.IncidentRecord) bool { return r.Closed == nil }) {
			return nil
		}
		if len(s.seen) == 0 {
			done, err := s.office.Evaluated(ctx, s.state, played)
			if err == nil && done {
				return cli.NothingHappened(errors.New("every event was evaluated, and none opened an incident: nothing was done"))
			}
		}
		select {
		case <-ctx.Done():
			return s.cutShort(ctx)
		case line := <-s.prompt.heard():
			s.hear(ctx, line)
		case <-time.After(every):
		}
	}
}

// cutShort says why the demo ends before its time.
func (s *show) cutShort(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		fmt.Fprintln(s.streams.Out)
		return cli.Failed(fmt.Errorf("interrupted: %s; Temporal and the lab end, and nothing is left behind", s.standing()))
	}
	return cli.Failed(fmt.Errorf("not over in time: %s", s.standing()))
}

// refresh reads the written records, and asks the running workflows how they stand now.
func (s *show) refresh(ctx context.Context) error {
	written, err := opensearch.NewRecords(s.state).ListRecords(ctx, "", opensearch.MaxRecords)
	if err != nil {
		return fmt.Errorf("look at incidents: %w", err)
	}
	for i, record := range written {
		if record.Closed != nil {
			continue
		}
		answer, err := s.temporal.QueryWorkflow(ctx, record.Key, "", activities.StateQuery)
		var now activities.IncidentRecord
		if err == nil && answer.Get(&now) == nil && now.ID == record.ID {
			written[i] = now
		}
	}
	slices.SortFunc(written, func(a, b activities.IncidentRecord) int { return a.Opened.Compare(b.Opened) })
	s.seen = written
	return nil
}

func (s *show) tell(r activities.IncidentRecord) {
	known := s.told[r.ID]
	if known > 0 && known >= len(r.Timeline) {
		return
	}
	s.prompt.above(func() {
		if known == 0 {
			s.line(r.Opened.Local(), "Incident "+cli.Printable(r.Entity.String())+": "+cli.Printable(r.Title))
			fmt.Fprintf(s.streams.Out, "%s%s/namespaces/%s/workflows/%s\n", indent, s.ui, s.config.Temporal.Namespace, escapeID(r.Key))
		}
		for _, entry := range r.Timeline[min(known, len(r.Timeline)):] {
			s.line(entry.At.Local(), strings.ReplaceAll(cli.Printable(entry.Text), soar.BlockAddress+" ", "block "))
		}
	})
	s.told[r.ID] = len(r.Timeline)
}

func (s *show) say(format string, args ...any) { s.line(time.Now(), fmt.Sprintf(format, args...)) }

func (s *show) line(at time.Time, text string) {
	fmt.Fprintf(s.streams.Out, "%s  %s\n", s.prompt.look.faint(at.Format(time.TimeOnly)), s.prompt.look.broken(text))
}

// askWhatWaits decides what waits: by the person at the prompt, or with --yes by a second lab person, both by the one
// Decide. A question that was decided elsewhere, or has expired, is taken back.
func (s *show) askWhatWaits(ctx context.Context) {
	var waiting []activities.PendingApproval
	for _, r := range s.seen {
		waiting = append(waiting, r.Pending...)
	}
	if open := s.prompt.open; open != nil {
		if slices.ContainsFunc(waiting, func(p activities.PendingApproval) bool { return p.Request == open.Request }) {
			return
		}
		fmt.Fprintln(s.streams.Out, "\n    That question is over: it was decided elsewhere, or its time is up.")
		s.prompt.open = nil
	}
	for _, p := range waiting {
		if s.answered[p.Request] {
			continue
		}
		switch {
		case s.flags.yes:
			s.approve(ctx, p)
		case s.prompt.ended:
			s.settle(ctx, p, s.office.First(), false)
		default:
			s.prompt.ask(p)
			return // one question at a time
		}
	}
}

// hear takes a line as the answer to the open question.
func (s *show) hear(ctx context.Context, line typed) {
	approve, known := s.prompt.answer(line)
	if !known {
		return
	}
	open := *s.prompt.open
	s.prompt.open = nil
	s.settle(ctx, open, s.office.First(), approve)
}

// approve is the second lab person's answer to everything: yes, but to what touches a protected asset. Two people may
// override that, and a demonstration is none of them.
func (s *show) approve(ctx context.Context, p activities.PendingApproval) {
	err := s.decide(ctx, p, s.office.Second(), true)
	if err != nil && strings.Contains(err.Error(), "--override-protected") {
		s.say("%s denies it: %v", s.office.Second().Name, err)
		s.spared[p.Request] = true
		s.settle(ctx, p, s.office.Second(), false)
		return
	}
	if s.answered[p.Request] = err == nil; err != nil && ctx.Err() == nil {
		s.say("The answer was not recorded: %v", err)
	}
}

// settle delivers a decision; one that was not recorded is asked for again.
func (s *show) settle(ctx context.Context, p activities.PendingApproval, person lab.Person, approve bool) {
	s.answered[p.Request] = true
	if err := s.decide(ctx, p, person, approve); err != nil && ctx.Err() == nil {
		s.say("The answer was not recorded: %v", err)
		delete(s.answered, p.Request)
	}
}

func (s *show) decide(ctx context.Context, p activities.PendingApproval, person lab.Person, approve bool) error {
	key, err := policy.LoadPrivateKey(person.Key)
	if err != nil {
		return err
	}
	_, err = cli.Decide(ctx, s.temporal, p.Workflow, key, soar.Decision{
		Request: p.Request, Digest: p.Digest, By: person.Name, Approve: approve, Method: "cli", SignedAt: time.Now().UTC(),
	})
	return err
}

func escapeID(id string) string { return strings.ReplaceAll(id, "/", "%2F") }

// standing says in one line what is not over.
func (s *show) standing() string {
	var open []string
	for _, r := range s.seen {
		if r.Closed == nil {
			open = append(open, r.Key+" is "+r.Status)
		}
	}
	if len(open) == 0 {
		return "no incident was opened"
	}
	return strings.Join(open, ", ")
}
