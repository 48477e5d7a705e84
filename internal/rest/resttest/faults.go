// Package resttest breaks HTTP stand-ins the ways that real systems break: overload, a connection cut before or after
// the effect, a body that is not the vendor's, slowness.
package resttest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Faults is what a stand-in does wrong for the moment. The zero value does nothing wrong. Each fault names the calls
// that it meets as "POST /api/v1/case", a prefix of method and path; "" meets all.
type Faults struct {
	mu     sync.Mutex
	now    func() time.Time
	faults []*fault
	met    int
}

type fault struct {
	calls   string
	left    int       // how many calls it still meets; ignored when until is set
	until   time.Time // when it ends
	status  int       // answered without effect
	before  bool      // the connection is cut and nothing happens
	after   bool      // it happens, then the connection is cut
	body    string    // it happens, and this is answered instead
	latency time.Duration
}

// SetClock replaces the clock by which FailFor ends.
func (f *Faults) SetClock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
}

// Fail answers the next count calls with status; nothing happens.
func (f *Faults) Fail(status, count int, calls string) {
	f.add(&fault{calls: calls, left: count, status: status})
}

// FailFor answers calls with status for a while; nothing happens.
func (f *Faults) FailFor(status int, d time.Duration, calls string) {
	f.add(&fault{calls: calls, until: f.clock().Add(d), status: status})
}

// CutBefore cuts the connection of the next count calls; nothing happens.
func (f *Faults) CutBefore(count int, calls string) {
	f.add(&fault{calls: calls, left: count, before: true})
}

// CutAfter carries out the next count calls and cuts the connection instead of answering.
func (f *Faults) CutAfter(count int, calls string) {
	f.add(&fault{calls: calls, left: count, after: true})
}

// WrongBody carries out the next count calls and answers body instead, with the status of the true answer.
func (f *Faults) WrongBody(body string, count int, calls string) {
	f.add(&fault{calls: calls, left: count, body: body})
}

// Slow holds back the next count calls.
func (f *Faults) Slow(d time.Duration, count int, calls string) {
	f.add(&fault{calls: calls, left: count, latency: d})
}

// Mend ends all faults.
func (f *Faults) Mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Met counts the calls that met a fault, so that a test can see that its fault did happen.
func (f *Faults) Met() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.met
}

// Wrap is next with these faults before it.
func (f *Faults) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		meet(f.take(r), next, w, r)
	})
}

func (f *Faults) add(one *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, one)
}

func (f *Faults) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.time()
}

func (f *Faults) time() time.Time {
	if f.now == nil {
		return time.Now()
	}
	return f.now()
}

// take returns the first fault that meets the call and uses it up by one.
func (f *Faults) take(r *http.Request) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.faults {
		lasts := one.left > 0
		if !one.until.IsZero() {
			lasts = f.time().Before(one.until)
		}
		if lasts && strings.HasPrefix(r.Method+" "+r.URL.Path, one.calls) {
			one.left--
			f.met++
			return *one
		}
	}
	return fault{}
}

func meet(one fault, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if one.latency > 0 {
		select {
		case <-time.After(one.latency):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case one.before:
		panic(http.ErrAbortHandler)
	case one.after:
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case one.status != 0:
		http.Error(w, http.StatusText(one.status), one.status)
	case one.body != "":
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_, _ = w.Write([]byte(one.body))
	default:
		next.ServeHTTP(w, r)
	}
}
