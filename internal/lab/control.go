package lab

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
)

// State is what the office's systems hold now: the truth that tests compare the chain's words with.
type State struct {
	Search  string             `json:"search"`  // the cluster's address without faults before it
	Blocked []string           `json:"blocked"` // "pfsense 203.0.113.66", "agent shop-01 203.0.113.66"
	Spans   []Span             `json:"spans"`   // what was blocked, and when
	Details []string           `json:"details"` // of the firewall's alias
	Cases   []thehivetest.Case `json:"cases"`
	Notes   []string           `json:"notes"` // comments of all cases
	Cards   []string           `json:"cards"` // what is asked in Slack: the metadata of each message that bears some
	Scans   []gvmtest.Scan     `json:"scans"`
	Hosts   ansibletest.Hosts  `json:"hosts"`
	Met     map[string]int     `json:"met"`  // by system: calls that met a fault
	Held    map[string]int     `json:"held"` // by system: calls that are held back now
}

// Control lets another process look at the office and play into it: GET /state, POST /play, POST /fault.
func (l *Lab) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", answered(func(r *http.Request) (any, error) { return l.stateNow(r.Context()) }))
	mux.HandleFunc("POST /play", answered(func(r *http.Request) (any, error) { return l.Play(r.Context(), l.options.Events) }))
	mux.HandleFunc("POST /fault", answered(func(r *http.Request) (any, error) { return struct{}{}, l.takeFaults(r) }))
	return mux
}

func (l *Lab) stateNow(ctx context.Context) (State, error) {
	hosts, err := ansibletest.Read(l.hosts)
	if err != nil {
		return State{}, err
	}
	s := State{
		Search: l.searchURL, Blocked: l.Blocked(ctx), Spans: l.held.all(), Details: l.Firewall.Details(), Cases: l.Hive.Cases(),
		Scans: l.Scanner.Scans(), Hosts: hosts,
	}
	for _, c := range s.Cases {
		s.Notes = append(s.Notes, l.Hive.Comments(c.ID)...)
	}
	for _, m := range l.Slack.Messages() {
		if len(m.Metadata) > 0 {
			s.Cards = append(s.Cards, string(m.Metadata))
		}
	}
	s.Met, s.Held = l.met(hosts)
	return s, nil
}

func answered(by func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := by(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	}
}

// ServeControl answers Control on a free port of loopback until the lab is closed, and watches what is blocked until
// ctx ends.
func (l *Lab) ServeControl(ctx context.Context) (url string, err error) {
	go l.watch(ctx)
	return l.serve(ctx, l.Control())
}
