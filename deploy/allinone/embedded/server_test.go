package embedded_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func TestBoots(t *testing.T) {
	t.Logf("frontend, namespace and UI after %v", sharedBoot.Round(time.Millisecond))
	d, err := cl.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != 30*24*time.Hour {
		t.Errorf("retention is %v", got)
	}
	have, err := cl.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range attributes() {
		if have.GetCustomAttributes()[name] != kind {
			t.Errorf("attribute %s is %v, want %v", name, have.GetCustomAttributes()[name], kind)
		}
	}
}

func TestUIAnswers(t *testing.T) {
	for path, want := range map[string]string{"/": "<html", "/api/v1/namespaces": `"name":"default"`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shared.UIURL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v", path, resp.Status, err)
		}
		if text := strings.ReplaceAll(string(body), " ", ""); !strings.Contains(text, want) {
			t.Errorf("%s lacks %s: %.200s", path, want, text)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := l.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		options embedded.Options
		says    string
	}{
		"a taken port":               {embedded.Options{Port: taken}, "not to be had"},
		"a taken port of the UI":     {embedded.Options{UIPort: taken}, "not to be had"},
		"an address others reach":    {embedded.Options{Address: "0.0.0.0"}, "no loopback address"},
		"a UI that others reach":     {embedded.Options{UIPort: -1, UIHost: "192.0.2.1"}, "no loopback address"},
		"two stores":                 {embedded.Options{DataFile: "x", Postgres: &embedded.Postgres{}}, "choose one"},
		"more attributes than slots": {embedded.Options{SearchAttributes: texts("A", "B", "C", "D")}, "cannot have more than 3"},
		"a PostgreSQL that is away":  {embedded.Options{Postgres: &embedded.Postgres{Address: "127.0.0.1:1", User: "u"}}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := embedded.Start(t.Context(), c.options)
			if err == nil {
				s.Stop()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %q, want %q in it", err, c.says)
			}
		})
	}
}

func texts(names ...string) map[string]enums.IndexedValueType {
	out := map[string]enums.IndexedValueType{}
	for _, name := range names {
		out[name] = enums.INDEXED_VALUE_TYPE_TEXT
	}
	return out
}

func TestDataFileCarriesTheServersVersion(t *testing.T) {
	if got := filepath.Base(dataFile(t)); got != "temporal-1.32.1.db" {
		t.Errorf("it is %s", got)
	}
}

func dataFile(t *testing.T) string {
	t.Helper()
	file, err := embedded.DataFile(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEnsureNamespace(t *testing.T) {
	ctx := t.Context()
	const ns = "later"
	if err := daemon.EnsureNamespace(ctx, cl, ns, 48*time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := daemon.EnsureNamespace(ctx, cl, ns, 72*time.Hour, attributes()); err != nil {
			t.Fatal(err)
		}
	}
	other, err := client.NewClientFromExisting(cl, client.Options{Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = other.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "x", TaskQueue: "nobody", TypedSearchAttributes: temporal.NewSearchAttributes(severity.ValueSet(3)),
	}, "Nothing")
	if err != nil {
		t.Errorf("an attribute that was just added can't be used: %v", err)
	}
	clash := map[string]enums.IndexedValueType{severity.GetName(): enums.INDEXED_VALUE_TYPE_KEYWORD}
	err = daemon.EnsureNamespace(ctx, cl, ns, 72*time.Hour, clash)
	if err == nil || !strings.Contains(err.Error(), "search-attribute remove") {
		t.Errorf("a clash of types says %v, want the mend", err)
	}
}

func TestAFileIsForOneProcess(t *testing.T) {
	o := embedded.Options{DataFile: dataFile(t)}
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if second, err := embedded.Start(t.Context(), o); err == nil {
		second.Stop()
		t.Error("a second cluster started on the same file")
	} else if !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("it says %q", err)
	}
}

func TestGoesOnAfterKillAndRestart(t *testing.T) {
	goesOn(t, embedded.Options{DataFile: dataFile(t), SearchAttributes: attributes()})
}

// goesOn kills a cluster with an open workflow, starts another on the same store, stops and starts that too, and sees
// the same run take a signal each time.
func goesOn(t *testing.T, o embedded.Options) {
	t.Helper()
	run := killedChild(t, o)
	for visit, last := range []bool{false, true} {
		began := time.Now()
		s, err := embedded.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("start %d on the same store took %v", visit+2, time.Since(began).Round(time.Millisecond))
		visitTally(t, s, run, visit+2, last)
		began = time.Now()
		s.Stop()
		t.Logf("stop took %v", time.Since(began).Round(time.Millisecond))
	}
}

func visitTally(t *testing.T, s *embedded.Server, run string, want int, last bool) {
	t.Helper()
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, tallyQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(tally, named("Tally"))
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := c.SignalWorkflow(t.Context(), tallyID, run, "add", 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the signal is counted", func() bool { return query(t, c, run) == want })
	if !last {
		return
	}
	if err := c.SignalWorkflow(t.Context(), tallyID, run, "close", nil); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := c.GetWorkflow(t.Context(), tallyID, run).Get(t.Context(), &sum); err != nil || sum != want {
		t.Errorf("the workflow ended with %d, %v; want %d", sum, err, want)
	}
}

func query(t *testing.T, c client.Client, run string) (sum int) {
	t.Helper()
	v, err := c.QueryWorkflow(t.Context(), tallyID, run, "sum")
	if err != nil {
		return -1
	}
	if err := v.Get(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestLogsAreQuietUnlessAsked(t *testing.T) {
	var quiet, loud bytes.Buffer
	for _, c := range []struct {
		to  *bytes.Buffer
		all bool
	}{{&quiet, false}, {&loud, true}} {
		logTo(t, c.to, c.all)
	}
	if quiet.Len() > 0 {
		t.Errorf("a good start and stop says:\n%s", quiet.String())
	}
	if !strings.Contains(loud.String(), "part=temporal") {
		t.Errorf("asked for everything, it says %d bytes", loud.Len())
	}
}
