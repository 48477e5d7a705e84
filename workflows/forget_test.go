package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// forgets lets a person give up the release of what is held on the agent.
func (w *world) forgets(after time.Duration, person string, change ...func(*soar.Decision)) *answer {
	got := &answer{}
	w.at(after, func() {
		action := w.action(w.record(), "wazuh", attacker)
		held := w.registered(action.ID)
		d := soar.Decision{
			Request: activities.ForgetID(action.ID), Digest: held.Action.Digest(), By: person, Approve: true, Method: policy.MethodCLI, Override: true,
			SignedAt: w.env.Now().UTC(),
		}
		for _, c := range change {
			c(&d)
		}
		d = policy.SignDecision(w.keys[person], d)
		if err := w.front.update(activities.ContainID(action.ID), activities.DecideUpdate, got, d); err != nil {
			got.rejected = err
		}
	})
	return got
}

// registered is the register's word on an action that is not over.
func (w *world) registered(id string) (held soar.Containment) {
	w.t.Helper()
	live, err := w.envelope.ListContainments(context.Background(), activities.None{})
	if err != nil {
		w.t.Error(err)
	}
	for _, c := range live.Containments {
		if c.Action.ID == id {
			held = c
		}
	}
	return held
}

func TestTwoPeopleGiveUpAReleaseThatCanNotEnd(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, 2*time.Hour))))
	w.attacked(time.Second, bare)
	early := w.forgets(time.Hour, "ana")
	w.at(time.Hour+time.Minute, func() { w.away("wazuh", 10*day) }) // the host is scrapped
	first := w.forgets(3*time.Hour, "ana")
	again := w.forgets(3*time.Hour+time.Minute, "ana")
	other := w.forgets(3*time.Hour+2*time.Minute, "ben", func(d *soar.Decision) { d.Digest = "another" })
	w.at(4*time.Hour, func() {
		if w.registered(w.action(w.record(), "wazuh", attacker).ID).State == "" {
			t.Error("one person was enough")
		}
	})
	second := w.forgets(5*time.Hour, "ben")
	w.at(5*time.Hour+10*time.Minute, func() {
		a := w.action(w.record(), "wazuh", attacker)
		if w.registered(a.ID).State != "" || a.State != string(soar.Released) || !strings.Contains(a.Reason, "given up by ana and ben") {
			t.Errorf("given up, it is %+v", a)
		}
	})

	w.plays(3 * day)

	for name, tt := range map[string]struct {
		got  *answer
		want bool
	}{"before its release began": {early, false}, "the first": {first, true}, "the same person": {again, false}, "about another action": {other, false}, "the second": {second, true}} {
		if err := tt.got.refused(); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	var said []string
	for _, e := range w.chain() {
		if e.What == "forgotten" {
			said = append(said, e.Actor)
		}
	}
	if len(said) != 1 || said[0] != "ana and ben" {
		t.Errorf("the audit log says that %v gave it up", said)
	}
}
