package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestPeopleDecide(t *testing.T) {
	forged := func(d *soar.Decision) { d.Signature = []byte("forged") }
	late := func(d *soar.Decision) { d.SignedAt = d.SignedAt.Add(-2 * time.Minute) }
	early := func(d *soar.Decision) { d.SignedAt = d.SignedAt.Add(2 * time.Minute) }
	lateNo := func(d *soar.Decision) { late(d); d.Approve = false }
	stale := func(d *soar.Decision) { d.Digest = "of an older plan" }
	stranger := func(d *soar.Decision) { d.By = "eve" }
	yes := func(*soar.Decision) {}

	tests := map[string]struct {
		answers []func(*soar.Decision) // one a minute, by ana and ben in turn
		want    soar.Outcome
		state   string // of the action in the end
	}{
		"approved: the address is blocked":                   {[]func(*soar.Decision){yes}, soar.Approved, "released"},
		"denied: nothing is blocked":                         {[]func(*soar.Decision){denies}, soar.Denied, "denied"},
		"silence means no":                                   {nil, soar.Expired, "expired"},
		"the first final decision stands":                    {[]func(*soar.Decision){denies, yes}, soar.Denied, "denied"},
		"a forged click is refused and the request stays":    {[]func(*soar.Decision){forged, yes}, soar.Approved, "released"},
		"a late approval counts for nothing":                 {[]func(*soar.Decision){late}, soar.Expired, "expired"},
		"so does an approval out of the future":              {[]func(*soar.Decision){early}, soar.Expired, "expired"},
		"a late denial still denies":                         {[]func(*soar.Decision){lateNo}, soar.Denied, "denied"},
		"another plan's approval counts for nothing":         {[]func(*soar.Decision){stale}, soar.Expired, "expired"},
		"whom nobody knows is refused and the request stays": {[]func(*soar.Decision){stranger, yes}, soar.Approved, "released"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
			w.attacked(time.Second, bare)
			for i, change := range tt.answers {
				w.decides(time.Duration(i+1)*time.Minute, []string{"ana", "ben"}[i%2], "wazuh", change)
			}
			w.at(3*time.Hour, func() {
				if tt.want == soar.Approved {
					w.held("agent shop-01 " + attacker)
					return
				}
				w.held()
			})

			w.plays(3 * day)

			r := w.record()
			if a := w.action(r, "wazuh", attacker); a.Outcome != tt.want || a.State != tt.state {
				t.Errorf("the action ends as %+v, want %s and %s", a, tt.want, tt.state)
			}
			if r.Closed == nil || len(r.Pending) != 0 {
				t.Errorf("the incident ends as %s, and %+v waits", r.Status, r.Pending)
			}
			w.held()
		})
	}
}

func TestTwoPeopleMustApprove(t *testing.T) {
	w := newWorld(t, twoPeople(), planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	first := w.decides(time.Minute, "ana", "wazuh")
	again := w.decides(2*time.Minute, "ana", "wazuh")
	w.at(3*time.Minute, func() {
		w.held()
		if p := w.now().Pending; len(p) != 1 || p[0].Needs != 2 || len(p[0].Approved) != 1 || p[0].Approved[0] != "ana" {
			t.Errorf("pending: %+v", p)
		}
	})
	other := w.decides(4*time.Minute, "ben", "wazuh")
	w.at(10*time.Minute, func() { w.held("agent shop-01 " + attacker) })
	afterwards := w.decides(11*time.Minute, "ben", "wazuh")

	w.plays(2 * day)

	if first.refused() != nil || first.outcome != soar.Outcome("") {
		t.Errorf("the first of two: %q, %v", first.outcome, first.refused())
	}
	if err := again.refused(); err == nil || !strings.Contains(err.Error(), "decided already") {
		t.Errorf("the same person's second click: %v", err)
	}
	if other.refused() != nil || other.outcome != soar.Approved {
		t.Errorf("the second of two: %q, %v", other.outcome, other.refused())
	}
	if err := afterwards.refused(); err == nil || !strings.Contains(err.Error(), "it is decided") {
		t.Errorf("a click after the decision: %v", err)
	}
	if by := w.action(w.record(), "wazuh", attacker).DecidedBy; len(by) != 2 || by[0] != "ana (cli)" || by[1] != "ben (cli)" {
		t.Errorf("decided by %v", by)
	}
}

func TestSilenceIsAskedOnceMore(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(time.Hour+59*time.Minute, func() {
		if n := len(w.board.shown("wazuh")); n != 1 {
			t.Errorf("before half time people were asked %d times", n)
		}
	})
	late := w.decides(4*time.Hour+time.Minute, "ana", "wazuh")

	w.plays(2 * day)

	cards := w.board.shown("wazuh")
	if len(cards) != 3 || cards[0].Reminder || !cards[1].Reminder || cards[2].Reminder || cards[2].Outcome != soar.Expired {
		t.Errorf("want a question, one reminder, and the end: %+v", cards)
	}
	for i, card := range cards {
		if card.Revision != i+1 || (i > 0 && card.Posted.TS == "") {
			t.Errorf("card %d has revision %d and is posted as %+v", i, card.Revision, card.Posted)
		}
	}
	if late.refused() == nil {
		t.Error("who comes after the end is heard")
	}
}

// Who decides while the card is on its way sees it follow at once.
func TestADecisionIsFasterThanTheCard(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	got, decided := &answer{}, make(chan time.Time, 1)
	w.board.meanwhile = func() {
		w.env.RegisterDelayedCallback(func() { w.decide(got, "ana", "wazuh"); decided <- w.env.Now() }, 0)
		at := <-decided
		w.board.meanwhile = func() {
			if late := w.env.Now().Sub(at); late > 10*time.Second {
				t.Errorf("the card follows %s after the decision", late)
			}
		}
	}
	w.attacked(time.Second, bare)

	w.plays(2 * day)

	if cards := w.board.shown("wazuh"); got.outcome != soar.Approved || len(cards) != 2 || cards[1].Outcome != soar.Approved {
		t.Errorf("%q, %v; cards %+v", got.outcome, got.refused(), cards)
	}
}

// The first of two approves after the reminder: the card says so, and reminds nobody again.
func TestALateApprovalRemindsNobody(t *testing.T) {
	w := newWorld(t, twoPeople(), planOf(only(block("wazuh", soar.Ask, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.decides(3*time.Hour, "ana", "wazuh")

	w.plays(2 * day)

	w.oneReminder()
	if cards := w.board.shown("wazuh"); len(cards) != 4 || len(cards[2].DecidedBy) != 1 {
		t.Errorf("want a question, a reminder, one approval, and the end: %+v", cards)
	}
}

func TestAHoldThatNobodyApprovesLapses(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Hold, 2*time.Hour), block("pfsense", soar.Hold, 2*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(29*time.Minute, func() { w.held("agent shop-01 "+attacker, "pfsense "+attacker) })
	w.at(32*time.Minute, func() { w.held() })

	w.plays(2 * day)

	if a := w.action(w.record(), "wazuh", attacker); a.State != string(soar.Released) || a.Outcome != soar.Expired {
		t.Errorf("it ends as %+v", a)
	}
}

// The agent's kernel ends the block by itself: whoever renews must tell it.
func TestAHoldThatIsApprovedIsRenewed(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Hold, 2*time.Hour), block("pfsense", soar.Hold, 2*time.Hour))))
	w.attacked(time.Second, bare)
	w.decides(20*time.Minute, "ana", "wazuh")
	w.decides(20*time.Minute, "ana", "pfsense")
	for _, after := range []string{"29m", "32m", "1h59m", "2h1m", "2h19m"} {
		w.at(lasting(after), func() { w.held("agent shop-01 "+attacker, "pfsense "+attacker) })
	}
	w.at(142*time.Minute, func() { w.held() })

	w.plays(2 * day)

	for _, system := range []string{"wazuh", "pfsense"} {
		a := w.action(w.record(), system, attacker)
		if a.State != string(soar.Released) || a.Outcome != soar.Approved || a.Expires.Sub(*a.AppliedAt).Round(time.Minute) != 140*time.Minute {
			t.Errorf("on %s it ends as %+v", system, a)
		}
	}
}
