package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// prove looks whether what was to be mended is gone, and reports whether the next host may follow: not after one on
// which it is still there, nor one that answers no more. What nothing can prove is unproved, never done.
func (r *remediation) prove(ctx workflow.Context, n int) (well bool) {
	h := r.in.Hosts[n]
	if h.Asset.Address == "" {
		r.tell(ctx, n, "unproved", "the asset has no address that could be scanned")
		return true
	}
	scan, err := do(workflow.WithActivityOptions(ctx, followed(r.in.Settings.ScanTimeout)), activities.Scan, activities.ScanRequest{
		Incident: r.in.Incident, Purpose: "proof", ActionID: h.Action.ID, Asset: h.Asset, Timeout: r.in.Settings.ScanTimeout,
	})
	if err != nil || !scan.Done {
		r.tell(ctx, n, "unproved", "the scan did not end: "+clip(scan.Status+errorText(err), 200))
		return false
	}
	r.states[n].Proof = &scan
	switch still := shared(scan.Vulnerabilities, h.CVEs); {
	case !scan.Alive:
		r.tell(ctx, n, "unproved", "the host does not answer the scan")
		return false
	case len(still) > 0:
		r.tell(ctx, n, "failed", "the scan still finds "+list(still))
		return false
	case scan.Truncated:
		r.tell(ctx, n, "unproved", "the scan's report is cut")
	default:
		r.proveRest(ctx, n)
	}
	return true
}

// proveRest asks the inventory for what no scan saw before: a scanner that has no test for a CVE never finds it.
func (r *remediation) proveRest(ctx workflow.Context, n int) {
	h := r.in.Hosts[n]
	rest := slices.DeleteFunc(slices.Clone(h.CVEs), func(cve string) bool { return slices.Contains(h.Scanned, cve) })
	if len(h.CVEs) == 0 {
		r.tell(ctx, n, "unproved", "nothing was known to be mended, so nothing can be proved gone")
		return
	}
	if len(rest) > 0 {
		known, err := do(ctx, activities.FindVulnerabilities, activities.ExposureRequest{Incident: r.in.Incident, Assets: []soar.Asset{h.Asset}, CVEs: rest})
		if err != nil {
			r.tell(ctx, n, "unproved", fmt.Sprintf("the inventory does not answer for %s: %s", list(rest), clip(said(err), 200)))
			return
		}
		if still := shared(known.Vulnerabilities, rest); len(still) > 0 {
			r.tell(ctx, n, "unproved", "no scan has a test for "+list(still)+", and the inventory still lists it: it may be older than the run")
			return
		}
	}
	r.states[n].Proved = true
	r.tell(ctx, n, "done", gone(h, len(rest)))
}

// gone says what was proved, and by whom.
func gone(h Mending, byInventory int) string {
	text := "a scan proves that what was to be mended is gone"
	if len(h.Scanned) == 0 {
		text = "the inventory no longer lists what was to be mended"
	} else if byInventory > 0 {
		text += ", and the inventory no longer lists the rest"
	}
	if h.Beyond > 0 {
		text += fmt.Sprintf("; %d more were known and not asked for", h.Beyond)
	}
	return text
}

// shared are the CVEs of cves that are among found.
func shared(found []activities.Vulnerability, cves []string) (still []string) {
	for _, cve := range cves {
		if slices.ContainsFunc(found, func(v activities.Vulnerability) bool { return v.CVE == cve }) {
			still = append(still, cve)
		}
	}
	return still
}

// list names a few, and how many more there are.
func list(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
