package wazuh

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Bounds of an exposure, so that it fits into a workflow's history.
const (
	maxVulnerabilities = 80  // of all assets together, the worst
	maxPackage         = 80  // bytes of a package's name or version
	vulnerabilityPage  = 200 // documents per search
	maxPages           = 20  // searches per asset: a kernel's CVE stands there once per package
)

// FindVulnerabilities asks the indexer's state of vulnerabilities for the open ones of each asset, and the inventory for
// listening ports. The state index forgets a CVE that is fixed; it is only as fresh as the agent's last scan, which the
// note says where the agent is away.
func (w *Wazuh) FindVulnerabilities(ctx context.Context, req activities.ExposureRequest) (activities.Exposure, error) {
	all, err := w.agents(ctx)
	if err != nil {
		return activities.Exposure{}, fmt.Errorf("wazuh: list agents: %w", err)
	}
	var exposure activities.Exposure
	var notes []string
	total := 0
	for _, asset := range req.Assets {
		some := agentsOf(all, asset)
		if len(some) != 1 {
			notes = append(notes, fmt.Sprintf("%s: %d agents fit, so nothing was looked up", asset.Name, len(some)))
			continue
		}
		if some[0].Status != "active" {
			notes = append(notes, fmt.Sprintf("%s: agent is %s, so what is known may be old", asset.Name, some[0].Status))
		}
		asset.AgentID = some[0].ID
		if asset.Address == "" {
			asset.Address = some[0].IP
		}
		open, err := w.vulnerable(ctx, asset, req.CVEs)
		if err != nil {
			return activities.Exposure{}, fmt.Errorf("wazuh: vulnerabilities: %w", err)
		}
		ports, err := w.listening(ctx, asset.AgentID)
		if err != nil {
			return activities.Exposure{}, fmt.Errorf("wazuh: ports: %w", err)
		}
		if len(ports) > 0 {
			exposure.Exposed = append(exposure.Exposed, asset.Name)
			notes = append(notes, clip(asset.Name+" "+describePorts(ports)))
		}
		total += len(open)
		exposure.Vulnerabilities = append(exposure.Vulnerabilities, open...)
	}
	exposure.Vulnerabilities = worst(exposure.Vulnerabilities)
	if len(exposure.Vulnerabilities) < total {
		notes = append(notes, fmt.Sprintf("the worst %d of at least %d vulnerabilities are shown", len(exposure.Vulnerabilities), total))
	}
	if len(req.Assets) == 0 {
		notes = append(notes, "no asset is known, so nothing was looked up")
	}
	exposure.Note = strings.Join(notes, "; ")
	return exposure, nil
}

func worst(all []activities.Vulnerability) []activities.Vulnerability {
	slices.SortStableFunc(all, func(a, b activities.Vulnerability) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.CVE, b.CVE))
	})
	return all[:min(len(all), maxVulnerabilities)]
}

// vulnerable lists an agent's open vulnerabilities, each CVE once, the worst first: at most one page more than are shown.
func (w *Wazuh) vulnerable(ctx context.Context, asset soar.Asset, cves []string) (open []activities.Vulnerability, err error) {
	seen := map[string]bool{}
	var after json.RawMessage
	for range maxPages {
		answer, err := w.indexer.search(ctx, w.indexer.states, vulnerabilityQuery(asset.AgentID, cves, after))
		if err != nil {
			return nil, err
		}
		for _, hit := range answer.Hits.Hits {
			v, err := vulnerability(hit.Source, asset)
			if err != nil {
				return nil, err
			}
			if !seen[v.CVE] && v.CVE != "" {
				seen[v.CVE] = true
				open = append(open, v)
			}
			after = hit.Sort
		}
		if len(answer.Hits.Hits) < vulnerabilityPage || len(open) > maxVulnerabilities {
			break
		}
	}
	return open, nil
}

// vulnerabilityQuery pages by score and CVE: what two pages could tear apart has the same CVE, which counts once.
func vulnerabilityQuery(agent string, cves []string, after json.RawMessage) object {
	filter := []object{term("agent.id", agent)}
	if len(cves) > 0 {
		upper := make([]string, len(cves))
		for i, cve := range cves {
			upper[i] = strings.ToUpper(cve)
		}
		filter = append(filter, object{"terms": object{"vulnerability.id": upper}})
	}
	query := object{
		"size":  vulnerabilityPage,
		"query": object{"bool": object{"filter": filter}},
		"sort":  []object{{"vulnerability.score.base": "desc"}, {"vulnerability.id": "asc"}},
	}
	if after != nil {
		query["search_after"] = after
	}
	return query
}

func vulnerability(source json.RawMessage, asset soar.Asset) (activities.Vulnerability, error) {
	var state struct {
		Package struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"package"`
		Vulnerability struct {
			ID       string `json:"id"`
			Severity string `json:"severity"`
			Score    struct {
				Base float64 `json:"base"`
			} `json:"score"`
		} `json:"vulnerability"`
	}
	if err := json.Unmarshal(source, &state); err != nil {
		return activities.Vulnerability{}, fmt.Errorf("a state of the indexer is not what was expected")
	}
	return activities.Vulnerability{
		CVE: state.Vulnerability.ID, Asset: asset, Source: System,
		Package: short(state.Package.Name), Version: short(state.Package.Version),
		Severity: strings.Trim(state.Vulnerability.Severity, "-"), Score: state.Vulnerability.Score.Base,
	}, nil
}

func short(name string) string {
	if len(name) > maxPackage {
		return strings.ToValidUTF8(name[:maxPackage], "")
	}
	return name
}
