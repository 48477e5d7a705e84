package daemon

import (
	"strings"
	"testing"
)

// The check runs the discovery of the worker: it shows what is protected, and what can't be found says so at once.
func TestCheckShowsWhatIsProtected(t *testing.T) {
	c := Defaults()
	c.Protected.Networks, c.Protected.Gateways = []string{"203.0.113.0/24"}, []string{"192.0.2.1"}
	found, err := c.checkProtected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"203.0.113.0/24 (configured)", "192.0.2.1 (gateway or name server, configured)", "127.0.0.1 (opensearch)"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not in %q", want, found)
		}
	}
	c.Temporal.Address = "temporal.invalid:7233"
	if _, err := c.checkProtected(t.Context()); err == nil || !strings.Contains(err.Error(), "temporal.invalid") {
		t.Errorf("a system whose name nobody knows: %v", err)
	}
}
