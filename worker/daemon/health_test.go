package daemon

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestReadyz is ready when every part is, those that are asked each time as well.
func TestReadyz(t *testing.T) {
	h := &health{}
	mux := h.mux(prometheus.NewRegistry())
	want := func(status int, part string) {
		t.Helper()
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if recorder.Code != status || !strings.Contains(recorder.Body.String(), part) {
			t.Errorf("%d %s; want %d with %s", recorder.Code, recorder.Body, status, part)
		}
	}
	want(http.StatusServiceUnavailable, "{}")
	h.set("detect", nil)
	want(http.StatusOK, `"detect":"ready"`)
	var failing error
	h.ask(func() map[string]error { return map[string]error{"stream wazuh slot 0": failing} })
	want(http.StatusOK, `"stream wazuh slot 0":"ready"`)
	failing = errors.New("every poll failed for 1m0s")
	want(http.StatusServiceUnavailable, `"stream wazuh slot 0":"every poll failed for 1m0s"`)
	failing = nil
	want(http.StatusOK, `"detect":"ready"`)
}
