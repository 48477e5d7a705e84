package workflows_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// block is a step of a plan that blocks every attacker's address on a system.
func block(system string, mode soar.Mode, lasts time.Duration) string {
	return fmt.Sprintf("  - {kind: block_address, system: %s, when: \"true\", mode: %s, for: %s, reason: a test}\n", system, mode, lasts)
}

// patch is a step that patches every asset.
const patch = "  - {kind: patch, system: ansible, when: \"true\", mode: ask, playbook: patch, reason: a test}\n"

// planOf is a plan for attacked hosts in the place of the shipped ones.
func planOf(contain []string, remediate ...string) fstest.MapFS {
	text := "id: attacked-host\ntitle: a test's plan\norder: 50\nwhen: entity.family == \"host\"\n"
	if len(contain) > 0 {
		text += "contain:\n" + strings.Join(contain, "")
	}
	if len(remediate) > 0 {
		text += "remediate:\n" + strings.Join(remediate, "")
	}
	never := "id: exposed-host\ntitle: never\norder: 90\nwhen: \"false\"\nremediate:\n" + patch
	return fstest.MapFS{"plans/attacked-host.yaml": {Data: []byte(text)}, "plans/exposed-host.yaml": {Data: []byte(never)}}
}

// policyWith is the shipped policy with texts replaced, old after new.
func policyWith(replace ...string) fstest.MapFS {
	text, err := fs.ReadFile(content.Files, "policies/policy.yaml")
	if err != nil {
		panic(err) // it is embedded
	}
	return fstest.MapFS{"policies/policy.yaml": {Data: []byte(strings.NewReplacer(replace...).Replace(string(text)))}}
}

// twoPeople is a policy in which two people must approve whatever is asked.
func twoPeople() fstest.MapFS {
	return policyWith("  - {people: 1, groups: [responders]}", "  - {people: 2, groups: [responders]}")
}

// only lists the steps of a plan.
func only(steps ...string) []string { return steps }

// bare is an attack on a host of which no address is known: there is nothing to scan.
func bare(d *soar.Detection) { d.Asset.Address = "" }
