package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
)

// One attribute of each type that Sallyport uses.
var (
	entity   = temporal.NewSearchAttributeKeyKeyword("SallyportEntity")
	assets   = temporal.NewSearchAttributeKeyKeywordList("SallyportAssets")
	severity = temporal.NewSearchAttributeKeyInt64("SallyportSeverity")
)

func attributes() map[string]enums.IndexedValueType {
	return map[string]enums.IndexedValueType{
		entity.GetName(): entity.GetValueType(), assets.GetName(): assets.GetValueType(), severity.GetName(): severity.GetValueType(),
	}
}

// The cluster that all tests of this binary share, in memory.
var (
	shared     *embedded.Server
	sharedBoot time.Duration
	cl         client.Client
)

// TestMain starts the shared cluster; as the child of a test it runs a cluster until it is killed.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runChild()
	}
	code, err := withShared(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withShared(m *testing.M) (code int, err error) {
	ctx := context.Background()
	began := time.Now()
	shared, err = embedded.Start(ctx, embedded.Options{UIPort: -1, SearchAttributes: attributes(), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return 0, err
	}
	defer func() {
		began := time.Now()
		shared.Stop()
		fmt.Fprintln(os.Stderr, "the shared cluster stopped in", time.Since(began).Round(time.Millisecond))
	}()
	sharedBoot = time.Since(began)
	if cl, err = dial(shared); err != nil {
		return 0, err
	}
	defer cl.Close()
	return m.Run(), nil
}

func dial(s *embedded.Server) (client.Client, error) {
	return client.Dial(client.Options{HostPort: s.Address(), Logger: silent()})
}

// silent keeps the SDK's words out of the tests' output.
func silent() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

// work runs a worker on a task queue of the test's own until the test ends, and returns the queue's name.
func work(t *testing.T, register func(worker.Worker)) string {
	t.Helper()
	w := worker.New(cl, t.Name(), worker.Options{WorkerStopTimeout: time.Second, MaxHeartbeatThrottleInterval: time.Second})
	register(w)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return t.Name()
}

func named(name string) workflow.RegisterOptions { return workflow.RegisterOptions{Name: name} }

// eventually polls for a fact for at most a minute.
func eventually(t *testing.T, fact string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !is() {
		select {
		case <-late:
			t.Fatalf("after a minute still not: %s", fact)
		case <-tick.C:
		}
	}
}
