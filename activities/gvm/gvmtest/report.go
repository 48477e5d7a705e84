package gvmtest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// line is one result of a report.
type line struct {
	host string
	Vulnerability
}

// lines are what a report holds: a Log line per open port, and the vulnerabilities.
func (o *object) lines(q query) (kept []line, all int) {
	if o.found == nil {
		return nil, 0
	}
	var every []line
	for _, port := range o.found.Ports {
		every = append(every, line{o.task.target.hosts, Vulnerability{Name: "Services", Port: port, QoD: 80}})
	}
	for _, v := range o.found.Vulnerabilities {
		if v.QoD == 0 {
			v.QoD = 80
		}
		every = append(every, line{o.task.target.hosts, v})
	}
	kept = slices.DeleteFunc(slices.Clone(every), func(l line) bool {
		return l.QoD < q.minQoD || !strings.ContainsRune(q.levels, level(l.Score))
	})
	return kept, len(every)
}

func level(score float64) rune {
	switch {
	case score >= 9:
		return 'c'
	case score >= 7:
		return 'h'
	case score >= 4:
		return 'm'
	case score > 0:
		return 'l'
	}
	return 'g'
}

func (s *Server) getReports(c element) string {
	const name = "get_reports"
	run, q := s.find("report", c.attr("report_id")), parseFilter(c)
	switch {
	case run == nil:
		return missing(name, "report", c.attr("report_id"))
	case q.bad:
		return refusal(name, 400, "the stand-in does not know this filter")
	}
	kept, all := run.lines(q)
	page := kept[:min(len(kept), q.rows)]
	var ports strings.Builder
	for _, l := range page {
		fmt.Fprintf(&ports, `<port><host>%s</host>%s<severity>%.1f</severity><threat>%s</threat></port>`, escaped(l.host), escaped(l.Port), l.Score, threat(l.Score))
	}
	return fmt.Sprintf(`<get_reports_response status="200" status_text="OK"><report id="%[1]s" format_id="" config_id="" extension="" content_type="application/xml"><owner><name>%[2]s</name></owner><task id="%[3]s"><name>%[4]s</name></task><report id="%[1]s"><gmp><version>22.7</version></gmp><scan_run_status>%[5]s</scan_run_status><hosts><count>1</count></hosts><ports start="1" max="1000"><count>%[6]d</count>%[7]s</ports><results start="1" max="%[8]d">%[9]s</results><result_count>%[10]d<full>%[10]d</full><filtered>%[11]d</filtered></result_count><scan_end>%[12]s</scan_end></report></report><reports start="1" max="1000"/><report_count>1<filtered>1</filtered><page>1</page></report_count></get_reports_response>`,
		run.id, User, run.task.id, escaped(run.task.name), run.statusNow(), len(page), ports.String(), q.rows, run.xmlLines(page), all, len(kept), stamp(run.started.Add(5*run.pace)))
}

func (s *Server) getResults(c element) string {
	q := parseFilter(c)
	if q.bad {
		return refusal("get_results", 400, "the stand-in does not know this filter")
	}
	var out strings.Builder
	for _, o := range s.objects {
		if o.kind == "report" && (q.report == "" || q.report == o.id) && (q.task == "" || q.task == o.task.id) {
			kept, _ := o.lines(q)
			out.WriteString(o.xmlLines(kept[:min(len(kept), q.rows)]))
		}
	}
	return fmt.Sprintf(`<get_results_response status="200" status_text="OK">%s</get_results_response>`, out.String())
}

// xmlLines writes results as gvmd does; a result keeps its id.
func (o *object) xmlLines(lines []line) string {
	var out strings.Builder
	for i, l := range lines {
		sum := sha256.Sum256(fmt.Append(nil, o.id, i, l.Name))
		id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
		refs := ""
		for _, cve := range l.CVEs {
			refs += `<ref type="cve" id=` + quoted(cve) + `/>`
		}
		if refs != "" {
			refs = "<refs>" + refs + `<ref type="url" id="https://example.test/advisory"/></refs>`
		}
		fmt.Fprintf(&out, `<result id="%s"><name>%s</name><host>%s<asset asset_id=""/><hostname></hostname></host><port>%s</port><nvt oid="1.3.6.1.4.1.25623.1.0.%d"><type>nvt</type><name>%s</name><cvss_base>%.1f</cvss_base>%s</nvt><threat>%s</threat><severity>%.1f</severity><qod><value>%d</value><type></type></qod><description></description></result>`,
			id, escaped(l.Name), escaped(l.host), escaped(l.Port), 99900000+int(sum[0]), escaped(l.Name), l.Score, refs, threat(l.Score), l.Score, l.QoD)
	}
	return out.String()
}

func threat(score float64) string {
	return map[rune]string{'c': "Critical", 'h': "High", 'm': "Medium", 'l': "Low", 'g': "Log"}[level(score)]
}
