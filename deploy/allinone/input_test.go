package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// oddEvents are alerts of the attacked host, and lines that are none: shapes that no mapping expects, a key per thing that
// a sensor can name, ten megabytes in one field. None of them matches a rule.
func oddEvents() []string {
	var keys strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&keys, `"key%d":%d,`, i, i)
	}
	const host = `"agent":{"id":"004","name":"shop-01","ip":"10.20.0.14"}`
	return []string{
		`{"timestamp":"2026-11-02T06:41:10.000+0000","rule":{"id":["5763","x"],"level":["10"]},"agent":{"id":["004"],"name":["shop-01"]},"full_log":["a","b"]}`,
		`{"timestamp":17,"rule":{"id":{"a":1},"level":"ten"},` + host + `}`,
		`{"rule":null,"agent":null,"data":null,"timestamp":null}`,
		`{"timestamp":"2026-11-02T06:41:11.000+0000",` + host + `,"data":` + strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 300) + `}`,
		`{"timestamp":"2026-11-02T06:41:12.000+0000",` + host + `,"full_log":"` + strings.Repeat("x", 10<<20) + `"}`,
		`{"timestamp":"2026-11-02T06:41:13.000+0000",` + host + `,"data":{` + keys.String() + `"last":1}}`,
		`{"timestamp":"2026-11-02T06:41:14.000+0000",` + host + `,"full_log":"\u0000\u001b[2J\u202e"}`,
		`["no object"]`, `not JSON`, `{"cut":`,
	}
}

// TestOddEventsInTheAttack mixes such events into the recorded attack: the incident opens and closes as without them, and
// the counters tell of all that was evaluated.
func TestOddEventsInTheAttack(t *testing.T) {
	t.Parallel()
	odd, recorded := oddEvents(), recorded()
	var mixed strings.Builder
	for i, line := range strings.SplitAfter(recorded, "\n") {
		if mixed.WriteString(line); i < len(odd) {
			mixed.WriteString(odd[i] + "\n")
		}
	}
	o := newOffice(t, "--events", write(t, mixed.String()))
	metrics := fmt.Sprintf("127.0.0.1:%d", freeLoopbackPort(t))
	o.edit(o.file, "listen: 127.0.0.1:0", "listen: "+metrics)
	o.up()
	o.play()
	r := o.awaitClosed(5 * time.Minute)
	o.expectOnce(r)
	for _, a := range r.Actions {
		if a.Kind == soar.BlockAddress && a.State != string(soar.Released) {
			t.Errorf("%s on %s is %s", a.Target, a.System, a.State)
		}
	}
	page := o.get("http://" + metrics + "/metrics")
	events := len(odd) - 3 + strings.Count(recorded, "\n") // OpenSearch takes no line that is no object
	if evaluated := counted(page, "sallyport_stream_documents_total"); evaluated < events {
		t.Errorf("%d documents were evaluated, want all %d", evaluated, events)
	}
	if unreadable := counted(page, "sallyport_stream_unreadable_total") + counted(page, "sallyport_stream_rule_faults_total"); unreadable != 0 {
		t.Errorf("%d events that are JSON were unreadable, or met a fault of a rule", unreadable)
	}
}

// counted is the sum of a metric on a page.
func counted(page, name string) (sum int) {
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name+"{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			sum += int(n)
		}
	}
	return sum
}

func (o *office) get(address string) string {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%s: %d %v", address, resp.StatusCode, err)
	}
	return string(text)
}

// TestWrongKeyOfTheCaseSystem: TheHive refuses our key. The attack is contained all the same, and the incident says that it
// has no case, and why.
func TestWrongKeyOfTheCaseSystem(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.file), "thehive.secret"), []byte("revoked"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.up()
	o.play()
	r := o.awaitClosed(5 * time.Minute)
	o.expectReleased(r)
	if r.Case.ID != "" || len(o.look().Cases) > 0 || !tells(r, "No case could be opened", "status 401", "systems.thehive.key") {
		t.Errorf("case %+v of %+v; want none, and the reason told:\n%s", r.Case, o.look().Cases, told([]activities.IncidentRecord{r}))
	}
}

// TestUpSaysWhatIsWrong: what can be known at the start is told there, with file, line and the mend, and nothing starts.
func TestUpSaysWhatIsWrong(t *testing.T) {
	file := newOffice(t).file
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	for name, tt := range map[string]struct{ old, to, want string }{
		"an unknown key":            {"sweep: 5s", "swep: 5s", `times.swep: unknown key: did you mean "sweep"?`},
		"a wrong type":              {"sweep: 5s", "sweep: soon", "times.sweep: is no duration: write it as 90s, 10m or 24h"},
		"a list for a text":         {"listen: 127.0.0.1:0", "listen: [a, b]", "this is a list, want a text"},
		"a secret in clear":         {"file:" + dir + "/misp.secret", "hunter2", "systems.misp.key: is no secret reference"},
		"a file without the secret": {dir + "/misp.secret", dir + "/none", "secret: open " + dir + "/none: no such file or directory: write the secret there"},
		"a variable without secret": {"file:" + dir + "/cortex.secret", "env:SALLYPORT_TEST_NO_SUCH", "environment variable SALLYPORT_TEST_NO_SUCH is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := filepath.Join(dir, "changed.yaml")
			if !strings.Contains(string(text), tt.old) {
				t.Fatalf("the config has no %q", tt.old)
			}
			if err := os.WriteFile(changed, []byte(strings.Replace(string(text), tt.old, tt.to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			output, code := run(t, 90*time.Second, "up", "--config", changed)
			if code == 0 || !strings.Contains(output, changed+":") || !strings.Contains(output, tt.want) || strings.Contains(output, "hunter2") {
				t.Errorf("exit %d, want %q:\n%s", code, tt.want, output)
			}
		})
	}
}
