package opensearch_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

func TestKeptLimitsNeverGoBack(t *testing.T) {
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: opensearchtest.NewServer(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	r := opensearch.NewRegister(client)
	if state, err := r.Limits(t.Context()); err != nil || state.Revision != 0 {
		t.Fatalf("before anything was kept: %+v, %v", state, err)
	}
	for _, kept := range []activities.LimitsState{
		{Revision: 1}, {Revision: 3, Switch: activities.SwitchState{Halted: true, By: "ana"}}, {Revision: 2}, // the last is an attempt that was late
	} {
		if err := r.KeepLimits(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := r.Limits(t.Context()); err != nil || state.Revision != 3 || !state.Switch.Halted {
		t.Errorf("kept %+v, %v", state, err)
	}
	if live, err := r.Live(t.Context()); err != nil || len(live) != 0 {
		t.Errorf("the limits count as a containment: %v, %v", live, err)
	}
	if _, err := client.Put(t.Context(), "sallyport-containments", "limits", map[string]any{"limits": "none"}, opensearch.Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Limits(t.Context()); err == nil {
		t.Error("what can't be read counts as nothing")
	}
}
