package workflows_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/workflows"
)

// histories are what was recorded of workflows that ran on a real server (testdata/replay/README.md).
const histories = "testdata/replay/*.json"

// TestReplay lets today's code go through histories of earlier code: a change that decides otherwise would strand the
// workflows that run. It needs a version (workflow.GetVersion), or, before the first release, new histories.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob(histories)
	if err != nil || len(files) < 8 {
		t.Fatalf("%d histories: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			if err := replay(t, read(t, file)); err != nil {
				t.Error(err)
			}
		})
	}
}

func replay(t *testing.T, text []byte) error {
	t.Helper()
	history := historyOf(t, bytes.NewReader(text))
	began := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: began.GetWorkflowId(), RunID: began.GetOriginalExecutionRunId()},
	})
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func historyOf(t *testing.T, from io.Reader) *historypb.History {
	t.Helper()
	history, err := client.HistoryFromJSON(from, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// TestReplaySeesAChange makes sure that a replay would notice: histories in which a step bears another name are refused.
func TestReplaySeesAChange(t *testing.T) {
	for _, change := range []struct{ file, old, to string }{
		{"incident_closed", `"name":"Judge"`, `"name":"JudgeLater"`},
		{"containment_released", `"name":"Release"`, `"name":"ReleaseLater"`},
		{"device", `"name":"CarryOut"`, `"name":"CarryOutLater"`},
	} {
		text := read(t, "testdata/replay/"+change.file+".json")
		if !bytes.Contains(text, []byte(change.old)) {
			t.Errorf("%s does not hold %s", change.file, change.old)
		}
		if err := replay(t, bytes.ReplaceAll(text, []byte(change.old), []byte(change.to))); err == nil {
			t.Errorf("%s replays with another step", change.file)
		}
	}
}
