package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestStreamsLoseNothing is `make soak` with 200,000 documents: three OpenSearch nodes of its own, of which those that hold
// primaries are killed, a worker that is killed twenty times, and a program that counts by the writers' own list.
// SALLYPORT_SOAK_DOCUMENTS asks for another number.
func TestStreamsLoseNothing(t *testing.T) {
	if os.Getenv("SALLYPORT_OPENSEARCH_URL") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no real OpenSearch can be started: make lab")
		}
		t.Skip("no real OpenSearch: make lab (SALLYPORT_OPENSEARCH_URL says that it can run here)")
	}
	root, dir := shared.Root(t), t.TempDir()
	soak := filepath.Join(dir, "soak")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", soak, "./deploy/lab/soak")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	documents := "200000"
	if text := os.Getenv("SALLYPORT_SOAK_DOCUMENTS"); text != "" {
		documents = text
	}
	command := exec.CommandContext(t.Context(), soak, "-documents", documents, "-kills", "20", "-node-kills", "3", "-every", "9s", "-within", "10m", "-dir", dir, //nolint:gosec // our own program
		"-lab", filepath.Join(root, "deploy", "lab", "opensearch.sh"), "-allinone", self, "-worker", filepath.Join(programs(t, workerProgram), workerProgram))
	command.Env = append(os.Environ(), programVariable+"=1")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGINT) } // it stops its nodes
	command.WaitDelay = time.Minute
	var out, told bytes.Buffer
	command.Stdout, command.Stderr = &out, &told
	err = command.Run()
	t.Logf("%s%s", told.String(), out.String())
	if err != nil {
		for _, name := range []string{"sallyport-worker.log", filepath.Base(self) + ".log"} {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			t.Logf("%s:\n%s", name, tail(string(text), 20))
		}
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var result struct {
		Written       int
		Evaluated     int
		Lost          int
		Duplicates    int
		LossIncidents int `json:"loss_incidents"`
		Kills         int
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil {
		t.Fatal(err)
	}
	if result.Written < 1000 || result.Evaluated != result.Written || result.Lost+result.Duplicates+result.LossIncidents != 0 || result.Kills != 20 {
		t.Errorf("%+v", result)
	}
}
