package workflows_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/effect"
	tasks "github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/hunting"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/daemon"
	"github.com/sallyport-soar/sallyport/workflows"
)

// TestMain lets the test's binary be the lab's ansible-playbook.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "ansible-playbook" {
		os.Exit(ansibletest.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Who attacks, and whom.
const (
	attacker = "203.0.113.66" // threat intelligence knows it
	second   = "203.0.113.67"
	inside   = "10.98.0.19"
	host     = "incident/host/shop-01"
	day      = 24 * time.Hour
)

// settings are the times of an office that sets nothing.
var settings = activities.Settings{
	Quiet: day, Episode: 7 * day, ApprovalWindow: 4 * time.Hour, HoldFor: 30 * time.Minute, Settle: 15 * time.Minute,
	SourceTimeout: 2 * time.Minute, ScanTimeout: 2 * time.Hour, ConfirmWithin: 2 * time.Minute, ReadBack: 10 * time.Minute,
}

// world is the whole house but Temporal's server: real clients against the lab's stand-ins, in virtual time.
type world struct {
	t        *testing.T
	env      *testsuite.TestWorkflowEnvironment
	front    *frontend
	office   *lab.Lab
	state    *opensearch.Client
	ledger   *opensearch.Ledger
	policy   *policy.Policy
	envelope *effect.Envelope
	drivers  map[string]activities.Driver
	keys     map[string]ed25519.PrivateKey // by person
	board    *board
	suggests *suggests
	began    time.Time
	events   int
	mayFail  bool // a workflow of this play may end badly
	late     bool // an event comes late
}

// newWorld sets the office up; plans and policy lie over what is shipped, by their paths in content.
func newWorld(t *testing.T, overlay ...fstest.MapFS) *world {
	t.Helper()
	return newWorldOf(t, lab.RecordedAttack(), overlay...)
}

// newWorldOf is newWorld for an office that has the hosts of other events.
func newWorldOf(t *testing.T, events [][]byte, overlay ...fstest.MapFS) *world {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w := &world{t: t, env: suite.NewTestWorkflowEnvironment(), keys: map[string]ed25519.PrivateKey{}, board: &board{}}
	w.suggests = &suggests{runs: map[string]string{}, long: map[string]bool{}}
	w.env.SetWorkerOptions(worker.Options{Interceptors: append(daemon.Interceptors(), w.suggests), DeadlockDetectionTimeout: time.Minute})
	w.env.SetTestTimeout(time.Minute)
	w.began = w.env.Now()
	w.front = &frontend{env: w.env}
	w.front.watch()
	w.open(w.settle(events), overlay)
	w.env.RegisterWorkflow(stage)
	workflows.Register(w.env)
	gone := serviceerror.NewNotFound("no such workflow") // as the server says of one that never was
	w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(gone).Maybe()
	w.start(activities.LimitsID, activities.LimitsName, workflows.LimitsState{})
	return w
}

// settle starts the stand-ins and returns the config that names them. What happens in them happens in virtual time.
func (w *world) settle(events [][]byte) daemon.Config {
	w.t.Helper()
	program, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	w.office, err = lab.Start(context.Background(), lab.Options{
		Dir: w.t.TempDir(), Program: program, Events: events, Pace: lab.Pace{ScanStep: 5 * time.Millisecond}, Refresh: 5 * time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.office.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.office.Wazuh.SetClock(w.env.Now)
	w.office.Firewall.Faults.SetClock(w.env.Now)
	w.office.Wazuh.Faults.SetClock(w.env.Now)
	config, err := daemon.LoadConfig(w.office.ConfigFile())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, person := range []lab.Person{w.office.First(), w.office.Second()} {
		if w.keys[person.Name], err = policy.LoadPrivateKey(person.Key); err != nil {
			w.t.Fatal(err)
		}
	}
	return config
}

// open binds every step as the daemon does.
func (w *world) open(c daemon.Config, overlay []fstest.MapFS) {
	w.t.Helper()
	ctx := context.Background()
	systems, err := catalog.Open(ctx, c.Systems)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.state, err = opensearch.Open(ctx, c.OpenSearch); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.state.EnsureTemplates(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.ledger, w.drivers = opensearch.NewLedger(w.state), systems.Drivers
	grant, err := policy.LoadPrivateKey(c.Keys.Grant)
	if err != nil {
		w.t.Fatal(err)
	}
	protected, err := effect.NewProtected(effect.ProtectedConfig{}, time.Now) // the daemon discovers every hour: it's always fresh
	if err == nil {
		err = protected.Discover(ctx, here())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	sources := []fs.FS{content.Files}
	for _, own := range overlay {
		sources = append(sources, own)
	}
	house := catalog.House{Ledger: w.ledger, Records: opensearch.NewRecords(w.state), Audits: opensearch.NewAudits(w.state), Frontend: tasks.New(w.front), Tokens: opensearch.NewTokens(w.state, 30, 60, w.env.Now)}
	house.Watched = func(context.Context) ([]opensearch.Index, error) { return nil, nil } // nothing old is watched
	w.policy = &policy.Policy{
		Sources: sources, People: c.People, GrantKey: grant, Systems: c.Systems.CanAct(), Protected: protected, Ledger: w.ledger, Settings: settings, Now: w.env.Now,
	}
	house.Policy = w.policy
	w.envelope = &effect.Envelope{
		Drivers: systems.Drivers, Protected: protected, Register: opensearch.NewRegister(w.state), Limits: effect.NewTemporalLimits(w.front),
		Rules: w.policy, GrantKey: grant.Public().(ed25519.PublicKey), Audit: house.Audits.Audit, Now: w.env.Now,
	}
	house.Envelope = w.envelope
	house.Hunting = &hunting.Hunting{
		Sources: sources, Now: w.env.Now, Streams: map[string]hunting.Stream{"wazuh": {Cluster: w.state, Index: "wazuh-alerts-4.x-*"}}, State: w.state, Ledger: w.ledger,
		Watermarks: func(context.Context) (map[string]time.Time, error) {
			return map[string]time.Time{"wazuh": w.env.Now()}, nil
		},
	}
	systems.BindRespond(w.env, house)
	activities.Bind(w.env, activities.AskPeople, w.board.ask)
	activities.Bind(w.env, activities.TellPeople, w.board.tell)
}

// here are this machine's surroundings, whose name servers know the hosts of the office.
func here() effect.Surroundings {
	s := effect.Here(nil)
	s.Lookup = func(_ context.Context, name string) ([]netip.Addr, error) {
		if strings.HasSuffix(name, "-01") {
			return []netip.Addr{netip.MustParseAddr("10.20.0.14")}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return s
}

// board is where role gateway would speak to people.
type board struct {
	mu    sync.Mutex
	cards []activities.Card
	told  []activities.Message

	meanwhile func() // what happens while the next card is on its way
}

func (b *board) ask(_ context.Context, c activities.Card) (activities.CardRef, error) {
	b.mu.Lock()
	b.cards = append(b.cards, c)
	meanwhile := b.meanwhile
	b.meanwhile = nil
	b.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	return activities.CardRef{Channel: "C1", TS: fmt.Sprint("card-", c.Request)}, nil
}

func (b *board) tell(_ context.Context, m activities.Message) (activities.None, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, m)
	return activities.None{}, nil
}

// shown lists the cards of requests on a system, oldest first.
func (b *board) shown(system string) []activities.Card {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.cards), func(c activities.Card) bool { return c.Actions[0].System != system })
}

// said lists what people were told of that level.
func (b *board) said(level string) (texts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.told {
		if m.Level == level {
			texts = append(texts, m.Text)
		}
	}
	return texts
}
