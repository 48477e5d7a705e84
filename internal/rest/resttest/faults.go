// Package resttest breaks HTTP stand-ins the ways that real systems break: overload, a connection cut before or after
// the effect, a body that is not the vendor's, slowness.
package resttest

import (
	"maps"
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
	held   int
}

type fault struct {
	calls   string
	left    int           // how many calls it still meets; ignored when until or lasts is set
	until   time.Time     // when it ends
	lasts   time.Duration // it ends so long after the first call that it meets
	status  int           // answered without effect
	before  bool          // the connection is cut and nothing happens
	after   bool          // it happens, then the connection is cut
	body    string        // it happens, and this is answered instead
	half    bool          // it happens, and half of the answer comes
	latency time.Duration // before it happens
	gate    chan struct{} // before it happens: until it is closed
	late    time.Duration // after it happened, before the answer
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

// Outage answers calls with status for so long, beginning with the first call that it meets; nothing happens.
func (f *Faults) Outage(status int, d time.Duration, calls string) {
	f.add(&fault{calls: calls, lasts: d, status: status})
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

// HalfBody carries out the next count calls and answers the first half of the true answer.
func (f *Faults) HalfBody(count int, calls string) {
	f.add(&fault{calls: calls, left: count, half: true})
}

// Slow holds back the next count calls.
func (f *Faults) Slow(d time.Duration, count int, calls string) {
	f.add(&fault{calls: calls, left: count, latency: d})
}

// Hold holds back the next count calls until release is called.
func (f *Faults) Hold(count int, calls string) (release func()) {
	gate := make(chan struct{})
	f.add(&fault{calls: calls, left: count, gate: gate})
	return sync.OnceFunc(func() { close(gate) })
}

// Late carries out the next count calls at once and holds back their answers.
func (f *Faults) Late(d time.Duration, count int, calls string) {
	f.add(&fault{calls: calls, left: count, late: d})
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

// Held counts the calls that are held back at this moment.
func (f *Faults) Held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// Wrap is next with these faults before it.
func (f *Faults) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.meet(f.take(r), next, w, r)
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
		if !strings.HasPrefix(r.Method+" "+r.URL.Path, one.calls) {
			continue
		}
		if one.lasts > 0 {
			one.until, one.lasts = f.time().Add(one.lasts), 0
		}
		lasts := one.left > 0
		if !one.until.IsZero() {
			lasts = f.time().Before(one.until)
		}
		if lasts {
			one.left--
			f.met++
			return *one
		}
	}
	return fault{}
}

func (f *Faults) meet(one fault, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !f.hold(r, one.latency, one.gate) {
		return
	}
	switch {
	case one.before:
		panic(http.ErrAbortHandler)
	case one.status != 0:
		http.Error(w, http.StatusText(one.status), one.status)
	case one.after, one.body != "", one.half, one.late > 0:
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		f.spoil(one, answer, w, r)
	default:
		next.ServeHTTP(w, r)
	}
}

// spoil passes an answer on as the fault wants it.
func (f *Faults) spoil(one fault, answer *httptest.ResponseRecorder, w http.ResponseWriter, r *http.Request) {
	if one.after || !f.hold(r, one.late, nil) {
		panic(http.ErrAbortHandler)
	}
	body := answer.Body.Bytes()
	switch {
	case one.body != "":
		body = []byte(one.body)
		w.Header().Set("Content-Type", "application/json")
	case one.half:
		body = body[:len(body)/2]
		w.Header().Set("Content-Type", "application/json")
	default:
		maps.Copy(w.Header(), answer.Header())
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// hold holds the call back for d, or at a gate; false: its caller has gone.
func (f *Faults) hold(r *http.Request, d time.Duration, gate chan struct{}) bool {
	if d <= 0 && gate == nil {
		return true
	}
	var over <-chan time.Time
	if gate == nil {
		over = time.After(d)
	}
	f.holding(+1)
	defer f.holding(-1)
	select {
	case <-over:
		return true
	case <-gate:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (f *Faults) holding(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held += n
}
