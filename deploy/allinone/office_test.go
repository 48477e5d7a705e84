package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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

func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// office is the lab in one process, and the config with which the house is started, killed and started again in another.
type office struct {
	t       *testing.T
	config  daemon.Config
	file    string
	control string
	state   *opensearch.Client // past the faults before the cluster
	starts  []time.Time
}

// newOffice starts the lab, with further flags of it: --events FILE for what POST /play plays instead of the recorded attack.
func newOffice(t *testing.T, flags ...string) *office {
	t.Helper()
	_, found := start(t, []string{"config", "control"}, append([]string{"lab", "--dir", t.TempDir()}, flags...)...)
	o := &office{t: t, file: found["config"], control: found["control"]}
	o.listen()
	var err error
	if o.state, err = opensearch.Open(t.Context(), opensearch.Config{URL: o.look().Search}); err != nil {
		t.Fatal(err)
	}
	return o
}

// listen gives Temporal a port that stays the same over restarts, so that decisions find it.
func (o *office) listen() {
	o.t.Helper()
	o.edit(o.file, "temporal: {", fmt.Sprintf("temporal: {port: %d, address: \"127.0.0.1:%[1]d\", ", freeLoopbackPort(o.t)))
}

// edit replaces text in one of the office's files, and reads the config again.
func (o *office) edit(file, old, to string) {
	o.t.Helper()
	text, err := os.ReadFile(file)
	if err == nil && !strings.Contains(string(text), old) {
		o.t.Fatalf("%s does not hold %q", file, old)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), old, to, 1)), 0o600)
	}
	if err == nil {
		o.config, err = daemon.LoadConfig(o.file)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// editPlan replaces text in the lab's own plan.
func (o *office) editPlan(old, to string) {
	o.t.Helper()
	err := filepath.WalkDir(filepath.Join(filepath.Dir(o.file), "content"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			o.edit(path, old, to)
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// up starts the house and waits until it works.
func (o *office) up() *started {
	o.starts = append(o.starts, time.Now())
	s, _ := start(o.t, []string{"Sallyport is up."}, "up", "--config", o.file)
	return s
}

// launch starts the house, and waits for nothing.
func (o *office) launch() *started {
	o.starts = append(o.starts, time.Now())
	s, _ := start(o.t, nil, "up", "--config", o.file)
	return s
}

func (o *office) play() {
	o.t.Helper()
	o.post("/play", nil)
}

// inject makes things go wrong in the office.
func (o *office) inject(faults ...lab.Fault) {
	o.t.Helper()
	o.post("/fault", faults)
}

// mend ends all faults of these systems.
func (o *office) mend(systems ...string) {
	o.t.Helper()
	for _, system := range systems {
		o.inject(lab.Fault{System: system, Kind: lab.Mend})
	}
}

func (o *office) post(path string, body any) {
	o.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		o.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.control+path, bytes.NewReader(text))
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

// records are the incidents' records; while a real server is still making their index there are none.
func (o *office) records() []activities.IncidentRecord {
	o.t.Helper()
	records, err := opensearch.NewRecords(o.state).ListRecords(o.t.Context(), "", 10)
	if making(err) {
		return nil
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return records
}

// approve decides what waits as ben. A decision that a kill swallowed is simply taken again at the next look.
func (o *office) approve() {
	o.t.Helper()
	for _, r := range o.records() {
		o.approveOf(r)
	}
}

// approveOf decides what waits by this record, and nothing newer.
func (o *office) approveOf(r activities.IncidentRecord) {
	o.t.Helper()
	if len(r.Pending) == 0 || r.Closed != nil {
		return
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), 5*time.Second)
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
	key, err := policy.LoadPrivateKey(filepath.Join(filepath.Dir(o.file), "ben.key"))
	if err != nil {
		o.t.Fatal(err)
	}
	for _, p := range now.Pending {
		if !slices.ContainsFunc(r.Pending, func(seen activities.PendingApproval) bool { return seen.Request == p.Request }) {
			continue
		}
		_, _ = cli.Decide(ctx, temporal, p.Workflow, key, soar.Decision{
			Request: p.Request, Digest: p.Digest, By: "ben", Approve: true, Method: "cli", SignedAt: time.Now().UTC(),
		})
	}
}

// awaitClosed approves what waits until the one incident is closed and nothing is blocked any more.
func (o *office) awaitClosed(within time.Duration) activities.IncidentRecord {
	o.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); o.pause(200 * time.Millisecond) {
		o.approve()
		records := o.records()
		if len(records) == 1 && records[0].Closed != nil && len(o.look().Blocked) == 0 {
			return records[0]
		}
	}
	world := o.look()
	o.t.Fatalf("not closed and released after %s: %s\nblocked %v, met %v", within, told(o.records()), world.Blocked, world.Met)
	return activities.IncidentRecord{}
}

func (o *office) pause(d time.Duration) {
	select {
	case <-o.t.Context().Done():
	case <-time.After(d):
	}
}

// told is what records say, line by line.
func told(records []activities.IncidentRecord) string {
	var text strings.Builder
	for _, r := range records {
		fmt.Fprintf(&text, "%s is %s\n", r.Key, r.Status)
		for _, entry := range r.Timeline {
			fmt.Fprintf(&text, "  %s %s\n", entry.At.Format("15:04:05.0"), entry.Text)
		}
	}
	return text.String()
}

// freeLoopbackPort is a port that nobody listens on now.
func freeLoopbackPort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// usePostgres moves Temporal's state to the PostgreSQL that SALLYPORT_POSTGRES_ADDRESS names. Without one the test is
// skipped by name; where CI is set it fails.
func (o *office) usePostgres() {
	o.t.Helper()
	address := os.Getenv("SALLYPORT_POSTGRES_ADDRESS")
	if address == "" {
		if os.Getenv("CI") != "" {
			o.t.Fatal("no PostgreSQL: set SALLYPORT_POSTGRES_ADDRESS, or run make lab")
		}
		o.t.Skip("no PostgreSQL here: set SALLYPORT_POSTGRES_ADDRESS, or run make lab")
	}
	o.edit(o.file, "temporal: {", fmt.Sprintf("temporal: {store: postgres, postgres: {address: %q, user: %q, password: \"env:SALLYPORT_POSTGRES_PASSWORD\", database: kill_%d}, ",
		address, os.Getenv("SALLYPORT_POSTGRES_USER"), os.Getpid()))
}
