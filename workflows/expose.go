package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// maxScans is how many assets of one incident are scanned.
const maxScans = 3

// expose looks for what made the attack possible: vulnerabilities that the inventory knows, and a scan of each asset
// that has an address. What could not be looked at is said; it proves nothing.
func (i *incident) expose(ctx workflow.Context) error {
	if len(i.Record.Brief.Assets) == 0 {
		i.Record.Exposure.Note = "no asset of ours is named: nothing to look at"
		return nil
	}
	found, err := do(workflow.WithActivityOptions(ctx, attended), activities.FindVulnerabilities, activities.ExposureRequest{Incident: i.Record.ID, Assets: i.Record.Brief.Assets, CVEs: nil})
	if err != nil {
		found = activities.Exposure{Note: "the inventory does not answer: " + clip(said(err), 200)}
	}
	i.say(ctx, "The inventory knows %s. %s", count(len(found.Vulnerabilities), "open vulnerability"), found.Note)
	found.Scans = i.Record.Exposure.Scans // what an earlier look at this incident saw stays known
	for _, earlier := range found.Scans {
		found.Vulnerabilities = append(found.Vulnerabilities, fresher(found.Vulnerabilities, earlier.Vulnerabilities)...)
	}
	i.Record.Exposure = found
	if err := i.scan(ctx); err != nil {
		return err
	}
	for _, cve := range shared(i.Record.Exposure.Vulnerabilities, i.Record.Brief.CVEs) {
		i.say(ctx, "The attack is about %s, which is open on an asset of this incident.", cve)
	}
	return nil
}

func (i *incident) scan(ctx workflow.Context) error {
	for n, asset := range i.Record.Brief.Assets {
		scanned := slices.ContainsFunc(i.Record.Exposure.Scans, func(s activities.ScanReport) bool { return s.Asset.Name == asset.Name })
		if scanned {
			continue
		}
		if asset.Address == "" || n >= maxScans {
			i.say(ctx, "%s is not scanned: %s.", asset.Name, unscanned(asset.Address))
			continue
		}
		i.say(ctx, "Scanning %s (%s).", asset.Name, asset.Address)
		i.write(ctx)
		report, err := do(workflow.WithActivityOptions(ctx, followed(i.Settings.ScanTimeout)), activities.Scan, activities.ScanRequest{
			Incident: i.Record.ID, Purpose: "exposure", Asset: asset, Timeout: i.Settings.ScanTimeout,
		})
		if err != nil {
			report = activities.ScanReport{Purpose: "exposure", Asset: asset, Status: clip(said(err), 200)}
		}
		i.Record.Exposure.Scans = append(i.Record.Exposure.Scans, report)
		if !report.Done {
			i.say(ctx, "The scan of %s did not end well (%s): it proves nothing.", asset.Name, report.Status)
			continue
		}
		i.Record.Exposure.Vulnerabilities = append(i.Record.Exposure.Vulnerabilities, fresher(i.Record.Exposure.Vulnerabilities, report.Vulnerabilities)...)
		i.say(ctx, "The scan of %s found %s.", asset.Name, count(len(report.Vulnerabilities), "vulnerability"))
		i.note(ctx, "scan/"+asset.Name, fmt.Sprintf("Scan of %s: %s.", asset.Name, count(len(report.Vulnerabilities), "vulnerability")))
	}
	return nil
}

func unscanned(address string) string {
	if address == "" {
		return "no address of it is known"
	}
	return fmt.Sprintf("at most %d assets of one incident are", maxScans)
}

// fresher are those that are not known yet.
func fresher(known, found []activities.Vulnerability) (list []activities.Vulnerability) {
	for _, v := range found {
		if !slices.ContainsFunc(known, func(k activities.Vulnerability) bool { return k.CVE == v.CVE && k.Asset.Name == v.Asset.Name }) {
			list = append(list, v)
		}
	}
	return list
}
