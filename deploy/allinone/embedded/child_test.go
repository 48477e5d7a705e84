package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
)

const (
	childEnv   = "SALLYPORT_TEST_CHILD"
	tallyID    = "tally/1"
	tallyQueue = "tally"
)

// tally adds up signals and answers queries until it is told to close.
func tally(ctx workflow.Context) (sum int, err error) {
	if err := workflow.SetQueryHandler(ctx, "sum", func() (int, error) { return sum, nil }); err != nil {
		return 0, err
	}
	closed := false
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(workflow.GetSignalChannel(ctx, "add"), func(c workflow.ReceiveChannel, _ bool) {
		var n int
		c.Receive(ctx, &n)
		sum += n
	})
	selector.AddReceive(workflow.GetSignalChannel(ctx, "close"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		closed = true
	})
	for !closed || selector.HasPending() {
		selector.Select(ctx)
	}
	return sum, nil
}

// runChild reads options from standard input, runs a cluster with a tally that has counted one signal, writes its run id,
// and waits to be killed.
func runChild() {
	if err := child(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(ctx context.Context) error {
	var o embedded.Options
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	s, err := embedded.Start(ctx, o)
	if err != nil {
		return err
	}
	c, err := dial(s)
	if err != nil {
		return err
	}
	w := worker.New(c, tallyQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(tally, named("Tally"))
	if err := w.Start(); err != nil {
		return err
	}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: tallyID, TaskQueue: tallyQueue}, "Tally")
	if err != nil {
		return err
	}
	if err := c.SignalWorkflow(ctx, tallyID, "", "add", 1); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, run.GetRunID())
	select {}
}

// killedChild runs a cluster in a process of its own until its workflow is open, kills it, and returns the run's id.
func killedChild(t *testing.T, o embedded.Options) (run string) {
	t.Helper()
	in, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	run, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("the child said nothing: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return strings.TrimSpace(run)
}

// logTo starts and stops a cluster that logs to b.
func logTo(t *testing.T, b *bytes.Buffer, all bool) {
	t.Helper()
	o := embedded.Options{Logger: slog.New(slog.NewTextHandler(&safely{to: b}, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if all {
		o.LogLevel = slog.LevelDebug
	}
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
}

// safely lets a server that logs on after its end write beside a reader.
type safely struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (s *safely) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}
