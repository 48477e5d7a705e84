package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// victim is the lab's host that the real scanner can reach, and what the real Ansible needs to mend it.
type victim struct {
	address, patched   string // its address, and the folder that says which of its services are patched
	scanner            string // the config of the scanner
	inventory, keyFile string
}

// realVictim needs a real GVM and hosts for Ansible. A GVM that could not be installed today sets SALLYPORT_GVM_UNAVAILABLE.
func realVictim(t *testing.T) victim {
	t.Helper()
	v := victim{
		address: os.Getenv("SALLYPORT_GVM_VICTIM"), patched: os.Getenv("SALLYPORT_GVM_VICTIM_PATCHED"),
		inventory: os.Getenv("SALLYPORT_ANSIBLE_INVENTORY"), keyFile: os.Getenv("SALLYPORT_ANSIBLE_KEY"),
		scanner: fmt.Sprintf("gvm: {address: %q, user: %q, password: \"env:SALLYPORT_GVM_PASSWORD\", tls: {sha256: %q}, poll: 1s}",
			os.Getenv("SALLYPORT_GVM_ADDRESS"), os.Getenv("SALLYPORT_GVM_USER"), os.Getenv("SALLYPORT_GVM_SHA256")),
	}
	if v.address == "" && os.Getenv("SALLYPORT_GVM_UNAVAILABLE") != "" {
		t.Skip("GVM could not be installed today: CI says so in its closing lines")
	}
	if v.address == "" || v.inventory == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no real GVM, or no hosts for Ansible: run make lab and set what it prints")
		}
		t.Skip("no real GVM, or no hosts for Ansible: run make lab and set what it prints")
	}
	return v
}

// services are the victim's, as its folder names them.
var services = []string{"21", "22", "80"}

// unpatch makes the victim vulnerable again, now and at the test's end.
func (v victim) unpatch(t *testing.T) {
	again := func() {
		for _, service := range services {
			_ = os.Remove(filepath.Join(v.patched, service))
		}
	}
	again()
	t.Cleanup(again)
}

// TestRealScanPatchAndProof lets an attack on a real host run through the chain: a real GVM scans it, a real Ansible
// patches it over ssh once a person approved, and the real rescan proves it.
func TestRealScanPatchAndProof(t *testing.T) {
	v := realVictim(t)
	v.unpatch(t)
	attack := strings.NewReplacer("shop-01", "victim-01", "10.20.0.14", v.address).Replace(recorded())
	o, _ := newSite(t, lab.Options{Events: lab.Lines([]byte(attack))})
	o.replace(`gvm: \{.*\}`, v.scanner)
	o.replace(`(?s)ansible:.*?people:`, v.ansible(t))
	o.replace(`scan_timeout: 1m`, `scan_timeout: 5m`)
	o.up()
	o.play()
	r := o.awaitIncidents(1, 8*time.Minute)["incident/host/victim-01"]
	known := cvesOf(r.Exposure.Vulnerabilities, "gvm")
	if len(r.Exposure.Scans) != 1 || !r.Exposure.Scans[0].Done || r.Exposure.Scans[0].ReportID == "" || !slices.Contains(known, "CVE-2021-41773") {
		t.Fatalf("the scan says %+v; known from it is %v", r.Exposure.Scans, known)
	}
	if len(r.Remediation) != 1 {
		t.Fatalf("remediation %+v, want one", r.Remediation)
	}
	m := r.Remediation[0]
	if m.Status != "done" || !m.Proved || len(m.Runs) != 1 || m.Runs[0].Changed == 0 || len(m.Checks) == 0 || m.Checks[0].Changed == 0 {
		t.Errorf("remediation %+v; want it checked, run once, and proved", m)
	}
	if p := m.Proof; p == nil || !p.Done || !p.Alive || p.ReportID == r.Exposure.Scans[0].ReportID || len(p.Vulnerabilities) != 0 {
		t.Errorf("the proof is %+v, want another scan of the live host that finds nothing", p)
	}
	for _, service := range services {
		text, err := os.ReadFile(filepath.Join(v.patched, service))
		if err != nil || strings.TrimSpace(string(text)) != m.ActionID {
			t.Errorf("service %s: %q, %v; want it patched by action %s", service, text, err, m.ActionID)
		}
	}
}

// cvesOf are those of one source.
func cvesOf(list []activities.Vulnerability, source string) (cves []string) {
	for _, v := range list {
		if v.Source == source {
			cves = append(cves, v.CVE)
		}
	}
	return cves
}

// ansible is the config of the real program, with the victim in an inventory of its own.
func (v victim) ansible(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(v.inventory)
	if err != nil {
		t.Fatal(err)
	}
	inventory := filepath.Join(dir, "inventory.ini")
	own := fmt.Sprintf("%s\n[victims]\nvictim-01 ansible_host=10.98.0.11 victim_patched=%s\n", text, v.patched)
	if err := os.WriteFile(inventory, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("ansible:\n    inventory: %s\n    private_key_file: %s\n    run_dir: %s\n    playbooks: {patch: %s}\npeople:",
		inventory, v.keyFile, filepath.Join(dir, "runs"), filepath.Join(shared.Root(t), "deploy", "lab", "ansible", "patch-victim.yml"))
}

// replace replaces what an expression matches in the config file.
func (o *office) replace(expression, to string) {
	o.t.Helper()
	text, err := os.ReadFile(o.file)
	if err != nil {
		o.t.Fatal(err)
	}
	found := regexp.MustCompile(expression).FindString(string(text))
	if found == "" {
		o.t.Fatalf("%s does not hold %s", o.file, expression)
	}
	o.edit(o.file, found, to)
}
