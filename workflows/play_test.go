package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// start starts a workflow as the play begins.
func (w *world) start(id, kind string, args ...any) { w.startAt(0, id, kind, args...) }

func (w *world) startAt(after time.Duration, id, kind string, args ...any) {
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(deliverSignal, delivery{ID: id, Type: kind, Args: args}) }, after)
}

// plays lets that much virtual time pass, and then whatever still holds something end.
func (w *world) plays(lasts time.Duration) {
	w.t.Helper()
	w.env.ExecuteWorkflow(stage, lasts)
	if err := w.env.GetWorkflowError(); err != nil {
		w.t.Fatal(err)
	}
	for _, err := range w.front.failed {
		if !temporal.IsTerminatedError(err) && !w.mayFail {
			w.t.Error(err)
		}
	}
}

// at looks at the world, or changes it, after that much virtual time. A look that never came to pass fails the test.
func (w *world) at(after time.Duration, look func()) {
	came := false
	w.env.RegisterDelayedCallback(func() { came = true; look() }, after)
	w.t.Cleanup(func() {
		if !came {
			w.t.Errorf("nothing was left to look at after %s", after)
		}
	})
}

// detection is one of the attacked host's; change makes it another.
func (w *world) detection(change ...func(*soar.Detection)) soar.Detection {
	w.events++
	d := soar.Detection{
		Rule: soar.Rule{ID: "ssh-brute-force", Title: "Brute force over ssh", Level: soar.High}, Stream: "wazuh",
		Event:     soar.EventRef{IndexUUID: "u-1", Index: "wazuh-alerts-4.x-1", ID: fmt.Sprint("event-", w.events)},
		EventTime: w.env.Now().UTC(), ReadAt: w.env.Now().UTC(), Entity: soar.Entity{Family: "host", Name: "shop-01"},
		Asset:       soar.Asset{Name: "shop-01", AgentID: "004", Address: "10.20.0.14"},
		Observables: []soar.Observable{{Type: "ip", Value: attacker}}, Tactics: []string{"credential-access"}, Summary: "failed logins", Opens: true,
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

func from(addresses ...string) func(*soar.Detection) {
	return func(d *soar.Detection) {
		d.Observables = nil
		for _, a := range addresses {
			d.Observables = append(d.Observables, soar.Observable{Type: "ip", Value: a})
		}
	}
}

func tactic(name string) func(*soar.Detection) {
	return func(d *soar.Detection) { d.Tactics = []string{name} }
}

func lasting(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

// detected puts a detection into the ledger, and returns where it lies.
func (w *world) detected(change ...func(*soar.Detection)) soar.DetectionRef {
	w.t.Helper()
	d := w.detection(change...)
	if _, err := w.ledger.Write(context.Background(), []opensearch.Entry{{Detection: d, IndexCreated: w.began}}); err != nil {
		w.t.Fatal(err)
	}
	return opensearch.DetectionRefFor(d, w.began)
}

// attacked is a detection of which the incident is told after that much time.
func (w *world) attacked(after time.Duration, change ...func(*soar.Detection)) {
	w.env.RegisterDelayedCallback(func() { w.news(w.detected(change...)) }, after)
}

// news tells the host's incident, as the dispatcher does.
func (w *world) news(refs ...soar.DetectionRef) {
	news := activities.News{Entity: soar.Entity{Family: "host", Name: "shop-01"}, Detections: refs}
	w.env.SignalWorkflow(deliverSignal, delivery{ID: host, Type: activities.IncidentName, Args: []any{news.Entity, nil}, Signal: activities.NewsSignal, Payload: news})
}

// record is the newest record of the host's incidents.
func (w *world) record() activities.IncidentRecord {
	w.t.Helper()
	records := w.records()
	if len(records) == 0 {
		w.t.Fatal("no incident has a record")
	}
	return records[len(records)-1]
}

// records are those of all episodes, the oldest first.
func (w *world) records() []activities.IncidentRecord {
	w.t.Helper()
	records, err := opensearch.NewRecords(w.state).ListRecords(context.Background(), "", opensearch.MaxRecords)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(records, func(a, b activities.IncidentRecord) int { return a.Opened.Compare(b.Opened) })
	return records
}

// now is what the running incident says of itself.
func (w *world) now() (record activities.IncidentRecord) {
	w.t.Helper()
	answer, err := w.env.QueryWorkflowByID(host, activities.StateQuery)
	if err == nil {
		err = answer.Get(&record)
	}
	if err != nil {
		w.t.Error(err)
	}
	return record
}

// action is the one on that system and target, as the record has it.
func (w *world) action(r activities.IncidentRecord, system, target string) activities.ActionRecord {
	w.t.Helper()
	at := slices.IndexFunc(r.Actions, func(a activities.ActionRecord) bool { return a.System == system && a.Target == target })
	if at < 0 {
		w.t.Errorf("no action on %s against %s among %+v", system, target, r.Actions)
		return activities.ActionRecord{}
	}
	return r.Actions[at]
}

// held fails the test unless exactly this is blocked: "pfsense ADDRESS", "agent NAME ADDRESS".
func (w *world) held(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.office.Blocked(context.Background()); !slices.Equal(got, want) {
		w.t.Errorf("after %s blocked: %v, want %v", w.env.Now().Sub(w.began).Round(time.Second), got, want)
	}
}

// decides lets a person answer what waits on a system, by command line. change spoils the decision before it is signed.
func (w *world) decides(after time.Duration, person, system string, change ...func(*soar.Decision)) *answer {
	got := &answer{}
	w.at(after, func() { w.decide(got, person, system, change...) })
	return got
}

func (w *world) decide(got *answer, person, system string, change ...func(*soar.Decision)) {
	w.t.Helper()
	cards := w.board.shown(system)
	if len(cards) == 0 {
		w.t.Errorf("nobody was asked about %s", system)
		return
	}
	card := cards[len(cards)-1]
	d := soar.Decision{Request: card.Request, Digest: card.Digest, By: person, Approve: true, Method: policy.MethodCLI, SignedAt: w.env.Now().UTC()}
	for _, c := range change {
		c(&d)
	}
	if d.Signature == nil {
		d = policy.SignDecision(w.keys[person], d)
	}
	if err := w.front.update(card.Workflow, activities.DecideUpdate, got, d); err != nil {
		got.rejected = err
	}
}

func denies(d *soar.Decision) { d.Approve = false }

// told fails the test unless the incident's timeline has a line with each of the words.
func (w *world) told(r activities.IncidentRecord, words ...string) {
	w.t.Helper()
	var lines []string
	for _, entry := range r.Timeline {
		lines = append(lines, entry.Text)
	}
	for _, word := range words {
		if !strings.Contains(strings.Join(lines, "\n"), word) {
			w.t.Errorf("the timeline does not say %q:\n%s", word, strings.Join(lines, "\n"))
		}
	}
}

// suggests lets the server suggest a new run to a workflow whose history has grown long.
type suggests struct {
	interceptor.WorkerInterceptorBase
	stage *workflow.Info    // to which the environment suggests it, always
	runs  map[string]string // workflow id to its run
	long  map[string]bool   // runs whose history is long
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (s *suggests) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &suggestingIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, s}
}

type suggestingIn struct {
	interceptor.WorkflowInboundInterceptorBase
	*suggests
}

// Init implements interceptor.WorkflowInboundInterceptor.
func (s *suggestingIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return s.Next.Init(&suggestingOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}, s.suggests})
}

type suggestingOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	*suggests
}

// GetInfo implements interceptor.WorkflowOutboundInterceptor.
func (s *suggestingOut) GetInfo(ctx workflow.Context) *workflow.Info {
	info := s.Next.GetInfo(ctx)
	if info.ParentWorkflowExecution == nil {
		s.stage = info
		return info
	}
	s.runs[info.WorkflowExecution.ID] = info.WorkflowExecution.RunID
	if !s.long[info.WorkflowExecution.RunID] {
		return info
	}
	long := *s.stage
	long.WorkflowExecution, long.FirstRunID, long.WorkflowType = info.WorkflowExecution, info.FirstRunID, info.WorkflowType
	long.ParentWorkflowExecution = info.ParentWorkflowExecution
	return &long
}

// grows lets the history of a workflow's present run become too long.
func (w *world) grows(id string) {
	w.env.SetContinueAsNewSuggested(true)
	w.suggests.long[w.suggests.runs[id]] = true
}
