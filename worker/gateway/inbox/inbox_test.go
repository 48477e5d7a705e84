package inbox_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/gateway/inbox"
)

const (
	token  = "a token that nobody guesses"
	secret = "It's a Secret to Everybody" // of GitHub's page "Validating webhook deliveries", with the signature below
)

// house is an inbox on a store.
type house struct {
	*testing.T
	state    *opensearch.Client
	store    *opensearchtest.Server // nil for a real one
	address  string
	registry *prometheus.Registry
}

func openHouse(t *testing.T, address string, store *opensearchtest.Server) *house {
	t.Helper()
	state, err := opensearch.Open(t.Context(), opensearch.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("INBOX_TOKEN", token)
	t.Setenv("INBOX_SECRET", secret)
	h := &house{T: t, state: state, store: store, registry: prometheus.NewRegistry()}
	c := inbox.Config{Hooks: []inbox.Hook{
		{Name: "prometheus", Kind: inbox.KindAlertmanager, Token: "env:INBOX_TOKEN"},
		{Name: "door", Kind: inbox.KindJSON, Secret: "env:INBOX_SECRET"},
		{Name: "gate", Kind: inbox.KindJSON, Secret: "env:INBOX_SECRET", Header: "X-Gate"},
	}}
	if faults := c.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	made, err := inbox.New(t.Context(), c, state, h.registry, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /inbox/{hook}", made)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.address = server.URL + "/inbox/"
	return h
}

// onBoth runs a test on the stand-in and on a real server.
func onBoth(t *testing.T, test func(h *house)) {
	t.Run("stand-in", func(t *testing.T) {
		store := opensearchtest.NewServer(t)
		test(openHouse(t, store.URL, store))
	})
	t.Run("real", func(t *testing.T) {
		address, _ := opensearchtest.Real(t)
		test(openHouse(t, address, nil))
	})
}

// send posts a body and returns the answer's status and text.
func (h *house) send(hook, header, value, body string) (int, string) {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.address+hook, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set(header, value)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		h.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(text.String())
}

func (h *house) expect(status int, text, hook, header, value, body string) {
	h.Helper()
	if got, said := h.send(hook, header, value, body); got != status || !strings.Contains(said, text) {
		h.Errorf("%s of %.60q: %d %s; want %d %s", hook, body, got, said, status, text)
	}
}

// stored are the documents of the inbox.
func (h *house) stored() (sources []json.RawMessage) {
	h.Helper()
	if err := h.state.Refresh(h.Context(), opensearch.InboxIndex+"*"); err != nil {
		h.Fatal(err)
	}
	var page opensearch.Result
	body := map[string]any{"size": 1000, "query": map[string]any{"match_all": map[string]any{}}}
	if err := h.state.Search(h.Context(), opensearch.InboxIndex+"*", body, &page); err != nil {
		h.Fatal(err)
	}
	for _, document := range page.Documents() {
		sources = append(sources, document.Source)
	}
	return sources
}

func signed(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// notice is a notification with alerts of these fingerprints.
func notice(status string, fingerprints ...string) string {
	var alerts []string
	for _, fingerprint := range fingerprints {
		alerts = append(alerts, fmt.Sprintf(`{"status":%q,"labels":{"alertname":"ManyFailedLogins","category":"security","instance":"web-01:9100"},"annotations":{"summary":"40 a minute"},
			"startsAt":"2026-03-01T09:59:50.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph","fingerprint":%q}`, status, fingerprint))
	}
	return `{"version":"4","receiver":"sallyport","externalURL":"http://am","status":"firing","alerts":[` + strings.Join(alerts, ",") + `]}`
}

// TestAlertsAreEventsOnce: what Alertmanager sends again, alone or in another group, is there already.
func TestAlertsAreEventsOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		bearer := "Bearer " + token
		h.expect(200, `"new":2,"known":0`, "prometheus", "Authorization", bearer, notice("firing", "a1", "b2"))
		h.expect(200, `"new":0,"known":2`, "prometheus", "Authorization", bearer, notice("firing", "b2", "a1"))
		h.expect(200, `"new":1,"known":1`, "prometheus", "Authorization", bearer, notice("firing", "a1", "c3"))
		h.expect(200, `"new":1,"known":0`, "prometheus", "Authorization", bearer, notice("resolved", "a1"))
		if got := len(h.stored()); got != 4 {
			h.Errorf("%d events are stored, want 4", got)
		}
	})
}

// TestNoticesThatAreWrong are refused as a whole where nothing of them can be taken, and in part where something can: the
// sender never sends again what it was told is wrong.
func TestNoticesThatAreWrong(t *testing.T) {
	onBoth(t, func(h *house) {
		whole := notice("firing", "a1")
		for body, why := range map[string]string{
			"":                            "no notification",
			"[]":                          "no notification",
			`{"version":"5","alerts":[]}`: `version \"5\"`,
			`{"version":"4","alerts":[]}`: "no alerts",
			strings.Replace(whole, "firing\",\"labels", "on\",\"labels", 1): "neither firing nor resolved",
			strings.Replace(whole, `"fingerprint":"a1"`, `"x":1`, 1):        "no fingerprint",
			strings.Replace(whole, "2026-03-01T09:59:50.5Z", "soon", 1):     "parsing time",
		} {
			h.expect(400, why, "prometheus", "Authorization", "Bearer "+token, body)
		}
		half := strings.Replace(notice("firing", "a1", "b2"), `"fingerprint":"b2"`, `"fingerprint":""`, 1)
		h.expect(200, `"new":1,"known":0,"wrong":["alerts[1]: no fingerprint`, "prometheus", "Authorization", "Bearer "+token, half)
		cut := strings.Replace(whole, `"receiver"`, `"truncatedAlerts":7,"receiver"`, 1)
		h.expect(200, "7 alerts were cut off", "prometheus", "Authorization", "Bearer "+token, cut)
		if got := len(h.stored()); got != 1 {
			h.Errorf("%d events are stored, want 1", got)
		}
	})
}

// TestWhoMaySend: without a proof nothing is read, let alone stored.
func TestWhoMaySend(t *testing.T) {
	h := openHouseOnStandIn(t)
	body := `{"door":"open","at":"2026-03-01T10:00:00Z"}`
	h.expect(401, "prove", "prometheus", "Authorization", "Bearer "+token+"x", notice("firing", "a1"))
	h.expect(401, "prove", "prometheus", "Authorization", "Basic "+token, notice("firing", "a1"))
	h.expect(401, "prove", "prometheus", "X-Hub-Signature-256", signed(notice("firing", "a1")), notice("firing", "a1"))
	h.expect(401, "prove", "door", "Authorization", "Bearer "+secret, body)
	h.expect(401, "prove", "door", "X-Hub-Signature-256", signed(body+" "), body)
	h.expect(401, "prove", "door", "X-Hub-Signature-256", "", body)
	h.expect(401, "prove", "gate", "X-Hub-Signature-256", signed(body), body)
	h.expect(404, "no hook", "window", "Authorization", "Bearer "+token, body)
	if got := h.stored(); len(got) > 0 {
		t.Errorf("%s are stored", got)
	}
	h.expect(200, `"new":1`, "door", "X-Hub-Signature-256", signed(body), body)
	h.expect(200, `"new":0,"known":1`, "door", "X-Hub-Signature-256", signed(body), body) // a replay changes nothing
	h.expect(200, `"new":1`, "gate", "X-Gate", strings.TrimPrefix(signed(body), "sha256="), body)

	// GitHub's own example: the signature is right, and the body is no object.
	h.expect(400, "no JSON object", "door", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "Hello, World!")
	for _, wrong := range []string{"", "[]", `{"a":1}{"b":2}`, `{"a":`, "null"} {
		h.expect(400, "no JSON object", "door", "X-Hub-Signature-256", signed(wrong), wrong)
	}
}

func openHouseOnStandIn(t *testing.T) *house {
	store := opensearchtest.NewServer(t)
	return openHouse(t, store.URL, store)
}

// TestWhatIsNotStoredIsNotTaken: 2xx means stored; a store that is down, or whose answer is lost, makes the sender come
// again, and then it is there once.
func TestWhatIsNotStoredIsNotTaken(t *testing.T) {
	for name, fault := range map[string]opensearchtest.Fault{
		"down":                 {Operation: "bulk", Status: 503},
		"full":                 {Operation: "bulk", Status: 429},
		"the answer is lost":   {Operation: "bulk", CutAfter: true},
		"the question is lost": {Operation: "bulk", CutBefore: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := openHouseOnStandIn(t)
			lift := h.store.Inject(fault)
			h.expect(503, "can't be stored", "prometheus", "Authorization", "Bearer "+token, notice("firing", "a1"))
			lift()
			h.expect(200, "known", "prometheus", "Authorization", "Bearer "+token, notice("firing", "a1"))
			if got := len(h.stored()); got != 1 {
				t.Errorf("%d events are stored, want 1", got)
			}
		})
	}
}

// TestTooMuch: a message that is too large is refused, one too many at a time is told to come again.
func TestTooMuch(t *testing.T) {
	h := openHouseOnStandIn(t)
	h.expect(413, "larger than", "door", "X-Hub-Signature-256", "00", strings.Repeat(" ", 5<<20))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.hold(ctx, "door", 16)
	deadline := time.Now().Add(time.Minute)
	for status := 0; status != 503; {
		if status, _ = h.send("door", "X-Hub-Signature-256", signed("{}"), "{}"); time.Now().After(deadline) {
			t.Fatalf("%d while sixteen are being read, want 503", status)
		}
	}
	h.expect(200, `"new":1`, "prometheus", "Authorization", "Bearer "+token, notice("firing", "a1")) // another hook has its own places
	if h.count("sallyport_inbox_messages_total", "later") == 0 || h.count("sallyport_inbox_messages_total", "refused") != 1 {
		t.Error("messages that were not stored are not counted")
	}
}

// TestWhoBearsNoTokenTakesNoPlace, however slowly it sends.
func TestWhoBearsNoTokenTakesNoPlace(t *testing.T) {
	h := openHouseOnStandIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.hold(ctx, "prometheus", 17)
	for deadline := time.Now().Add(time.Minute); h.count("sallyport_inbox_messages_total", "refused") < 17; {
		if time.Now().After(deadline) {
			t.Fatal("who bears no token is not refused before its body is there")
		}
	}
	h.expect(200, `"new":1`, "prometheus", "Authorization", "Bearer "+token, notice("firing", "a1"))
}

// hold begins to send messages to a hook that do not end before ctx.
func (h *house) hold(ctx context.Context, hook string, messages int) {
	h.Helper()
	held := &slowBody{begun: make(chan struct{}, 64), ctx: ctx}
	for range messages {
		go func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address+hook, held)
			if err != nil {
				return
			}
			if response, err := http.DefaultClient.Do(request); err == nil {
				_ = response.Body.Close()
			}
		}()
		<-held.begun
	}
}

// slowBody sends nothing until the test is over.
type slowBody struct {
	begun chan struct{}
	ctx   context.Context
}

func (s *slowBody) Read([]byte) (int, error) {
	s.begun <- struct{}{}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// TestAnEventOfTheInboxIsOneLikeAnyOther: rules match it by its mapping.
func TestAnEventOfTheInboxIsOneLikeAnyOther(t *testing.T) {
	h := openHouseOnStandIn(t)
	h.expect(200, `"new":1`, "prometheus", "Authorization", "Bearer "+token, notice("firing", "a1"))
	expectDetection(t, h.stored()[0], "web-01")
}

// expectDetection expects that the shipped rule matches an event.
func expectDetection(t *testing.T, event []byte, host string) {
	t.Helper()
	library, _ := rules.Load(content.Files)
	matcher, err := library.For("alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	matches, err := matcher.Match(event)
	if err != nil || len(matches) != 1 || matches[0].Rule.ID != "alertmanager-security" || matches[0].Entity.Name != host || matches[0].EventTime.IsZero() {
		t.Errorf("%s: %+v, %v; want alertmanager-security on %s", event, matches, err, host)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for want, hook := range map[string]inbox.Hook{
		"is no name":           {Name: "A b", Kind: inbox.KindJSON, Secret: "env:S"},
		"alertmanager or json": {Name: "a", Kind: "xml"},
		"set token":            {Name: "a", Kind: inbox.KindAlertmanager, Secret: "env:S"},
		"set secret":           {Name: "a", Kind: inbox.KindJSON, Token: "env:S"},
		"is no header":         {Name: "a", Kind: inbox.KindJSON, Secret: "env:S", Header: "X Y"},
		"there twice":          {Name: "twin", Kind: inbox.KindJSON, Secret: "env:S"},
	} {
		c := inbox.Config{Hooks: []inbox.Hook{{Name: "twin", Kind: inbox.KindJSON, Secret: "env:S"}, hook}}
		if faults := c.Validate(); !strings.Contains(faults.Error(), want) {
			t.Errorf("%+v: %v; want %q", hook, faults, want)
		}
	}
	t.Setenv("SHORT", "123")
	short := inbox.Config{Hooks: []inbox.Hook{{Name: "a", Kind: inbox.KindJSON, Secret: config.Secret("env:SHORT")}}}
	if _, err := inbox.New(t.Context(), short, nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler), time.Now); err == nil || strings.Contains(err.Error(), "123") {
		t.Errorf("a short secret: %v", err)
	}
}
