// Package inbox takes events that other systems send: Alertmanager's webhook, and any JSON that is signed. What was
// stored is answered 2xx, and nothing else; from then on it is an event like any other: a stream over the index sallyport-inbox reads it, and
// rules match it.
//
// Reading order: config.go says who may send, sender.go how they prove it, alertmanager.go and object.go what becomes of
// it; here it is stored.
package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// Bounds of what is taken.
const (
	maxBody     = 4 << 20 // bytes of one message
	maxAtOnce   = 16      // messages of one hook at a time; more are told to come again
	storeWithin = 10 * time.Second
	sayAtMost   = 5 // of what is wrong with a message
)

// event is one event of a message.
type event struct {
	same string // what tells it from others of its sender
	body any
}

// Inbox stores what is sent.
type Inbox struct {
	hooks  map[string]*hook
	state  *opensearch.Client
	log    *slog.Logger
	now    func() time.Time
	taken  *prometheus.CounterVec
	events *prometheus.CounterVec
}

// Outcomes of messages, as the metric tells them.
const (
	outcomeStored  = "stored"  // 200
	outcomeRefused = "refused" // 4xx: garbage, or not proved
	outcomeLater   = "later"   // 503: to be sent again
)

// New opens the hooks of a config; state is where events are kept. It makes the index, so that the stream over it is no stream of
// nothing before the first message.
func New(ctx context.Context, c Config, state *opensearch.Client, registry prometheus.Registerer, log *slog.Logger, now func() time.Time) (*Inbox, error) {
	i := &Inbox{
		hooks: map[string]*hook{}, state: state, log: log, now: now,
		taken:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_inbox_messages_total", Help: "Messages by what they were answered: stored, refused, or later (send it again)."}, []string{"hook", "outcome"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_inbox_events_total", Help: "Events of messages: new, known, or wrong (each is named in the log)."}, []string{"hook", "is"}),
	}
	registry.MustRegister(i.taken, i.events)
	for _, hook := range c.Hooks {
		opened, err := hook.open(ctx)
		if err != nil {
			return nil, err
		}
		i.hooks[hook.Name] = opened
		for _, outcome := range []string{outcomeStored, outcomeRefused, outcomeLater} {
			i.taken.WithLabelValues(hook.Name, outcome)
		}
		for _, is := range []string{"new", "known", "wrong"} {
			i.events.WithLabelValues(hook.Name, is)
		}
	}
	if err := state.CreateIndex(ctx, opensearch.InboxIndex, struct{}{}); err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return i, nil
}

// answer is what a sender is told.
type answer struct {
	New   int      `json:"new"`
	Known int      `json:"known"`
	Wrong []string `json:"wrong,omitempty"`
	Error string   `json:"error,omitempty"`
}

// ServeHTTP implements http.Handler for POST /inbox/{hook}: 200 means stored; 503 send it again; 400, 401, 404 and 413
// will never be taken.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	hook := i.hooks[request.PathValue("hook")]
	if hook == nil {
		reply(w, http.StatusNotFound, answer{Error: "no hook has this name: see inbox.hooks in sallyport.yaml"})
		return
	}
	status, told := i.take(w, request, hook)
	outcome := outcomeRefused
	switch status {
	case http.StatusOK:
		outcome = outcomeStored
	case http.StatusServiceUnavailable:
		outcome = outcomeLater
		w.Header().Set("Retry-After", "10")
	}
	i.taken.WithLabelValues(hook.name, outcome).Inc()
	if outcome != outcomeStored {
		i.log.WarnContext(request.Context(), "inbox message not stored", "hook", hook.name, "status", status, "why", told.Error)
	}
	reply(w, status, told)
}

// take reads a message. Who bears no token gets no place. A signature is over the body, so who sends slowly what is not
// signed has one, but of this hook alone.
func (i *Inbox) take(w http.ResponseWriter, request *http.Request, hook *hook) (int, answer) {
	unproved := answer{Error: "the message does not prove who sent it: check token or signature"}
	if hook.bearer && !hook.bears(request) {
		return http.StatusUnauthorized, unproved
	}
	select {
	case hook.room <- struct{}{}:
		defer func() { <-hook.room }()
	default:
		return http.StatusServiceUnavailable, answer{Error: "too many messages at once"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge, answer{Error: fmt.Sprintf("the message is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return http.StatusBadRequest, answer{Error: "the message was cut off"}
	}
	if !hook.bearer && !hook.signs(request, body) {
		return http.StatusUnauthorized, unproved
	}
	all, wrong, err := hook.read(body)
	if err != nil {
		i.events.WithLabelValues(hook.name, "wrong").Inc()
		return http.StatusBadRequest, answer{Error: err.Error()}
	}
	return i.keep(request.Context(), hook, all, wrong)
}

// keep stores events and says what is wrong with the rest.
func (i *Inbox) keep(ctx context.Context, hook *hook, all []event, wrong []string) (int, answer) {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	created, err := i.state.CreateAll(ctx, i.documents(hook, all))
	if err != nil {
		i.log.ErrorContext(ctx, "inbox can't store", "hook", hook.name, "error", err)
		return http.StatusServiceUnavailable, answer{Error: "it can't be stored now"}
	}
	var told answer
	for at, one := range created {
		switch {
		case one.Refused != nil:
			wrong = append(wrong, fmt.Sprintf("event %d: the store refuses it: %v", at, one.Refused))
		case one.Created:
			told.New++
		default:
			told.Known++
		}
	}
	told.Wrong = wrong[:min(len(wrong), sayAtMost)]
	i.events.WithLabelValues(hook.name, "new").Add(float64(told.New))
	i.events.WithLabelValues(hook.name, "known").Add(float64(told.Known))
	i.events.WithLabelValues(hook.name, "wrong").Add(float64(len(wrong)))
	if len(wrong) > 0 {
		i.log.WarnContext(ctx, "inbox message is wrong in part", "hook", hook.name, "wrong", told.Wrong, "of", len(wrong)+told.New+told.Known)
	}
	if told.New+told.Known == 0 {
		told.Error = "nothing of it can be taken"
		return http.StatusBadRequest, told
	}
	return http.StatusOK, told
}

// document is an event as it is kept.
type document struct {
	Received time.Time `json:"received"`
	Source   string    `json:"source"` // the hook's name
	Body     any       `json:"body"`
}

func (i *Inbox) documents(hook *hook, all []event) []opensearch.NewDocument {
	received := i.now().UTC()
	documents := make([]opensearch.NewDocument, len(all))
	for at, one := range all {
		id := sha256.Sum256([]byte(hook.name + "\x00" + one.same))
		documents[at] = opensearch.NewDocument{
			Index: opensearch.InboxIndex, ID: base64.RawURLEncoding.EncodeToString(id[:]), Doc: document{received, hook.name, one.body},
		}
	}
	return documents
}

func reply(w http.ResponseWriter, status int, told answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(told) // a sender that has gone sends again
}
