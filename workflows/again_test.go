package workflows_test

import (
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// An attacker who waits until the block has expired is blocked again, whatever else is old news.
func TestWhoAttacksAgainIsBlockedAgain(t *testing.T) {
	tests := map[string]struct {
		play func(w *world)
		want []string
	}{
		"after the block expired":   {func(*world) {}, []string{"pfsense " + attacker}},
		"a person ended it":         {func(w *world) { w.at(30*time.Minute, func() { w.releases("ana") }) }, nil},
		"of an event that was late": {func(w *world) { w.late = true }, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
			w.attacked(time.Second, bare)
			tt.play(w)
			w.attacked(20*time.Minute, bare) // while it is blocked: nothing new
			w.at(2*time.Hour-time.Second, func() { w.held() })
			w.attacked(2*time.Hour, bare, func(d *soar.Detection) {
				if w.late {
					d.EventTime = d.EventTime.Add(-100 * time.Minute)
				}
			})
			w.at(2*time.Hour+time.Minute, func() { w.held(tt.want...) })
			w.at(4*time.Hour, func() { w.held() })

			w.plays(3 * day)

			if n := len(w.record().Actions); n != 1+len(tt.want) {
				t.Errorf("%d actions, want %d", n, 1+len(tt.want))
			}
		})
	}
}
