package misp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// recorded is one exchange with a real MISP 2.5.1.
type recorded struct {
	Name     string
	Request  struct{ Method, Path string }
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

func record(t *testing.T, file string) (calls []recorded) {
	t.Helper()
	if err := json.Unmarshal(shared.Read(t, "samples/misp/api-2.5.1/"+file+".json"), &calls); err != nil || len(calls) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	return calls
}

// replayed is a client whose server answers one recorded call, whatever it is asked.
func replayed(t *testing.T, c recorded) client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range c.Response.Headers {
			if strings.HasPrefix(name, "X-") || name == "Content-Type" || name == "Location" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(c.Response.Status)
		_, _ = w.Write(c.Response.Body)
	}))
	t.Cleanup(server.Close)
	api, err := rest.Open(server.URL, nil, rest.TLS{}, exchange)
	if err != nil {
		t.Fatal(err)
	}
	return client{api}
}

// TestRecordedSearches reads what a real MISP answered to searches.
func TestRecordedSearches(t *testing.T) {
	attributes := 0
	for _, file := range []string{"restsearch-value", "restsearch-filters", "restsearch-paging", "decay", "body", "limits"} {
		for _, c := range record(t, file) {
			if c.Request.Path != "/attributes/restSearch" || len(c.Response.Body) == 0 {
				continue
			}
			found, _, err := replayed(t, c).search(t.Context(), []string{"x"})
			if (err == nil) != (c.Response.Status == http.StatusOK) {
				t.Errorf("%s: status %d, %v", c.Name, c.Response.Status, err)
			}
			for _, a := range found {
				if attributes++; a.ID == "" || a.Value == "" || a.Timestamp == "" || a.Event.ID == "" {
					t.Errorf("%s: %+v", c.Name, a)
				}
			}
			checkRecorded(t, c, found)
		}
	}
	if attributes < 20 {
		t.Errorf("only %d attributes were read", attributes)
	}
}

func checkRecorded(t *testing.T, c recorded, found []attribute) {
	t.Helper()
	m := &MISP{trusted: []string{"Sallyport"}, fresh: defaultFresh}
	switch c.Name {
	case "restsearch-filters/includeWarninglistHits":
		if len(found[0].Warnings) != 1 || !strings.Contains(found[0].Warnings[0].Name, "public DNS") {
			t.Errorf("%s: %+v", c.Name, found[0])
		}
	case "restsearch-filters/includeEventTags_includeContext":
		if found[0].Event.Orgc.Name != "Sallyport" || found[0].Event.Published {
			t.Errorf("%s: %+v", c.Name, found[0])
		}
	case "decay/includeDecayScore_fresh", "decay/includeDecayScore_old":
		if want := strings.HasSuffix(c.Name, "old"); len(found[0].Decay) == 0 || m.decayed(found[0]) != want {
			t.Errorf("%s: decayed is not %v: %+v", c.Name, want, found[0].Decay)
		}
	}
}

// TestRecordedWarninglists reads what a real MISP answered to values.
func TestRecordedWarninglists(t *testing.T) {
	for _, c := range record(t, "warninglists") {
		listed, err := replayed(t, c).listed(t.Context(), []string{"x"})
		switch c.Name {
		case "warninglists/checkValue_hit":
			if err != nil || len(listed) != 2 || len(listed["8.8.8.8"]) != 1 {
				t.Errorf("%s: %v, %v", c.Name, listed, err)
			}
		case "warninglists/checkValue_no_hit", "warninglists/checkValue_url_with_listed_host":
			if err != nil || len(listed) != 0 {
				t.Errorf("%s: %v, %v", c.Name, listed, err)
			}
		case "warninglists/checkValue_empty_list", "warninglists/toggle_without_right":
			if err == nil {
				t.Errorf("%s: %v is no error", c.Name, listed)
			}
		}
	}
}

// TestRecordedRefusals tells a real MISP's refusals apart.
func TestRecordedRefusals(t *testing.T) {
	want := map[string]string{
		"auth/wrong_key": "the key is wrong", "auth/bearer_prefix": "the key is wrong", "auth/no_accept_header": "not taken as an API call",
		"auth/not_allowed_by_role": "the user's role may not", "limits/rate_limit_3_call_4": "used up for now", "limits/rate_limit_0": "rate limit is 0",
		"attributes-add/bad_value": "invalid", "body/malformed_json": "status 405", "limits/body_51_MiB": "status 500",
	}
	for _, file := range []string{"auth", "limits", "body", "attributes-add"} {
		for _, c := range record(t, file) {
			if want[c.Name] == "" {
				continue
			}
			_, err := replayed(t, c).do(t.Context(), http.MethodPost, "/x", nil, &struct{}{})
			if err == nil || !strings.Contains(err.Error(), want[c.Name]) {
				t.Errorf("%s: %v, want %q", c.Name, err, want[c.Name])
			}
			delete(want, c.Name)
		}
	}
	for name := range want {
		t.Errorf("%s was not recorded", name)
	}
}
