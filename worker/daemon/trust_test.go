package daemon_test

import (
	"crypto/tls"
	"io"
	"log"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

func frontOf(t *testing.T, trust *tls.Config, network, address string) string {
	t.Helper()
	return resttest.Front(t, trust, network, address)
}

// tried is the peer's line of `sallyport check`. It shows no secret, whatever went wrong.
func tried(t *testing.T, p peer, hostport string, trust rest.TLS, more ...func(*daemon.Config)) catalog.Checked {
	t.Helper()
	c := daemon.Defaults()
	p.use(&c, hostport, trust)
	for _, change := range more {
		change(&c)
	}
	lines := daemon.Check(t.Context(), c, p.line)
	if len(lines) != 1 {
		t.Fatalf("check says %+v", lines)
	}
	for _, secret := range secrets {
		if strings.Contains(lines[0].Fault+lines[0].Mend+lines[0].Found, secret) {
			t.Errorf("%s: check shows a secret: %+v", p.line, lines[0])
		}
	}
	return lines[0]
}

func servedBy(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
}

// wants says whether a line is good, or names the mend with these words.
func wants(t *testing.T, what string, line catalog.Checked, mend ...string) {
	t.Helper()
	if len(mend) == 0 {
		if line.Fault != "" {
			t.Errorf("%s: %s (%s)", what, line.Fault, line.Mend)
		}
		return
	}
	for _, word := range mend {
		if line.Fault == "" || !strings.Contains(line.Mend, word) {
			t.Errorf("%s: want %q in the mend of %+v", what, word, line)
		}
	}
}

func TestEveryClientKnowsWhomToTrust(t *testing.T) {
	setSecrets(t)
	ours, others := resttest.NewAuthority(t), resttest.NewAuthority(t)
	for _, p := range peers() {
		t.Run(p.line, func(t *testing.T) {
			named := ours.Issue(t, "127.0.0.1")
			at := p.serve(t, servedBy(named))
			wants(t, "our CA", tried(t, p, at, rest.TLS{CA: ours.File}))
			wants(t, "a CA that is not ours", tried(t, p, at, rest.TLS{CA: others.File}),
				"set "+p.at+".tls.ca", p.at+".tls.sha256 to "+resttest.Fingerprint(named), "openssl x509")

			elsewhere := p.serve(t, servedBy(ours.Issue(t, "peer.office.test")))
			wants(t, "another name", tried(t, p, elsewhere, rest.TLS{CA: ours.File}), "it names peer.office.test", "set "+p.at+".tls.server_name")
			wants(t, "its name", tried(t, p, elsewhere, rest.TLS{CA: ours.File, ServerName: "peer.office.test"}))

			self := resttest.SelfSigned(t)
			nameless := p.serve(t, servedBy(self))
			wants(t, "the pinned one, without a name", tried(t, p, nameless, rest.TLS{SHA256: resttest.Fingerprint(self)}))
			wants(t, "another pin", tried(t, p, nameless, rest.TLS{SHA256: resttest.Fingerprint(named)}), p.at+".tls.sha256 pins")
		})
	}
}

// Where the peer asks for a certificate of ours, it gets one; without, check says which keys to set.
func TestClientCertificates(t *testing.T) {
	setSecrets(t)
	ours := resttest.NewAuthority(t)
	cert, key := ours.IssueClient(t)
	tested := 0
	for _, p := range peers() {
		with := map[string]func(*daemon.Config){
			"temporal":   func(c *daemon.Config) { c.Temporal.ClientCert, c.Temporal.ClientKey = cert, key },
			"opensearch": func(c *daemon.Config) { c.OpenSearch.ClientCert, c.OpenSearch.ClientKey = cert, key },
		}[p.at]
		if with == nil {
			continue
		}
		tested++
		asks := servedBy(ours.Issue(t, "127.0.0.1"))
		asks.ClientAuth, asks.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool()
		at := p.serve(t, asks)
		wants(t, p.line+" with ours", tried(t, p, at, rest.TLS{CA: ours.File}, with))
		wants(t, p.line+" without", tried(t, p, at, rest.TLS{CA: ours.File}), "set "+p.at+".client_cert")
	}
	if tested != 2 {
		t.Errorf("tested %d", tested)
	}
}
