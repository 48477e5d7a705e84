package pfsense_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/sallyport-soar/sallyport/activities/pfsense"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// The requests of the driver and the answers of the stand-in are held against the vendor's own description.
func TestVendorsDescription(t *testing.T) {
	document := vendor(t)
	firewall := pfsensetest.New()
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		firewall.ServeHTTP(answer, r)
		r.Body = io.NopCloser(bytes.NewReader(body))
		hold(t, document, r, answer)
		calls++
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	defer server.Close()
	t.Setenv("SALLYPORT_TEST_PFSENSE", pfsensetest.Key)
	driver, err := pfsense.Open(t.Context(), pfsense.Config{URL: server.URL, Key: "env:SALLYPORT_TEST_PFSENSE"})
	if err != nil {
		t.Fatal(err)
	}
	firewall.Connect("203.0.113.9:40000", "10.77.0.2:22")
	if _, err := driver.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := driver.Apply(t.Context(), block()); err != nil {
		t.Error(err)
	}
	if _, err := driver.Observe(t.Context(), block()); err != nil {
		t.Error(err)
	}
	if err := driver.Undo(t.Context(), block()); err != nil {
		t.Error(err)
	}
	firewall.Lock()
	if err := driver.Apply(t.Context(), block()); err == nil || !strings.Contains(err.Error(), "MODEL_WRITE_CONFIG_LOCKED") {
		t.Errorf("locked: %v", err)
	}
	if calls < 20 {
		t.Errorf("only %d calls were held against the description", calls)
	}
}

// vendor loads the description. It is made by a program that writes "maxItems: 0" for "no limit".
func vendor(t *testing.T) *openapi3.T {
	t.Helper()
	text := shared.Read(t, "contracts/pfsense/pfsense-restapi-v2.7.1-openapi.json")
	text = bytes.ReplaceAll(text, []byte(`"maxItems": 0,`), nil)
	text = bytes.ReplaceAll(text, []byte(`"maxItems":0,`), nil)
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func hold(t *testing.T, document *openapi3.T, r *http.Request, answer *httptest.ResponseRecorder) {
	t.Helper()
	item := document.Paths.Value(r.URL.Path)
	if item == nil || item.GetOperation(r.Method) == nil {
		t.Errorf("%s %s: the vendor has no such call", r.Method, r.URL.Path)
		return
	}
	request := &openapi3filter.RequestValidationInput{
		Request: r, Route: &routers.Route{Spec: document, Path: r.URL.Path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil {
		t.Errorf("request %s %s: %v", r.Method, r.URL, err)
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: answer.Code, Header: answer.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	response.SetBodyBytes(answer.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
		t.Errorf("answer to %s %s: %v", r.Method, r.URL, err)
	}
}
