package pfsense_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/drivertest"
	"github.com/sallyport-soar/sallyport/activities/pfsense"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// open returns a driver of the stand-in; the key comes from the environment, by reference.
func open(t *testing.T, firewall *pfsensetest.Server) *pfsense.Driver {
	t.Helper()
	t.Setenv("SALLYPORT_TEST_PFSENSE", pfsensetest.Key)
	driver, err := pfsense.Open(t.Context(), pfsense.Config{URL: firewall.URL, Key: "env:SALLYPORT_TEST_PFSENSE", TLS: rest.TLS{CA: firewall.CA}})
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

func block() []soar.Action {
	return []soar.Action{{ID: "i1-0", Kind: soar.BlockAddress, System: "pfsense", Target: "203.0.113.9", For: time.Hour}}
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.World {
		firewall := pfsensetest.NewServer(t)
		return drivertest.World{
			Driver: open(t, firewall), System: "pfsense",
			InForce: firewall.InForce, AddForeign: firewall.AddForeign,
			CutBefore: func() { firewall.Faults.CutBefore(1, http.MethodPatch) },
			CutAfter:  func() { firewall.Faults.CutAfter(1, http.MethodPatch) },
			Busy:      firewall.Lock, Free: func() { firewall.Unlock(); firewall.Faults.Mend() },
			Away: func() { firewall.Faults.FailFor(http.StatusBadGateway, time.Hour, "") },
		}
	})
}

// Each change is two calls: the same cuts must be survived at the second.
func TestDriverIsCutAtApply(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.World {
		firewall := pfsensetest.NewServer(t)
		return drivertest.World{
			Driver: open(t, firewall), System: "pfsense",
			InForce: firewall.InForce, AddForeign: firewall.AddForeign,
			CutBefore: func() { firewall.Faults.CutBefore(1, http.MethodPost) },
			CutAfter:  func() { firewall.Faults.CutAfter(1, http.MethodPost) },
			Busy:      func() { firewall.Faults.FailFor(http.StatusServiceUnavailable, time.Hour, "") },
			Away:      func() { firewall.Faults.FailFor(http.StatusBadGateway, time.Hour, "") },
			Free:      firewall.Faults.Mend,
		}
	})
}

func TestBlockCutsEstablishedStates(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	driver := open(t, firewall)
	for port := range 250 { // more than one call kills
		firewall.Connect("203.0.113.9:40000", fmt.Sprintf("10.77.0.%d:22", port))
	}
	firewall.Connect("203.0.113.90:4000", "10.77.0.2:22")
	firewall.Connect("10.77.0.2:5000", "203.0.113.9:443")
	firewall.Connect("10.77.0.2:5001", "203.0.113.90:443")
	if err := driver.Apply(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	want := []string{"203.0.113.90:4000 10.77.0.2:22", "10.77.0.2:5001 203.0.113.90:443"}
	if got := firewall.Connected(); !slices.Equal(got, want) {
		t.Errorf("connections left: %v, want %v", got, want)
	}
	if firewall.Connect("203.0.113.9:4001", "10.77.0.2:22") {
		t.Error("a blocked address connected")
	}
}

// A table without a rule stops nobody: connections that live on say so.
func TestLivingStatesAreNotContained(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	driver := open(t, firewall)
	firewall.Connect("203.0.113.9:4000", "10.77.0.2:22")
	firewall.AddForeign("203.0.113.9") // by hand, so nobody killed the connection
	seen, err := driver.Observe(t.Context(), block())
	if err != nil || seen[0].InForce {
		t.Errorf("observed %+v, %v; want not in force", seen, err)
	}
}

func TestPendingChangesOfOthers(t *testing.T) {
	for _, subsystem := range []string{"filter", "aliases"} {
		t.Run(subsystem, func(t *testing.T) {
			firewall := pfsensetest.NewServer(t)
			driver := open(t, firewall)
			firewall.EditPending(subsystem)
			err := driver.Apply(t.Context(), block())
			if err == nil || !strings.Contains(err.Error(), subsystem) || !strings.Contains(err.Error(), "apply or discard them") || permanent(err) {
				t.Fatalf("got %v", err)
			}
			if firewall.Applies() != 0 || slices.Contains(firewall.InForce(), "203.0.113.9") {
				t.Error("put an administrator's pending changes in force")
			}
			firewall.ApplyByHand()
			if err := driver.Apply(t.Context(), block()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestApplyIsWaitedFor(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	firewall.SetApplyLag(2)
	if err := open(t, firewall).Apply(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(firewall.InForce(), "203.0.113.9") {
		t.Error("returned before the firewall enforces it")
	}
}

func TestShiftedAliasIsFound(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	driver := open(t, firewall)
	if err := driver.Apply(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	firewall.InsertAlias("AAA")
	if err := driver.Undo(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	if want := []string{pfsensetest.Placeholder + " placeholder"}; !slices.Equal(firewall.Details(), want) {
		t.Errorf("alias holds %v, want %v", firewall.Details(), want)
	}
}

func TestAliasIsNeverEmptied(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	driver := open(t, firewall)
	if err := driver.Apply(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	firewall.RemoveEntry(pfsensetest.Placeholder)
	if err := driver.Undo(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	if got := firewall.InForce(); !slices.Equal(got, []string{pfsensetest.Placeholder}) {
		t.Errorf("in force: %v", got)
	}
}

// Somebody deletes the alias: nothing can be blocked, and what was blocked is gone, so its release must come to an end.
func TestDeletedAlias(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	driver := open(t, firewall)
	if err := driver.Apply(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	firewall.RemoveAlias(pfsensetest.Alias)
	if err := driver.Undo(t.Context(), block()); err != nil {
		t.Fatal(err)
	}
	if seen, err := driver.Observe(t.Context(), block()); err != nil || seen[0].Gone() {
		t.Errorf("still in the packet filter, but observed %+v, %v", seen, err)
	}
	firewall.ApplyByHand()
	if seen, err := driver.Observe(t.Context(), block()); err != nil || !seen[0].Gone() {
		t.Errorf("observed %+v, %v", seen, err)
	}
	if err := driver.Apply(t.Context(), block()); !permanent(err) || !strings.Contains(err.Error(), "make one of type host") {
		t.Errorf("apply: %v", err)
	}
}

func TestWrongKeyIsTriedOnce(t *testing.T) {
	firewall := pfsensetest.NewServer(t)
	t.Setenv("SALLYPORT_TEST_PFSENSE", "wrong")
	driver, err := pfsense.Open(t.Context(), pfsense.Config{URL: firewall.URL, Key: "env:SALLYPORT_TEST_PFSENSE"})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err = driver.Apply(t.Context(), block()); !permanent(err) || !strings.Contains(err.Error(), "set a valid one") {
			t.Fatalf("got %v", err)
		}
	}
	if firewall.Logins() != 1 {
		t.Errorf("%d refused logins, want 1: pfSense bans after three", firewall.Logins())
	}
}

func TestWrongBodyIsNoSuccess(t *testing.T) {
	for name, body := range map[string]string{"html": "<html>ok</html>", "empty object": "{}", "another code": `{"code":500,"data":{}}`, "no data": `{"code":200}`} {
		t.Run(name, func(t *testing.T) {
			firewall := pfsensetest.NewServer(t)
			driver := open(t, firewall)
			firewall.Faults.WrongBody(body, 1, http.MethodGet)
			if _, err := driver.Observe(t.Context(), block()); err == nil || permanent(err) || strings.Contains(err.Error(), "html>") {
				t.Errorf("got %v", err)
			}
			if err := driver.Apply(t.Context(), block()); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	firewall := pfsensetest.NewTLSServer(t)
	if line, err := open(t, firewall).Check(t.Context()); err != nil || !strings.Contains(line, "2.8.1-RELEASE") {
		t.Errorf("%q, %v", line, err)
	}
	firewall.CA = ""
	if _, err := open(t, firewall).Check(t.Context()); !strings.Contains(rest.Mend(err, ""), "set tls.ca") {
		t.Errorf("an unknown CA: %v", err)
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	tests := map[string]struct {
		breakIt func(*pfsensetest.Server)
		want    string
	}{
		"no alias":       {func(f *pfsensetest.Server) { f.RemoveAlias(pfsensetest.Alias) }, "make one of type host"},
		"no placeholder": {func(f *pfsensetest.Server) { f.RemoveEntry(pfsensetest.Placeholder) }, "add 192.0.2.255 to it"},
		"pending":        {func(f *pfsensetest.Server) { f.EditPending("natconf") }, "apply or discard"},
		"may not write":  {func(f *pfsensetest.Server) { f.Deny("PATCH /api/v2/firewall/alias") }, "lacks api-v2-firewall-alias-patch"},
		"may not kill":   {func(f *pfsensetest.Server) { f.Deny("DELETE /api/v2/firewall/states") }, "lacks api-v2-firewall-states-delete"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			firewall := pfsensetest.NewServer(t)
			tt.breakIt(firewall)
			if _, err := open(t, firewall).Check(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	faults := pfsense.Config{URL: "ftp://x", Alias: "no good name", Placeholder: "x"}.Validate()
	for _, field := range []string{"url", "key", "alias", "placeholder"} {
		if !slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Field == field }) {
			t.Errorf("no fault for %s in %v", field, faults)
		}
	}
	if faults := (pfsense.Config{URL: "https://fw.example", Key: "env:K"}).Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

func permanent(err error) bool {
	var mark interface{ Permanent() bool }
	return errors.As(err, &mark) && mark.Permanent()
}

var _ activities.Driver = (*pfsense.Driver)(nil)
