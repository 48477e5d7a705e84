package daemon_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// officeFile is the config of a lab that runs until the test ends.
func officeFile(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	office, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), Program: self, Events: lab.RecordedAttack()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := office.Close(); err != nil {
			t.Error(err)
		}
	})
	return office.ConfigFile()
}

// checked are the lines of check, by name.
func checked(t *testing.T, file string) map[string]catalog.Checked {
	t.Helper()
	config, err := daemon.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	config.Temporal.Address = "127.0.0.1:1" // nobody is there
	lines := map[string]catalog.Checked{}
	for _, line := range daemon.Check(t.Context(), config) {
		lines[line.Name] = line
	}
	return lines
}

func TestCheckOfAnOffice(t *testing.T) {
	lines := checked(t, officeFile(t))
	for _, name := range []string{"opensearch", "rules", "policy", "protected assets", "wazuh", "misp", "cortex", "thehive", "pfsense", "gvm"} {
		if line := lines[name]; line.Found == "" || line.Fault != "" {
			t.Errorf("%s: %+v, want it right", name, line)
		}
	}
	if lines["temporal"].Fault == "" {
		t.Error("nobody is at Temporal's address, and check finds it right")
	}
}

// A wrong password is told with the key of the config that is to be mended, and never shown.
func TestCheckNamesTheKeyOfAWrongPassword(t *testing.T) {
	file := officeFile(t)
	keys := map[string]string{
		"wazuh": "systems.wazuh.password", "misp": "systems.misp.key", "cortex": "systems.cortex.key", "thehive": "systems.thehive.key",
		"pfsense": "systems.pfsense.key", "gvm": "systems.gvm.password",
	}
	for name := range keys {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name+".secret"), []byte("wrong-password"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := checked(t, file)
	for name, key := range keys {
		said := lines[name].Fault + lines[name].Mend
		if !strings.Contains(said, key) || strings.Contains(said, "wrong-password") {
			t.Errorf("%s says %q; want %s named, and no password", name, said, key)
		}
	}
}

// A cluster that refuses user and password is told with the place in the config: the state's, and the indexer's.
func TestCheckNamesTheKeyOfARefusingCluster(t *testing.T) {
	file := officeFile(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Unauthorized", http.StatusUnauthorized) }))
	t.Cleanup(refusing.Close)
	config, err := daemon.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), config.OpenSearch.URL, refusing.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := checked(t, file)
	for name, want := range map[string]string{"opensearch": "correct them under opensearch", "wazuh.indexer": "systems.wazuh.indexer.password"} {
		if said := lines[name].Fault + lines[name].Mend; !strings.Contains(said, want) {
			t.Errorf("%s says %q; want %q in it", name, said, want)
		}
	}
}

// A certificate that this machine does not know is told with the two ways to trust it.
func TestCheckMendsTLS(t *testing.T) {
	file := officeFile(t)
	config, err := daemon.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secure := string(text)
	for _, address := range []string{config.OpenSearch.URL, config.Systems.Wazuh.URL, config.Systems.MISP.URL, config.Systems.Cortex.URL, config.Systems.TheHive.URL, config.Systems.PfSense.URL} {
		secure = strings.ReplaceAll(secure, address, overTLS(t, address))
	}
	secure = strings.Replace(secure, `tls: {sha256: "`+config.Systems.GVM.TLS.SHA256+`"}, `, "", 1)
	if err := os.WriteFile(file, []byte(secure), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := checked(t, file)
	for _, name := range []string{"opensearch", "wazuh", "misp", "cortex", "thehive", "pfsense", "gvm"} {
		said := lines[name].Fault + lines[name].Mend
		if !strings.Contains(said, "tls.ca") && !strings.Contains(said, "tls.server_name") || !strings.Contains(said, "tls.sha256") {
			t.Errorf("%s says %q; want tls.ca and tls.sha256 named", name, said)
		}
	}
}

// overTLS puts a self-signed certificate before a stand-in.
func overTLS(t *testing.T, address string) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(server.Close)
	return server.URL
}

// A host that can't be looked up denies every effect: check says so, by name. The name is no valid one, so that nobody
// is asked for it.
func TestCheckNamesAHostThatCannotBeProtected(t *testing.T) {
	file := officeFile(t)
	config, err := daemon.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), config.Systems.Cortex.URL, "https://cortex..example", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	said := checked(t, file)["protected assets"].Fault
	for _, want := range []string{"cortex: look up cortex..example", "every effect is refused", "mend the name server"} {
		if !strings.Contains(said, want) {
			t.Errorf("check says %q; want %q in it", said, want)
		}
	}
}
