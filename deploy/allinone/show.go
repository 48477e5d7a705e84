package main

import (
	"bufio"
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

// look is how often the show looks at its incidents.
const look = 250 * time.Millisecond

// show plays an attack and tells what becomes of it. It sees what an operator sees: records and the state query.
type show struct {
	streams cli.IO
	flags   demoFlags
	office  *lab.Lab
	config  daemon.Config
	ui      string
	in      *bufio.Reader

	temporal client.Client
	state    *opensearch.Client
	told     map[string]int              // per incident, how much of its timeline was printed
	answered map[string]bool             // requests that were decided here
	seen     []activities.IncidentRecord // as last looked at
}

func (s *show) run(ctx context.Context, events [][]byte) error {
	s.told, s.answered = map[string]int{}, map[string]bool{}
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
			if err := s.answer(ctx, record); err != nil {
				return err
			}
		}
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
			return cli.Failed(fmt.Errorf("not over in time: %s", s.standing()))
		case <-time.After(look):
		}
	}
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
	if s.told[r.ID] == 0 {
		s.say("Incident %s: %s\n        %s/namespaces/%s/workflows/%s", cli.Printable(r.Entity.String()), cli.Printable(r.Title), s.ui, s.config.Temporal.Namespace, escapeID(r.Key))
	}
	for _, entry := range r.Timeline[min(s.told[r.ID], len(r.Timeline)):] {
		fmt.Fprintf(s.streams.Out, "%s  %s\n", entry.At.Local().Format(time.TimeOnly), cli.Printable(entry.Text))
	}
	s.told[r.ID] = len(r.Timeline)
}

func (s *show) say(format string, args ...any) {
	fmt.Fprintf(s.streams.Out, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// answer decides what waits: by the person at the prompt, or with --yes by a second lab person, both by the one Decide.
func (s *show) answer(ctx context.Context, r activities.IncidentRecord) error {
	for _, p := range r.Pending {
		if s.answered[p.Request] {
			continue
		}
		s.answered[p.Request] = true
		person, approve := s.office.Second(), true
		if !s.flags.yes {
			person = s.office.First()
			approve = s.ask(p)
		}
		if err := s.decide(ctx, p, person, approve); err != nil && ctx.Err() == nil {
			s.say("Your answer was not recorded: %v", err)
			delete(s.answered, p.Request)
		}
	}
	return nil
}

func (s *show) ask(p activities.PendingApproval) bool {
	for _, a := range p.Actions {
		fmt.Fprintf(s.streams.Out, "\n    May Sallyport %s? %s\n", cli.Printable(plain(a)), cli.Printable(a.Reason))
	}
	fmt.Fprintf(s.streams.Out, "    Approve? [y/N] (silence means no at %s) ", p.Expires.Local().Format(time.TimeOnly))
	line, err := s.in.ReadString('\n')
	if err != nil {
		fmt.Fprintln(s.streams.Out, "\n    There is nobody to ask: no.")
	}
	return strings.EqualFold(strings.TrimSpace(line), "y") || strings.EqualFold(strings.TrimSpace(line), "yes")
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

// plain is an action in plain words.
func plain(a soar.Action) string {
	switch a.Kind {
	case soar.BlockAddress:
		return fmt.Sprintf("block %s on %s for %s", a.Target, a.Place(), a.For)
	case soar.Patch:
		return fmt.Sprintf("patch %s with playbook %s", a.Target, a.Playbook)
	}
	return a.String()
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
