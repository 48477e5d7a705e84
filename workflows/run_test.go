package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// A request waits for hours, and the history grows meanwhile: who has decided, until when, and that people were reminded
// goes from run to run.
func TestARequestOutlivesNewRuns(t *testing.T) {
	w := newWorld(t, twoPeople(), planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.decides(10*time.Minute, "ana", "wazuh")
	var before activities.PendingApproval
	w.at(20*time.Minute, func() { before = w.now().Pending[0] })
	w.renews(30 * time.Minute)
	again := w.decides(40*time.Minute, "ana", "wazuh")
	w.at(50*time.Minute, func() {
		p := w.now().Pending
		if len(p) != 1 || !p[0].Expires.Equal(before.Expires) || p[0].Digest != before.Digest || !slices.Equal(p[0].Approved, []string{"ana"}) {
			t.Errorf("in the new run %+v waits, before it was %+v", p, before)
		}
	})
	w.renews(3 * time.Hour) // after the reminder
	other := w.decides(3*time.Hour+30*time.Minute, "ben", "wazuh")
	w.at(3*time.Hour+40*time.Minute, func() { w.held("agent shop-01 " + attacker) })

	w.plays(3 * day)

	if again.refused() == nil || other.refused() != nil || other.outcome != soar.Approved {
		t.Errorf("ana again: %v; ben: %v, %v", again.refused(), other.outcome, other.refused())
	}
	w.oneReminder()
	r := w.record()
	if len(w.records()) != 1 || r.Closed == nil || r.Brief.Detections != 3 || len(w.office.Hive.Cases()) != 1 {
		t.Errorf("%d episodes, the last is %s with %d detections; %d cases", len(w.records()), r.Status, r.Brief.Detections, len(w.office.Hive.Cases()))
	}
	w.held()
}

func TestARequestExpiresInAnotherRun(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.renews(time.Hour)
	w.renews(3 * time.Hour)
	w.at(4*time.Hour-time.Minute, func() {
		if len(w.now().Pending) != 1 {
			t.Error("it expired too early")
		}
	})
	w.at(4*time.Hour+time.Minute, func() {
		if len(w.now().Pending) != 0 {
			t.Error("it has not expired")
		}
	})

	w.plays(3 * day)

	w.oneReminder()
	if a := w.action(w.record(), "wazuh", attacker); a.Outcome != soar.Expired {
		t.Errorf("it ends as %+v", a)
	}
}

// A hold waits on in the new run as well, and its containment does not notice.
func TestAHoldIsRenewedFromAnotherRun(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Hold, 2*time.Hour))))
	w.attacked(time.Second, bare)
	w.renews(10 * time.Minute)
	w.decides(20*time.Minute, "ana", "wazuh")
	w.at(2*time.Hour, func() { w.held("agent shop-01 " + attacker) })

	w.plays(3 * day)

	if a := w.action(w.record(), "wazuh", attacker); a.Outcome != soar.Approved || a.State != string(soar.Released) {
		t.Errorf("it ends as %+v", a)
	}
}

// renews lets the history of the host's incident grow too long, and then news come, three signals at once: all are taken
// in, and another run goes on.
func (w *world) renews(after time.Duration) {
	var run string
	w.at(after, func() {
		run = w.suggests.runs[host]
		w.grows(host)
		w.news(w.detected(bare))
	})
	w.at(after+time.Minute, func() {
		if w.suggests.runs[host] == run {
			w.t.Errorf("after %s the same run goes on", after)
		}
	})
}

func (w *world) oneReminder() {
	w.t.Helper()
	cards, reminders := w.board.shown("wazuh"), 0
	for i, card := range cards {
		if card.Reminder {
			reminders++
		}
		if card.Revision != i+1 {
			w.t.Errorf("card %d has revision %d", i, card.Revision)
		}
	}
	if reminders != 1 {
		w.t.Errorf("%d reminders among %d cards", reminders, len(cards))
	}
}

// What the sweep, or a dispatcher that begins anew, tells again is the incident's already.
func TestNewsToldTwiceCountOnce(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(10*time.Minute, func() {
		first, second := w.detected(bare), w.detected(bare)
		w.news(first)
		w.news(first, second)
		w.news(second)
	})

	w.plays(3 * day)

	if r := w.record(); r.Brief.Detections != 3 {
		t.Errorf("%d detections, want 3", r.Brief.Detections)
	}
}

// A storm that arrives while the run is about to end is counted whole.
func TestNewsAreTakenInBeforeARunEnds(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() {
		w.grows(host)
		for range 20 {
			w.news(w.detected(bare))
		}
	})

	w.plays(3 * day)

	if r := w.record(); len(w.records()) != 1 || r.Brief.Detections != 21 {
		t.Errorf("%d episodes, %d detections", len(w.records()), r.Brief.Detections)
	}
}

func TestNewsThatMatterAreJudgedAndPlannedAgain(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.attacked(10*time.Minute, bare) // nothing new
	w.attacked(20*time.Minute, bare, from(attacker, second))
	w.at(21*time.Minute, func() { w.held("pfsense "+attacker, "pfsense "+second) })

	w.plays(3 * day)

	r, judged, planned := w.record(), 0, 0
	for _, e := range w.chain() {
		switch e.What {
		case "judged":
			judged++
		case "planned":
			planned++
		}
	}
	if judged != 2 || planned != 2 || len(r.Actions) != 2 || r.Brief.Detections != 3 {
		t.Errorf("judged %d times, planned %d actions: %+v; %d detections", judged, planned, r.Actions, r.Brief.Detections)
	}
	w.told(r, "News that matters")
}

func TestASourceThatIsDownLowersConfidenceAndIsNamed(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.MISP.FailFor(503, time.Hour, "")
	w.attacked(time.Second, bare)

	w.plays(3 * day)

	r := w.record()
	if c := r.Verdict.Confidence; c < 0.66 || c > 0.67 {
		t.Errorf("confidence %v, with one of three sources down", c)
	}
	w.told(r, "misp does not answer: the judgement rests on the others")
	for _, a := range r.Answers {
		if a.Answered == (a.Source == "misp") || (a.Source == "misp" && a.Detail == "") {
			t.Errorf("answer %+v", a)
		}
	}
}

func TestAnEpisodeThatLastsTooLongEnds(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.policy.Settings.Episode, w.policy.Settings.ApprovalWindow = 2*day, 30*day
	w.attacked(time.Second, bare)
	for hours := 20; hours < 60; hours += 20 {
		w.attacked(time.Duration(hours)*time.Hour, bare)
	}
	w.at(2*day-time.Hour, func() {
		if len(w.now().Pending) != 1 {
			t.Error("people are not asked any more")
		}
	})
	w.attacked(2*day+time.Hour, bare)

	w.plays(10 * day)

	records := w.records()
	if len(records) != 2 {
		t.Fatalf("%d episodes", len(records))
	}
	first, next := records[0], records[1]
	if first.Closed == nil || first.Closed.Sub(first.Opened).Round(time.Hour) != 2*day || len(first.Pending) != 0 || w.action(first, "wazuh", attacker).Outcome != soar.Expired {
		t.Errorf("the first ends as %s at %v, %+v", first.Status, first.Closed, first.Actions)
	}
	if next.Previous != first.ID || first.ID == next.ID {
		t.Errorf("the next one %s continues %q, not %s", next.ID, next.Previous, first.ID)
	}
	w.told(first, "as long as an episode may last")
}

func TestACaseSystemThatIsDownHoldsUpNothing(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.Hive.SetClock(w.env.Now)
	w.office.Hive.FailFor(503, 140*time.Second, "") // the environment ends an endless retry after ten attempts
	w.attacked(time.Second, bare)
	w.at(130*time.Second, func() {
		w.held("pfsense " + attacker)
		if n := len(w.office.Hive.Cases()); n != 0 {
			t.Errorf("%d cases in a system that is down", n)
		}
	})

	w.plays(3 * day)

	r := w.record()
	if cases := w.office.Hive.Cases(); len(cases) != 1 || r.Case.ID != cases[0].ID || cases[0].Status != "TruePositive" {
		t.Errorf("cases %+v, in the record %+v", cases, r.Case)
	}
	if strings.Count(r.Title, "Brute force over ssh") != 1 {
		t.Errorf("title %q", r.Title)
	}
}

// A scanner that does not answer is tried for seconds here, for hours in life: another attacker is kept out meanwhile.
func TestNewsDoNotWaitForAScan(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.Scanner.Inject(gvmtest.Fault{Times: -1, Status: 503})
	w.attacked(time.Second)
	w.attacked(3*time.Second, from(attacker, second))
	w.at(7*time.Second, func() {
		w.held("pfsense "+attacker, "pfsense "+second)
		if scans := w.now().Exposure.Scans; len(scans) != 0 {
			t.Errorf("the scan has ended already: %+v", scans)
		}
	})

	w.plays(3 * day)

	r := w.record()
	if len(r.Exposure.Scans) != 1 || r.Exposure.Scans[0].Done || r.Closed == nil {
		t.Errorf("scans %+v, the incident is %s", r.Exposure.Scans, r.Status)
	}
	w.told(r, "did not end well")
}
