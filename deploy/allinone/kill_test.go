package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/starter/cli"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// kills is how often the process is killed, at random moments of the chain.
const kills = 10

// TestKilledAtRandomMoments kills the whole process ten times while an incident runs; the systems around it live on.
// Afterwards there is one case, one block on each system and its release, one scan of each purpose, one completed
// playbook, and an audit chain without a break. SALLYPORT_KILL_SEED repeats a run.
func TestKilledAtRandomMoments(t *testing.T) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) { killAtRandom(t, store) })
	}
}

func killAtRandom(t *testing.T, store string) {
	seed := killSeed(t)
	t.Logf("SALLYPORT_KILL_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	o := newOffice(t, store)
	o.play()
	var phases []string
	for range kills {
		up := o.up()
		phase := o.until(time.Duration(500+random.IntN(3500)) * time.Millisecond)
		up.kill()
		phases = append(phases, phase)
	}
	t.Logf("killed in: %s", strings.Join(phases, ", "))
	o.up()
	o.awaitClosed(3 * time.Minute)
	o.expectOnce()
}

func killSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SALLYPORT_KILL_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// office is the lab in one process, and the config with which the other is started, killed and started again.
type office struct {
	t       *testing.T
	config  daemon.Config
	file    string
	control string
	state   *opensearch.Client
}

func newOffice(t *testing.T, store string) *office {
	t.Helper()
	_, found := start(t, []string{"config", "control"}, "lab", "--dir", t.TempDir())
	config, err := daemon.LoadConfig(found["config"])
	if err != nil {
		t.Fatal(err)
	}
	state, err := opensearch.Open(t.Context(), config.OpenSearch)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, config: config, file: found["config"], control: found["control"], state: state}
	o.listen()
	if store == "postgres" {
		o.usePostgres()
	}
	return o
}

// listen gives Temporal a port that stays the same over restarts, so that decisions find it.
func (o *office) listen() {
	o.t.Helper()
	o.edit("temporal: {", fmt.Sprintf("temporal: {port: %d, address: \"127.0.0.1:%[1]d\", ", freeLoopbackPort(o.t)))
}

func (o *office) edit(old, to string) {
	o.t.Helper()
	text, err := os.ReadFile(o.file)
	if err == nil {
		err = os.WriteFile(o.file, []byte(strings.Replace(string(text), old, to, 1)), 0o600)
	}
	if err == nil {
		o.config, err = daemon.LoadConfig(o.file)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) up() *started {
	s, _ := start(o.t, []string{"Sallyport is up."}, "up", "--config", o.file)
	return s
}

func (o *office) play() {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.control+"/play", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	o.call(req, nil)
}

// look is what the systems hold.
func (o *office) look() (s lab.State) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.control+"/state", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	o.call(req, &s)
	return s
}

func (o *office) call(req *http.Request, out any) {
	o.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%s: %d %s %v", req.URL, resp.StatusCode, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			o.t.Fatal(err)
		}
	}
}

// until approves whatever waits for that long, and says in which phase the incident was at the end.
func (o *office) until(d time.Duration) (phase string) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for _, r := range o.records() {
			o.approve(r)
			phase = r.Status
			if n := len(r.Timeline); n > 0 {
				phase = r.Timeline[n-1].Text
			}
		}
		select {
		case <-o.t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return phase
}

func (o *office) records() []activities.IncidentRecord {
	records, err := opensearch.NewRecords(o.state).ListRecords(o.t.Context(), "", 10)
	if err != nil {
		o.t.Fatal(err)
	}
	return records
}

// approve decides what waits as ben. A decision that a kill swallowed is simply taken again at the next look.
func (o *office) approve(r activities.IncidentRecord) {
	if r.Closed != nil {
		return
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), 2*time.Second)
	defer cancel()
	temporal, err := o.config.Temporal.DialOnce(ctx, quietLogger())
	if err != nil {
		return
	}
	defer temporal.Close()
	answer, err := temporal.QueryWorkflow(ctx, r.Key, "", activities.StateQuery)
	var now activities.IncidentRecord
	if err != nil || answer.Get(&now) != nil {
		return
	}
	key, err := policy.LoadPrivateKey(o.personKey("ben"))
	if err != nil {
		o.t.Fatal(err)
	}
	for _, p := range now.Pending {
		_, _ = cli.Decide(ctx, temporal, p.Workflow, key, soar.Decision{
			Request: p.Request, Digest: p.Digest, By: "ben", Approve: true, Method: "cli", SignedAt: time.Now().UTC(),
		})
	}
}

func (o *office) awaitClosed(within time.Duration) {
	o.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); {
		o.until(time.Second)
		records := o.records()
		if len(records) == 1 && records[0].Closed != nil && len(o.look().Blocked) == 0 {
			return
		}
	}
	o.t.Fatalf("not closed and released after %s: %+v, blocked %v", within, o.records(), o.look().Blocked)
}

// expectOnce compares the systems with what one incident may have done.
func (o *office) expectOnce() {
	o.t.Helper()
	world := o.look()
	if len(world.Cases) != 1 {
		o.t.Errorf("%d cases, want one: %+v", len(world.Cases), world.Cases)
	}
	tasks := map[string]int{}
	for _, scan := range world.Scans {
		tasks[scan.Task]++
	}
	for task, runs := range tasks {
		if runs != 1 {
			o.t.Errorf("scan %s ran %d times, want once", task, runs)
		}
	}
	for name, host := range world.Hosts.Hosts {
		if host.Completed > 1 || host.Beside > 0 {
			o.t.Errorf("host %s: playbook completed %d times, %d beside another", name, host.Completed, host.Beside)
		}
	}
	for _, record := range o.records() {
		o.expectReleased(record)
	}
	reports, err := opensearch.NewAudits(o.state).Verify(o.t.Context(), "")
	if err != nil || len(reports) == 0 {
		o.t.Fatalf("audit: %v, %d chains", err, len(reports))
	}
	for _, report := range reports {
		if report.Broken != "" {
			o.t.Errorf("audit chain %s: %s", report.Chain, report.Broken)
		}
	}
}

func (o *office) expectReleased(r activities.IncidentRecord) {
	o.t.Helper()
	systems := map[string]int{}
	for _, a := range r.Actions {
		if a.Kind != soar.BlockAddress {
			continue
		}
		systems[a.System]++
		if a.State != string(soar.Released) {
			o.t.Errorf("%s on %s is %s: %s", a.Target, a.System, a.State, a.Reason)
		}
	}
	if systems["pfsense"] != 1 || systems["wazuh"] != 1 {
		o.t.Errorf("blocks by system: %v, want one each", systems)
	}
}
