package thehive_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
)

// TestALateAttemptLeavesOneOpenCase lets a first attempt's promotion reach TheHive only after a second one has opened the
// case: TheHive makes two cases of it, and one stays open.
func TestALateAttemptLeavesOneOpenCase(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	promote := server.Hold(1, "POST /api/v1/alert/~")
	defer promote() // else the server waits for it
	late := make(chan activities.CaseRef, 1)
	go func() {
		ref, _ := hive.OpenCase(context.Background(), request("i1"))
		late <- ref
	}()
	for began := time.Now(); server.Met() == 0; runtime.Gosched() {
		if time.Since(began) > time.Minute {
			t.Fatal("the first attempt never promoted")
		}
	}
	quick := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
	promote()
	if other := <-late; other != quick {
		t.Errorf("the attempts opened %+v and %+v", quick, other)
	}
	again := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
	cases := server.Cases()
	if len(cases) != 2 || again != quick || cases[0].ID != quick.ID || cases[0].Stage != "New" || cases[1].Status != "Duplicated" {
		t.Errorf("afterwards %+v, TheHive has %+v", again, cases)
	}
}

// TestClosingFindsACaseThatNobodyKnows closes a case that an attempt opened whose answer never came.
func TestClosingFindsACaseThatNobodyKnows(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	stranger := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i2")) })
	ref := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
	server.Promote("incident;sallyport;i1")
	insist(t, func() (activities.None, error) {
		return hive.CloseCase(t.Context(), activities.CaseClose{Incident: "i1", Case: ref, Status: "TruePositive", Summary: "over"})
	})
	cases := server.Cases()
	if len(cases) != 3 || cases[1].Status != "TruePositive" || cases[2].Status != "Duplicated" || cases[0].ID != stranger.ID || cases[0].Stage != "New" {
		t.Errorf("TheHive has %+v", cases)
	}
}

// TestAStrangersCaseIsNeverClosed lets TheHive answer a search with a case that was not asked for.
func TestAStrangersCaseIsNeverClosed(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	stranger := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i2")) })
	ref := insist(t, func() (activities.CaseRef, error) { return hive.OpenCase(t.Context(), request("i1")) })
	server.WrongBody(`[{"_id":"`+stranger.ID+`","number":1,"stage":"New","status":"New","tags":["sallyport:i2"]}]`, 1, "POST /api/v1/query")
	insist(t, func() (activities.None, error) {
		return hive.CloseCase(t.Context(), activities.CaseClose{Incident: "i1", Case: ref, Status: "TruePositive", Summary: "over"})
	})
	if cases := server.Cases(); server.Met() != 1 || cases[0].Stage != "New" || cases[1].Stage != "Closed" {
		t.Errorf("TheHive has %+v", cases)
	}
}
