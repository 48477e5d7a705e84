package gvm_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestRealGVM scans the lab's victim (deploy/lab/gvm.sh), patches a service and proves it by a rescan. A GVM that could
// not be installed today sets SALLYPORT_GVM_UNAVAILABLE; CI says so in its closing lines.
func TestRealGVM(t *testing.T) {
	address, victim, patched := os.Getenv("SALLYPORT_GVM_ADDRESS"), os.Getenv("SALLYPORT_GVM_VICTIM"), os.Getenv("SALLYPORT_GVM_VICTIM_PATCHED")
	if address == "" || victim == "" {
		if os.Getenv("CI") != "" && os.Getenv("SALLYPORT_GVM_UNAVAILABLE") == "" {
			t.Fatal("no real GVM: start deploy/lab/gvm.sh and set what it prints")
		}
		t.Skip("no real GVM: start deploy/lab/gvm.sh and set what it prints")
	}
	c := gvm.Config{Address: address, User: os.Getenv("SALLYPORT_GVM_USER"), Password: "env:SALLYPORT_GVM_PASSWORD", TLS: rest.TLS{SHA256: os.Getenv("SALLYPORT_GVM_SHA256")}, Poll: time.Second}
	scanner, err := gvm.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	found, err := scanner.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fixed := filepath.Join(patched, "21")
	_ = os.Remove(fixed)
	t.Cleanup(func() { _ = os.Remove(fixed) })
	req := activities.ScanRequest{Incident: "real-" + time.Now().Format("150405.000"), Purpose: "exposure", Asset: soar.Asset{Name: "victim", Address: victim}, Timeout: 5 * time.Minute}
	cut, stop := context.WithTimeout(t.Context(), 4*time.Second) // a first attempt that is cut off once the scan runs
	_, err = scanner.Scan(cut, req)
	stop()
	if err == nil {
		t.Error("a scan of seconds ended at once")
	}
	began := time.Now()
	before, err := scanner.Scan(t.Context(), req)
	if err != nil || !before.Done || !before.Alive || !slices.Contains(cves(before), "CVE-2011-2523") {
		t.Fatalf("scan found %+v, %v", before, err)
	}
	t.Logf("%s: %v in %s", found, cves(before), time.Since(began).Round(time.Second))
	again, err := scanner.Scan(t.Context(), req)
	if err != nil || again.ReportID != before.ReportID {
		t.Errorf("asked again, got report %s after %s, %v", again.ReportID, before.ReportID, err)
	}
	if err := os.WriteFile(fixed, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	req.Purpose = "proof"
	after, err := scanner.Scan(t.Context(), req)
	if err != nil || !after.Done || !after.Alive || slices.Contains(cves(after), "CVE-2011-2523") || !slices.Contains(cves(after), "CVE-2021-41773") {
		t.Errorf("proof found %+v, %v; want the patched one gone and the other there", after, err)
	}
	t.Logf("proof: %v", cves(after))
}
