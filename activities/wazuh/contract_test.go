package wazuh_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// The requests of the client and the answers of the stand-in are held against the vendor's own description.
func TestVendorsDescription(t *testing.T) {
	document := vendor(t)
	manager := wazuhtest.New(nil)
	agent := manager.AddAgent("001", "web-01", "10.77.0.2")
	manager.AddAgent("002", "db-02", "10.77.0.3").SetStatus("disconnected")
	agent.Listen("0.0.0.0", 22, "sshd")
	held := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		manager.ServeHTTP(answer, r)
		r.Body = io.NopCloser(bytes.NewReader(body))
		hold(t, document, r, answer)
		held[r.Method+" "+templateOf(r.URL.Path)]++
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	defer server.Close()
	w := connect(t, &wazuhtest.Server{URL: server.URL}, opensearchtest.NewServer(t).URL)
	if _, err := w.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.Ask(t.Context(), activities.Inquiry{Assets: []soar.Asset{{Name: "web-01"}, {Name: "db-02"}}}); err != nil {
		t.Error(err)
	}
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil || len(agent.InForce()) != 1 {
		t.Error(err)
	}
	away := block("i1-1", "203.0.113.9")
	away[0].On = "002"
	if err := w.Apply(t.Context(), away); err == nil {
		t.Error("sent to an agent that is away")
	}
	manager.Deny("active-response:command")
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err == nil {
		t.Error("sent without the right")
	}
	for _, call := range []string{"GET /", "GET /agents", "GET /security/users/me/policies", "GET /syscollector/{agent_id}/ports", "PUT /active-response", "POST /security/user/authenticate"} {
		if held[call] == 0 {
			t.Errorf("%s was not held against the description", call)
		}
	}
}

func vendor(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(shared.Read(t, "contracts/wazuh/wazuh-4.14.7-server-api-spec.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

var agentPath = regexp.MustCompile(`^/syscollector/([0-9]+)/`)

func templateOf(path string) string {
	return agentPath.ReplaceAllString(path, "/syscollector/{agent_id}/")
}

func hold(t *testing.T, document *openapi3.T, r *http.Request, answer *httptest.ResponseRecorder) {
	t.Helper()
	path := templateOf(r.URL.Path)
	item := document.Paths.Value(path)
	if item == nil || item.GetOperation(r.Method) == nil {
		t.Errorf("%s %s: the vendor has no such call", r.Method, path)
		return
	}
	params := map[string]string{}
	if found := agentPath.FindStringSubmatch(r.URL.Path); found != nil {
		params["agent_id"] = found[1]
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Options: options,
		Route: &routers.Route{Spec: document, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil {
		t.Errorf("request %s %s: %v", r.Method, r.URL, err)
	}
	if strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		return // the bare token: the description knows its JSON form only
	}
	header := http.Header{"Content-Type": {"application/json"}} // the server says application/problem+json of errors, the description does not
	response := &openapi3filter.ResponseValidationInput{RequestValidationInput: request, Status: answer.Code, Header: header, Options: options}
	response.SetBodyBytes(answer.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
		t.Errorf("answer to %s %s: %v", r.Method, r.URL, err)
	}
	if !json.Valid(answer.Body.Bytes()) {
		t.Errorf("answer to %s %s is no JSON", r.Method, r.URL)
	}
}
