package gvm

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// maxVulnerabilities is how many of a scan go into a workflow's history.
const maxVulnerabilities = 200

// result is one line of a report.
type result struct {
	Host     string  `xml:"host"`
	Port     string  `xml:"port"`
	Severity float64 `xml:"severity"`
	QoD      int     `xml:"qod>value"`
	NVT      struct {
		Refs []struct {
			Type string `xml:"type,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"refs>ref"`
		CVE string `xml:"cve"` // gvmd before 9
	} `xml:"nvt"`
}

// cves are the result's, as its references name them.
func (r result) cves() (cves []string) {
	for _, ref := range r.NVT.Refs {
		if strings.EqualFold(ref.Type, "cve") || strings.EqualFold(ref.Type, "cve_id") {
			cves = append(cves, strings.ToUpper(strings.TrimSpace(ref.ID)))
		}
	}
	for id := range strings.SplitSeq(r.NVT.CVE, ",") {
		if id = strings.ToUpper(strings.TrimSpace(id)); strings.HasPrefix(id, "CVE-") {
			cves = append(cves, id)
		}
	}
	return cves
}

// report is what a scan's report says of one host.
type report struct {
	status   string // of the scan
	seen     int    // results read, of every host
	filtered int    // results that gvmd says the report has
	answered bool   // a port of the host spoke to the scanner
	weighty  int    // results with a severity
	referred int    // of these, with any reference
	found    map[activities.Vulnerability]bool
}

// wholeReport asks for all of it: gvmd's own filter hides what is under QoD 70 and pages at 10.
const wholeReport = "levels=chmlg min_qod=0 apply_overrides=0 rows=-1"

// report fetches a report, reading it as it comes.
func (s *session) report(ctx context.Context, id string, asset soar.Asset, address netip.Addr, minQoD int) (report, error) {
	get := list{XMLName: xml.Name{Local: "get_reports"}, ReportID: id, Filter: wholeReport, Details: "1", IgnorePagination: "1"}
	var r report
	err := s.exchange(ctx, get, maxReport, func(xml.StartElement) (err error) {
		r, err = readReport(s.replies, asset, address, minQoD)
		return err
	})
	switch {
	case err != nil:
		return r, err
	case r.seen < r.filtered:
		return r, errors.New("get_reports: the report is not whole")
	}
	return r, nil
}

// readReport reads up to the end of the element that was opened last. Results of other hosts don't count.
func readReport(in *xml.Decoder, asset soar.Asset, address netip.Addr, minQoD int) (report, error) {
	r := report{found: map[activities.Vulnerability]bool{}}
	path := []string{""}
	for len(path) > 0 {
		token, err := in.Token()
		if err != nil {
			return r, err
		}
		switch t := token.(type) {
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.StartElement:
			opened, err := r.element(in, t, path, asset, address, minQoD)
			if err != nil {
				return r, err
			}
			if opened {
				path = append(path, t.Name.Local)
			}
		}
	}
	return r, nil
}

// element takes what it needs; it reports whether the element stays open.
func (r *report) element(in *xml.Decoder, start xml.StartElement, path []string, asset soar.Asset, address netip.Addr, minQoD int) (opened bool, err error) {
	parent := path[len(path)-1]
	switch {
	case parent == "results" && start.Name.Local == "result":
		var line result
		if err := in.DecodeElement(&line, &start); err != nil {
			return false, err
		}
		r.add(line, asset, address, minQoD)
	case parent == "report" && start.Name.Local == "scan_run_status":
		return false, in.DecodeElement(&r.status, &start)
	case parent == "result_count" && start.Name.Local == "filtered" && path[len(path)-2] == "report":
		return false, in.DecodeElement(&r.filtered, &start)
	default:
		return true, nil
	}
	return false, nil
}

func (r *report) add(line result, asset soar.Asset, address netip.Addr, minQoD int) {
	r.seen++
	host, err := netip.ParseAddr(strings.TrimSpace(line.Host))
	if err != nil || host.Unmap() != address {
		return
	}
	number, _, _ := strings.Cut(line.Port, "/") // "22/tcp"; "general/tcp" is about the host and needs no answer of it
	if _, err := strconv.ParseUint(number, 10, 16); err == nil {
		r.answered = true
	}
	if line.Severity <= 0 {
		return
	}
	r.weighty++
	if len(line.NVT.Refs) > 0 || line.NVT.CVE != "" {
		r.referred++
	}
	if line.QoD < minQoD {
		return
	}
	for _, cve := range line.cves() {
		r.found[activities.Vulnerability{
			CVE: cve, Asset: asset, Severity: severity(line.Severity), Score: line.Severity, Source: "gvm", Port: line.Port,
		}] = true
	}
}

// unreferred reports whether not one of the host's vulnerabilities has a reference. gvmd makes such reports while it
// loads its feed: they show no CVE, so they prove nothing.
func (r report) unreferred() bool { return r.weighty > 0 && r.referred == 0 }

// vulnerabilities lists the worst first, and whether there were more.
func (r report) vulnerabilities() (list []activities.Vulnerability, truncated bool) {
	for v := range r.found {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b activities.Vulnerability) int {
		return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(a.CVE, b.CVE), cmp.Compare(a.Port, b.Port))
	})
	if len(list) > maxVulnerabilities {
		return list[:maxVulnerabilities], true
	}
	return list, false
}

// severity is CVSS 3's word for a score over 0. GVM's own threat has no Critical in older versions.
func severity(score float64) string {
	switch {
	case score >= 9:
		return "Critical"
	case score >= 7:
		return "High"
	case score >= 4:
		return "Medium"
	}
	return "Low"
}
