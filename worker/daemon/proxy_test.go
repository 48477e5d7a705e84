package daemon_test

import (
	"crypto/ed25519"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
	"github.com/sallyport-soar/sallyport/worker/gateway"
)

// A process reads the proxy's variables once, so TestProxyIsObeyed runs itself again, with a proxy that it watches.
const behindProxy = "SALLYPORT_TEST_BEHIND_PROXY"

// hostOf is a name that no resolver but the proxy's knows.
func hostOf(p peer) string {
	return strings.NewReplacer(" ", "-", ".", "-").Replace(p.line) + ".sallyport.test"
}

func TestProxyIsObeyed(t *testing.T) {
	if os.Getenv(behindProxy) != "" {
		behind(t)
		return
	}
	proxy := resttest.NewProxy(t)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyIsObeyed$", "-test.v")
	again.Env = append(os.Environ(), behindProxy+"=yes", "HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL, "NO_PROXY=0.0.0.0", "no_proxy=0.0.0.0")
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("behind the proxy: %v\n%s", err, out)
	}
	want := []string{"socket.sallyport.test"}
	for _, p := range peers() {
		want = append(want, hostOf(p))
	}
	seen := proxy.Seen()
	slices.Sort(want)
	slices.Sort(seen)
	if !slices.Equal(seen, want) {
		t.Errorf("the proxy was asked for\n%v, want\n%v", seen, want)
	}
}

// behind reaches each peer by a name through the proxy, and by an address that NO_PROXY takes out. That address is this
// machine's, but none of those that are never proxied.
func behind(t *testing.T) {
	setSecrets(t)
	ours := resttest.NewAuthority(t)
	for _, p := range peers() {
		at := p.serve(t, servedBy(ours.Issue(t, hostOf(p), "0.0.0.0")))
		_, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, p.line+" through the proxy", tried(t, p, net.JoinHostPort(hostOf(p), port), rest.TLS{CA: ours.File}))
		wants(t, p.line+" past it", tried(t, p, net.JoinHostPort("0.0.0.0", port), rest.TLS{CA: ours.File}))
	}
	listenToSlack(t, ours)
}

// listenToSlack opens Socket Mode, whose address Slack names: it is reached the same way and trusted by the same CA.
func listenToSlack(t *testing.T, ours *resttest.Authority) {
	t.Helper()
	stand := slacktest.New()
	_, port, err := net.SplitHostPort(serveHTTP(stand)(t, servedBy(ours.Issue(t, "socket.sallyport.test"))))
	if err != nil {
		t.Fatal(err)
	}
	c := slack.Config{
		BotToken: "env:SALLYPORT_TEST_BOT", AppToken: "env:SALLYPORT_TEST_APP", Channel: slacktest.Channel,
		APIURL: "https://socket.sallyport.test:" + port + "/", TLS: rest.TLS{CA: ours.File},
	}
	api, err := c.API(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dialer, err := c.Dialer()
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	clicks := &gateway.Gateway{API: api, Dialer: dialer, Key: key, Channel: slacktest.Channel, Log: slog.New(slog.DiscardHandler)}
	go clicks.Run(t.Context())
	for deadline := time.Now().Add(time.Minute); !stand.Connected(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no socket was opened")
		}
	}
}
