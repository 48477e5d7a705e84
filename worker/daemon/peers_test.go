package daemon_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sallyport-soar/sallyport/activities/cortex"
	"github.com/sallyport-soar/sallyport/activities/cortex/cortextest"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/activities/misp"
	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/pfsense"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/activities/thehive"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/worker/detect"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// peer is something that Sallyport is a client of.
type peer struct {
	line  string // of `sallyport check`
	at    string // where its settings stand in the config
	serve func(t *testing.T, trust *tls.Config) (hostport string)
	use   func(c *daemon.Config, hostport string, trust rest.TLS)
}

// peers are all of them: TestEveryClientIsAPeer holds this list to the config.
func peers() []peer {
	return []peer{
		{"temporal", "temporal", serveTemporal, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Temporal.Address, c.Temporal.TLS = hostport, trust
		}},
		{"opensearch", "opensearch", serveOpenSearch, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.OpenSearch = clusterAt(hostport, trust)
		}},
		{"stream logs", "clusters.NAME", serveOpenSearch, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Clusters = map[string]opensearch.Config{"NAME": clusterAt(hostport, trust)}
			c.Detect.Streams = []detect.Stream{{Name: "logs", Cluster: "NAME", Index: "logs-*", Mapping: "wazuh4"}}
		}},
		{"wazuh", "systems.wazuh", serveWazuh, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.Wazuh = wazuhAt("https://"+hostport, trust, "https://127.0.0.1:1", rest.TLS{})
		}},
		{"wazuh.indexer", "systems.wazuh.indexer", serveOpenSearch, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.Wazuh = wazuhAt("https://127.0.0.1:1", rest.TLS{}, "https://"+hostport, trust)
		}},
		{"misp", "systems.misp", serveHTTP(misptest.New()), func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.MISP = &misp.Config{URL: "https://" + hostport, Key: "env:SALLYPORT_TEST_MISP", Trusted: []string{"*"}, TLS: trust}
		}},
		{"cortex", "systems.cortex", serveHTTP(cortextest.New()), func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.Cortex = &cortex.Config{URL: "https://" + hostport, Key: "env:SALLYPORT_TEST_CORTEX", Analyzers: []string{cortextest.AbuseIPDB}, TLS: trust}
		}},
		{"thehive", "systems.thehive", serveHTTP(thehivetest.New()), func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.TheHive = &thehive.Config{URL: "https://" + hostport, Key: "env:SALLYPORT_TEST_THEHIVE", TLS: trust}
		}},
		{"pfsense", "systems.pfsense", serveHTTP(pfsensetest.New()), func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.PfSense = &pfsense.Config{URL: "https://" + hostport, Key: "env:SALLYPORT_TEST_PFSENSE", TLS: trust}
		}},
		{"gvm", "systems.gvm", serveGVM, func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.GVM = &gvm.Config{Address: hostport, User: gvmtest.User, Password: "env:SALLYPORT_TEST_GVM", TLS: trust}
		}},
		{"slack", "systems.slack", serveHTTP(slacktest.New()), func(c *daemon.Config, hostport string, trust rest.TLS) {
			c.Systems.Slack = &slack.Config{BotToken: "env:SALLYPORT_TEST_BOT", AppToken: "env:SALLYPORT_TEST_APP", Channel: slacktest.Channel, APIURL: "https://" + hostport + "/", TLS: trust}
		}},
	}
}

// secrets of the stand-ins, by the variable that refers to them.
var secrets = map[string]string{
	"SALLYPORT_TEST_CLUSTER": "cluster-s3cret", "SALLYPORT_TEST_WAZUH": wazuhtest.Password, "SALLYPORT_TEST_MISP": misptest.Key,
	"SALLYPORT_TEST_CORTEX": cortextest.Key, "SALLYPORT_TEST_THEHIVE": thehivetest.Key, "SALLYPORT_TEST_PFSENSE": pfsensetest.Key,
	"SALLYPORT_TEST_GVM": gvmtest.Password, "SALLYPORT_TEST_BOT": slacktest.BotToken, "SALLYPORT_TEST_APP": slacktest.AppToken,
}

func setSecrets(t *testing.T) {
	t.Helper()
	for name, value := range secrets {
		t.Setenv(name, value)
	}
}

func clusterAt(hostport string, trust rest.TLS) opensearch.Config {
	return opensearch.Config{URL: "https://" + hostport, User: "sallyport", Password: "env:SALLYPORT_TEST_CLUSTER", TLS: trust}
}

func wazuhAt(server string, trust rest.TLS, indexer string, indexerTrust rest.TLS) *wazuh.Config {
	password := config.Secret("env:SALLYPORT_TEST_CLUSTER")
	return &wazuh.Config{
		URL: server, User: wazuhtest.User, Password: "env:SALLYPORT_TEST_WAZUH", TLS: trust,
		Indexer: wazuh.Indexer{URL: indexer, User: "sallyport", Password: password, TLS: indexerTrust},
	}
}

func serveHTTP(stand http.Handler) func(*testing.T, *tls.Config) string {
	return func(t *testing.T, trust *tls.Config) string {
		t.Helper()
		server := httptest.NewUnstartedServer(stand)
		server.Config.ErrorLog = quietLog()
		server.TLS = trust
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
}

func serveOpenSearch(t *testing.T, trust *tls.Config) string {
	t.Helper()
	cluster := opensearchtest.NewCluster(opensearchtest.WithUser("sallyport", secrets["SALLYPORT_TEST_CLUSTER"]))
	for _, index := range []string{"logs-1", "wazuh-alerts-4.x-1", "wazuh-states-vulnerabilities-1"} {
		cluster.CreateIndex(index, 1, time.Now())
	}
	return serveHTTP(cluster)(t, trust)
}

func serveWazuh(t *testing.T, trust *tls.Config) string {
	t.Helper()
	return serveHTTP(wazuhtest.New(func(json.RawMessage) {}))(t, trust)
}

func serveGVM(t *testing.T, trust *tls.Config) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "gmp")
	stand, err := gvmtest.Start(t.Context(), socket, func(string) gvmtest.Host { return gvmtest.Host{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return frontOf(t, trust, "unix", socket)
}

// frontend is as much of a Temporal as a client asks before its first workflow: who it is, and whether it is well.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

// GetSystemInfo implements workflowservice.WorkflowServiceServer.
func (frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "1.0.0", Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func serveTemporal(t *testing.T, trust *tls.Config) string {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(trust)))
	workflowservice.RegisterWorkflowServiceServer(server, frontend{})
	well := health.NewServer()
	well.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, well)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// notOurClient are addresses in the config that Sallyport itself connects to nowhere.
var notOurClient = map[string]string{
	"temporal.postgres": "the server inside up opens its database itself",
}

// TestEveryClientIsAPeer finds every address in the config by its name, so that a system that comes later and has no trust of
// its own, or is not in the list above, fails here.
func TestEveryClientIsAPeer(t *testing.T) {
	known := map[string]bool{}
	for _, p := range peers() {
		known[p.at] = true
	}
	found := 0
	settings(reflect.TypeFor[daemon.Config](), "", func(at string, kind reflect.Type) {
		addressed := false
		trusted := false
		for field := range kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			addressed = addressed || slices.Contains([]string{"url", "address", "api_url", "host"}, name)
			trusted = trusted || name == "tls" && field.Type == reflect.TypeFor[rest.TLS]()
		}
		switch {
		case !addressed && !trusted || notOurClient[at] != "":
			return
		case !trusted:
			t.Errorf("%s has an address, but no tls", at)
		case !known[at]:
			t.Errorf("%s is not in the list of peers: its TLS is not tested", at)
		}
		found++
	})
	if found != len(known) {
		t.Errorf("the config has %d clients, the list %d peers", found, len(known))
	}
}

// settings visits every struct below kind that a file can set.
func settings(kind reflect.Type, at string, visit func(at string, kind reflect.Type)) {
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
	}
	if kind.Kind() == reflect.Map {
		settings(kind.Elem(), at+".NAME", visit)
		return
	}
	if kind.Kind() != reflect.Struct || kind == reflect.TypeFor[rest.TLS]() || kind == reflect.TypeFor[time.Time]() {
		return
	}
	visit(at, kind)
	for field := range kind.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		below := strings.TrimPrefix(at+"."+name, ".")
		if strings.Contains(options, "inline") {
			below = at
		}
		settings(field.Type, below, visit)
	}
}

// TestEveryKeyIsDocumented holds config init and docs/config.md, which are made from these tags, to every key.
func TestEveryKeyIsDocumented(t *testing.T) {
	keys := 0
	settings(reflect.TypeFor[daemon.Config](), "", func(at string, kind reflect.Type) {
		for field := range kind.Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name == "-" || strings.Contains(options, "inline") || !field.IsExported() {
				continue
			}
			keys++
			if doc := field.Tag.Get("doc"); name == "" || len(doc) < 5 {
				t.Errorf("%s.%s: key %q, doc %q", at, field.Name, name, doc)
			}
		}
	})
	if keys < 100 {
		t.Errorf("only %d keys were looked at", keys)
	}
}
