package cortextest

import (
	"crypto/md5" //nolint:gosec // Cortex's own key of its cache, no security
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cacheFor is how long Cortex finds a job again (cache.job).
const cacheFor = 10 * time.Minute

// job is one run. Its end comes by the clock: whoever looks later sees it finished.
type job struct {
	worker   *worker
	id       string
	cacheKey string
	data     any
	fields   map[string]any
	created  time.Time
	ends     time.Time
	report   map[string]any
	deleted  bool
}

func (j *job) status() string {
	switch {
	case j.deleted:
		return "Deleted"
	case time.Now().Before(j.ends):
		return "InProgress"
	case j.report["success"] == true:
		return "Success"
	}
	return "Failure"
}

func (j *job) shown() map[string]any {
	created := j.created.UnixMilli()
	shown := map[string]any{
		"id": j.id, "_id": j.id, "_type": "job", "organization": "sallyport", "status": j.status(), "data": j.data,
		"createdAt": created, "createdBy": "sallyport", "date": created, "startDate": created, "type": j.worker.kind,
		"workerId": j.worker.id, "workerName": j.worker.name, "workerDefinitionId": j.worker.name,
		"analyzerId": j.worker.id, "analyzerName": j.worker.name, "analyzerDefinitionId": j.worker.name, "cacheTag": j.cacheKey,
	}
	maps.Copy(shown, j.fields)
	if s := j.status(); s == "Success" || s == "Failure" {
		shown["endDate"] = j.ends.UnixMilli()
	}
	return shown
}

func (j *job) reported() map[string]any {
	shown := j.shown()
	switch status := j.status(); status {
	case "Success", "Failure":
		shown["report"] = j.report
	case "InProgress":
		shown["report"] = "Running"
	default:
		shown["report"] = status
	}
	return shown
}

// order is the body of a run. null counts as missing.
type order struct {
	Data       json.RawMessage `json:"data"`
	DataType   string          `json:"dataType"`
	TLP        *int            `json:"tlp"`
	PAP        *int            `json:"pap"`
	Message    string          `json:"message"`
	Parameters map[string]any  `json:"parameters"`
	Force      any             `json:"force"`
}

// run starts a job of a worker of this kind, or finds an analyzer's earlier one.
func (c *Cortex) run(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		by := c.worker(kind, r.PathValue("id"))
		if by == nil {
			missing(w, kind)
			return
		}
		var in order
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse(w, http.StatusBadRequest, "BadRequest", "Invalid JSON")
			return
		}
		data, ok := dataOf(kind, in.Data)
		if !ok || in.DataType == "" || !slices.Contains(by.dataTypes, in.DataType) {
			refuse(w, http.StatusBadRequest, "AttributeCheckingError", "[data or dataType is missing or wrong]")
			return
		}
		made := c.newJob(by, in, data)
		force := r.URL.Query().Get("force")
		if earlier := c.similar(made); kind == "analyzer" && earlier != nil && force != "1" && force != "true" {
			shown := earlier.shown()
			shown["fromCache"] = true
			answer(w, http.StatusOK, shown)
			return
		}
		if left, limited := c.quota[by.name]; limited {
			if left <= 0 {
				refuse(w, http.StatusTooManyRequests, "RateLimitExceeded", "Rate limit of "+by.name+" is exceeded")
				return
			}
			c.quota[by.name] = left - 1
		}
		c.jobs = append(c.jobs, made)
		answer(w, http.StatusOK, made.shown())
	}
}

// dataOf is a text for an analyzer, an object for a responder.
func dataOf(kind string, raw json.RawMessage) (any, bool) {
	var data any
	if len(raw) == 0 || json.Unmarshal(raw, &data) != nil || data == nil {
		return nil, false
	}
	_, isText := data.(string)
	_, isObject := data.(map[string]any)
	return data, (kind == "analyzer" && isText && data != "") || (kind == "responder" && (isObject || isText))
}

func (c *Cortex) newJob(by *worker, in order, data any) *job {
	tlp, pap := 2, 2
	if in.TLP != nil {
		tlp = *in.TLP
	}
	if in.PAP != nil {
		pap = *in.PAP
	}
	if in.Parameters == nil {
		in.Parameters = map[string]any{}
	}
	c.last++
	parameters, _ := json.Marshal(in.Parameters)
	made := &job{
		worker: by, id: "AZ" + strconv.Itoa(100000+c.last), data: data, created: time.Now(), ends: time.Now().Add(c.took),
		cacheKey: digest(fmt.Sprintf("%s|%s|%d|%v|%s", by.id, in.DataType, tlp, data, parameters)),
		fields:   map[string]any{"dataType": in.DataType, "tlp": tlp, "pap": pap, "message": in.Message, "parameters": in.Parameters},
	}
	made.report = c.reportOf(by, data, tlp)
	return made
}

// reportOf is what the worker knows. An analyzer that knows nothing ends well, with an empty summary.
func (c *Cortex) reportOf(by *worker, data any, tlp int) map[string]any {
	if tlp > by.maxTLP {
		return map[string]any{"success": false, "errorMessage": "TLP is higher than allowed.", "input": "{}"}
	}
	if known := c.known[fmt.Sprintf("%s %v", by.name, data)]; known != nil {
		return known
	}
	return map[string]any{
		"success": true, "summary": map[string]any{}, "full": map[string]any{"message": "not found"}, "artifacts": []any{}, "operations": []any{},
	}
}

func (c *Cortex) similar(to *job) *job {
	for _, j := range slices.Backward(c.jobs) {
		if j.cacheKey == to.cacheKey && j.status() != "Failure" && !j.deleted && time.Since(j.created) < cacheFor {
			return j
		}
	}
	return nil
}

func (c *Cortex) worker(kind, id string) *worker {
	for _, w := range c.workers {
		if w.kind == kind && w.id == id {
			return w
		}
	}
	return nil
}

func (c *Cortex) job(id string) *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range c.jobs {
		if j.id == id {
			return j
		}
	}
	return nil
}

// waitReport holds the call until the job ends or atMost is over; it reads atMost only while the job runs.
func (c *Cortex) waitReport(w http.ResponseWriter, r *http.Request) {
	j := c.job(r.PathValue("id"))
	if j == nil {
		missing(w, "job")
		return
	}
	if j.status() == "InProgress" {
		atMost, ok := scalaDuration(r.URL.Query().Get("atMost"))
		if !ok {
			refuse(w, http.StatusBadRequest, "NumberFormatException", "format error")
			return
		}
		select {
		case <-time.After(min(atMost, time.Until(j.ends)+time.Millisecond)):
		case <-r.Context().Done():
			return
		}
	}
	answer(w, http.StatusOK, j.reported())
}

// scalaDuration reads "30seconds", "1minute", "1 minute"; "Inf" is no finite one.
func scalaDuration(text string) (time.Duration, bool) {
	text = strings.ReplaceAll(text, " ", "")
	if text == "" {
		text = "1minute"
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return 0, false
	}
	switch strings.TrimSuffix(text[len(digits):], "s") {
	case "second", "", "sec":
		return time.Duration(n) * time.Second, true
	case "minute", "min":
		return time.Duration(n) * time.Minute, true
	case "hour", "h":
		return time.Duration(n) * time.Hour, true
	}
	return 0, false
}

func digest(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // Cortex's own key of its cache, no security
	return hex.EncodeToString(sum[:])
}
