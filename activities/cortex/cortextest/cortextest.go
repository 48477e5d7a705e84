// Package cortextest is a Cortex 4 small enough to run inside a test or a demo: analyzers, responders, their jobs and
// the cache that finds a job again. It answers as Cortex 4.1.0's source does, and is driven by cortex4py in the tests.
package cortextest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// Key is the API key that opens the stand-in.
const Key = "cortex-stand-in-key"

// Names of the analyzers and the responder that a new stand-in has.
const (
	VirusTotal = "VirusTotal_GetReport_3_1"
	AbuseIPDB  = "AbuseIPDB_2_0"
	DShield    = "DShield_lookup_1_0"
	Responder  = "Mailer_1_0"
)

// Cortex is the stand-in, an http.Handler. Its faults come before every call.
type Cortex struct {
	resttest.Faults

	mu      sync.Mutex
	workers []*worker
	jobs    []*job
	known   map[string]map[string]any // analyzer, space, value -> what it says
	took    time.Duration
	quota   map[string]int
	last    int
	mux     http.Handler
}

// worker is an analyzer or a responder.
type worker struct {
	kind, id, name string
	dataTypes      []string
	maxTLP         int
}

// New returns a Cortex whose analyzers know nothing yet.
func New() *Cortex {
	c := &Cortex{known: map[string]map[string]any{}, quota: map[string]int{}, took: 20 * time.Millisecond}
	everything := []string{"ip", "domain", "url", "hash", "file"}
	c.workers = []*worker{
		{"analyzer", digest(VirusTotal), VirusTotal, everything, 2},
		{"analyzer", digest(AbuseIPDB), AbuseIPDB, []string{"ip"}, 2},
		{"analyzer", digest(DShield), DShield, []string{"ip"}, 2},
		{"responder", digest(Responder), Responder, []string{"thehive:case_artifact", "thehive:case"}, 3},
	}
	mux := http.NewServeMux()
	c.route(mux)
	c.mux = c.Wrap(guard(mux))
	return c
}

// ServeHTTP implements http.Handler.
func (c *Cortex) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Server is a Cortex on loopback.
type Server struct {
	*Cortex
	*httptest.Server
}

// NewServer starts a Cortex that stops with the test.
func NewServer(tb testing.TB) *Server {
	cortex := New()
	server := &Server{Cortex: cortex, Server: httptest.NewServer(cortex)}
	tb.Cleanup(server.Close)
	return server
}

// SetEngines lets VirusTotal know a value: so many engines against it, and so many that call it harmless, of total.
// As the real analyzer does, it adds a line of resolutions whose level says "malicious" for any busy address.
func (c *Cortex) SetEngines(value string, against, harmless, total int) {
	level := "safe"
	if against > 0 {
		level = "malicious"
	}
	c.SetReport(VirusTotal, value, map[string]any{"attributes": map[string]any{"last_analysis_stats": map[string]int{
		"malicious": against, "suspicious": 0, "harmless": harmless, "undetected": total - against - harmless,
	}}}, Taxonomy(level, "VT", "GetReport", fmt.Sprintf("%d/%d", against, total)), Taxonomy("malicious", "VT", "GetReport", "10 resolution(s)"))
}

// SetAbuse lets AbuseIPDB know an address. As the real analyzer does, it calls every reported address malicious.
func (c *Cortex) SetAbuse(ip string, score int, whitelisted bool) {
	lines := []map[string]any{Taxonomy("malicious", "AbuseIPDB", "Score", score), Taxonomy("malicious", "AbuseIPDB", "Reports", 3)}
	if whitelisted {
		lines = append(lines, Taxonomy("info", "AbuseIPDB", "Whitelisted", true))
	}
	c.SetReport(AbuseIPDB, ip, map[string]any{"values": []any{map[string]any{"data": map[string]any{
		"ipAddress": ip, "abuseConfidenceScore": score, "isWhitelisted": whitelisted,
	}}}}, lines...)
}

// SetReport lets an analyzer know a value.
func (c *Cortex) SetReport(analyzer, value string, full any, taxonomies ...map[string]any) {
	c.set(analyzer, value, map[string]any{
		"success": true, "summary": map[string]any{"taxonomies": taxonomies}, "full": full, "artifacts": []any{}, "operations": []any{},
	})
}

// SetFailure lets an analyzer's job about a value fail, with the job's configuration in its report as Cortex does.
func (c *Cortex) SetFailure(analyzer, value, message string) {
	c.set(analyzer, value, map[string]any{
		"success": false, "errorMessage": message, "input": `{"config":{"url_token":"` + InputSecret + `"}}`,
	})
}

// InputSecret stands in the input of each failed job: nobody may ever repeat it.
const InputSecret = "secret-of-the-analyzer"

func (c *Cortex) set(analyzer, value string, report map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[analyzer+" "+value] = report
}

// SetDuration is how long jobs take from now on.
func (c *Cortex) SetDuration(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = d
}

// SetQuota lets an analyzer run so many jobs more, then answer 429.
func (c *Cortex) SetQuota(analyzer string, jobs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quota[analyzer] = jobs
}

// Asked are the jobs that were run, as "analyzer value", oldest first; a cached one is no second job.
func (c *Cortex) Asked() (jobs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range c.jobs {
		jobs = append(jobs, fmt.Sprintf("%s %v", j.worker.name, j.data))
	}
	return jobs
}

// Taxonomy is one line of a report's summary.
func Taxonomy(level, namespace, predicate string, value any) map[string]any {
	return map[string]any{"level": level, "namespace": namespace, "predicate": predicate, "value": value}
}

func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/status" && r.Header.Get("Authorization") != "Bearer "+Key {
			refuse(w, http.StatusUnauthorized, "AuthenticationError", "Authentication failure")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (w *worker) shown() map[string]any {
	return map[string]any{
		"id": w.id, "_id": w.id, "_type": "worker", "name": w.name, "workerDefinitionId": w.name, "type": w.kind,
		"analyzerDefinitionId": w.name, "version": "1.0", "description": w.name, "author": "stand-in", "url": "", "license": "AGPL-V3",
		"dataTypeList": w.dataTypes, "maxTlp": w.maxTLP, "maxPap": 2, "organization": "sallyport", "createdAt": int64(0), "createdBy": "admin",
	}
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, code int, kind, message string) {
	answer(w, code, map[string]string{"type": kind, "message": message})
}

func missing(w http.ResponseWriter, what string) {
	refuse(w, http.StatusNotFound, "NotFoundError", strings.TrimSpace(what)+" not found")
}

// WorkerID is the id by which a worker is run.
func WorkerID(name string) string { return digest(name) }
