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
	Blocked []string           `json:"blocked"` // "pfsense 203.0.113.66", "agent shop-01 203.0.113.66"
	Details []string           `json:"details"` // of the firewall's alias
	Cases   []thehivetest.Case `json:"cases"`
	Scans   []gvmtest.Scan     `json:"scans"`
	Hosts   ansibletest.Hosts  `json:"hosts"`
}

// Control lets another process look at the office and play into it: GET /state, POST /play.
func (l *Lab) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) {
		hosts, err := ansibletest.Read(l.hosts)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, State{Blocked: l.Blocked(r.Context()), Details: l.Firewall.Details(), Cases: l.Hive.Cases(), Scans: l.Scanner.Scans(), Hosts: hosts})
	})
	mux.HandleFunc("POST /play", func(w http.ResponseWriter, r *http.Request) {
		played, err := l.Play(r.Context(), l.options.Events)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, played)
	})
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// ServeControl answers Control on a free port of loopback until the lab is closed.
func (l *Lab) ServeControl(ctx context.Context) (url string, err error) {
	return l.serve(ctx, l.Control())
}
