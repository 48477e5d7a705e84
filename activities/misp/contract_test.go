package misp_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/sallyport-soar/sallyport/activities/misp"
	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestContract holds what our client sends, and what the stand-in answers, against the vendor's own description, as far
// as that goes: two of the calls are not in it.
func TestContract(t *testing.T) {
	stand := misptest.New()
	stand.Add(misptest.Indicator{Type: "ip-dst", Value: "203.0.113.1"})
	stand.Add(misptest.Indicator{Type: "ip-dst", Value: "8.8.8.8"})
	server := httptest.NewServer(validated(t, stand))
	t.Cleanup(server.Close)
	client := open(t, misp.Config{URL: server.URL})
	if _, err := client.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Ask(t.Context(), about(ip("203.0.113.1"), ip("8.8.8.8"), ip("203.0.113.2"))); err != nil {
		t.Error(err)
	}
}

// validated is next; each exchange that the vendor's description does not allow fails the test.
func validated(t *testing.T, next http.Handler) http.Handler {
	doc, err := openapi3.NewLoader().LoadFromFile(shared.Path(t, "contracts/misp/misp-2.5-openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	repair(doc)
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation(), openapi3.DisableSchemaDefaultsValidation())
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		input := validRequest(t, router, r)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if input != nil {
			out := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: answer.Code, Header: answer.Header()}
			if err := openapi3filter.ValidateResponse(r.Context(), out.SetBodyBytes(answer.Body.Bytes())); err != nil {
				t.Errorf("answer to %s %s: %v", r.Method, r.URL.Path, err)
			}
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// repair leaves of the vendor's description what we call, without its security schemes.
func repair(doc *openapi3.T) {
	doc.Security = nil
	for name, property := range doc.Components.Schemas["AttributeRestSearchFilter"].Value.Properties {
		if property.Value.Type.Is("boolean") || name == "value" {
			property.Value.Type = nil // measured: 0 and 1 are what is always understood, and a list of values is
		}
	}
	for path, item := range doc.Paths.Map() {
		if !slices.Contains(described, path) {
			doc.Paths.Delete(path)
		}
		for _, operation := range item.Operations() {
			operation.Security = nil
		}
	}
}

var (
	described   = []string{"/attributes/restSearch", "/warninglists/checkValue", "/servers/getVersion"}
	undescribed = []string{"/users/view/me", "/warninglists/index"}
)

func validRequest(t *testing.T, router routers.Router, r *http.Request) *openapi3filter.RequestValidationInput {
	route, params, err := router.FindRoute(r)
	if err != nil && slices.Contains(undescribed, r.URL.Path) {
		return nil
	}
	if err != nil {
		t.Errorf("%s %s is not in the vendor's description: %v", r.Method, r.URL.Path, err)
		return nil
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return input
}
