package policy

import (
	"net/netip"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/plan"
)

// managerAgent is the Wazuh manager's own agent id; nothing is planned on it.
const managerAgent = "000"

func envOf(req activities.PlanRequest) plan.Env {
	rules := make([]string, len(req.Brief.Rules))
	for i, r := range req.Brief.Rules {
		rules[i] = r.ID
	}
	return plan.Env{
		Verdict: plan.Verdict{Score: req.Verdict.Score, Severity: int(req.Verdict.Severity), Confidence: req.Verdict.Confidence},
		Entity:  plan.Entity{Family: req.Entity.Family, Name: req.Entity.Name},
		Brief: plan.Brief{
			Level: string(req.Brief.Level), Detections: req.Brief.Detections, Rules: rules,
			Tactics: req.Brief.Tactics, Techniques: req.Brief.Techniques, CVEs: req.Brief.CVEs,
		},
	}
}

// addressesOf lists the observed addresses in their normal form, each once, without those of the assets themselves.
func addressesOf(file *File, req activities.PlanRequest) (list []plan.Address) {
	for _, o := range req.Brief.Observables {
		if o.Type != "ip" {
			continue
		}
		value, err := soar.NormalTarget(soar.BlockAddress, o.Value)
		if err != nil || isAsset(req, value) || slices.ContainsFunc(list, func(a plan.Address) bool { return a.Value == value }) {
			continue
		}
		address := netip.MustParseAddr(value) // its normal form: NormalTarget
		list = append(list, plan.Address{
			Value: value, External: file.external(address), Warninglist: warninglist(req.Answers, value), Opinion: string(opinion(req.Answers, value)),
		})
	}
	return list
}

func isAsset(req activities.PlanRequest, address string) bool {
	return slices.ContainsFunc(req.Brief.Assets, func(a soar.Asset) bool {
		own, err := soar.NormalTarget(soar.BlockAddress, a.Address)
		return err == nil && own == address
	})
}

// agents are the assets on which something can be done, each agent once.
func agents(assets []soar.Asset) (list []soar.Asset) {
	for _, a := range assets {
		if a.AgentID != "" && a.AgentID != managerAgent && !slices.ContainsFunc(list, func(b soar.Asset) bool { return b.AgentID == a.AgentID }) {
			list = append(list, a)
		}
	}
	return list
}

// patchable are the assets that have vulnerabilities, each name once.
func patchable(req activities.PlanRequest) (list []soar.Asset) {
	for _, v := range req.Exposure.Vulnerabilities {
		if v.Asset.Name != "" && !slices.ContainsFunc(list, func(a soar.Asset) bool { return a.Name == v.Asset.Name }) {
			list = append(list, v.Asset)
		}
	}
	return list
}

// observed is the address of an asset, by what said that it is vulnerable or by the detections; "" where it can't be read.
func observed(a soar.Asset, req activities.PlanRequest) string {
	for _, seen := range append([]soar.Asset{a}, req.Brief.Assets...) {
		if address, err := soar.NormalTarget(soar.BlockAddress, seen.Address); err == nil && seen.Name == a.Name {
			return address
		}
	}
	return ""
}

// assetOf sums up what is known of one asset.
func assetOf(a soar.Asset, req activities.PlanRequest) plan.Asset {
	sum := plan.Asset{Name: a.Name, Agent: a.AgentID, Exposed: slices.Contains(req.Exposure.Exposed, a.Name)}
	for _, v := range req.Exposure.Vulnerabilities {
		if v.Asset.Name != a.Name {
			continue
		}
		sum.Vulnerabilities++
		sum.CVSS = max(sum.CVSS, v.Score)
		switch v.Severity {
		case "Critical":
			sum.Critical++
		case "High":
			sum.High++
		}
	}
	return sum
}

// aboutAddress lists what the sources said of an address, in whatever form they wrote it.
func aboutAddress(answers []soar.Answer, address string) (readings []soar.Reading) {
	for _, a := range answers {
		for _, r := range a.Readings {
			if value, err := soar.NormalTarget(soar.BlockAddress, r.About.Value); err == nil && r.About.Type == "ip" && value == address {
				readings = append(readings, r)
			}
		}
	}
	return readings
}

func warninglist(answers []soar.Answer, address string) string {
	for _, r := range aboutAddress(answers, address) {
		if r.Warninglist != "" {
			return r.Warninglist
		}
	}
	return ""
}

// guard is the source whose warninglists keep well-known addresses from being blocked by themselves.
const guard = "misp"

// guarded reports whether the warninglists were asked about the address, where there is a source that has them.
func guarded(answers []soar.Answer, address string) bool {
	if !slices.ContainsFunc(answers, func(a soar.Answer) bool { return a.Source == guard }) {
		return true
	}
	return slices.ContainsFunc(aboutAddress(answers, address), func(r soar.Reading) bool { return r.Source == guard })
}

// opinion is the worst that a source said of an address.
func opinion(answers []soar.Answer, address string) soar.Opinion {
	order := []soar.Opinion{soar.Unknown, soar.Harmless, soar.Suspicious, soar.Malicious}
	worst := soar.Unknown
	for _, r := range aboutAddress(answers, address) {
		if slices.Index(order, r.Opinion) > slices.Index(order, worst) {
			worst = r.Opinion
		}
	}
	return worst
}
