package gvmtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// query is a filter as gvmd reads it, with its defaults: 10 rows, QoD 70.
type query struct {
	rows, minQoD int
	levels       string
	match        []func(*object) bool
	task, report string
	bad          bool
}

var term = regexp.MustCompile(`(\w+)(=|~)("[^"]*"|\S+)`)

func parseFilter(c element) query {
	q := query{rows: 10, minQoD: 70, levels: "chmlgdf"}
	rest := c.attr("filter")
	for _, m := range term.FindAllStringSubmatch(rest, -1) {
		q.take(m[1], m[2], strings.Trim(m[3], `"`))
	}
	if strings.TrimSpace(term.ReplaceAllString(rest, "")) != "" {
		q.bad = true // gvmd would search for the words in every column: no client of ours wants that
	}
	if q.rows < 0 {
		q.rows = 1000
	}
	if c.attr("ignore_pagination") == "1" {
		q.rows = 1 << 30
	}
	return q
}

func (q *query) take(column, relation, value string) {
	switch column {
	case "rows":
		q.rows = number(value, 10)
	case "min_qod":
		q.minQoD = number(value, 70)
	case "levels":
		q.levels = value
	case "task_id":
		q.task = value
	case "report_id":
		q.report = value
	case "name":
		q.match = append(q.match, func(o *object) bool {
			if relation == "~" {
				return strings.Contains(o.name, value)
			}
			return o.name == value
		})
	case "sort", "first", "apply_overrides":
	default:
		q.bad = true
	}
}

// get answers get_targets, get_tasks, ... by id or filter.
func (s *Server) get(c element, kind string) string {
	name, q := c.XMLName.Local, parseFilter(c)
	if q.bad {
		return refusal(name, 400, "the stand-in does not know this filter")
	}
	id := c.attr(kind + "_id")
	if id != "" && s.find(kind, id) == nil {
		return missing(name, kind, id)
	}
	var out strings.Builder
	all, filtered, page := 0, 0, 0
	for _, o := range s.objects {
		if o.kind != kind {
			continue
		}
		all++
		if (id != "" && o.id != id) || slices.ContainsFunc(q.match, func(is func(*object) bool) bool { return !is(o) }) {
			continue
		}
		if filtered++; filtered <= q.rows {
			page++
			out.WriteString(o.xml())
		}
	}
	return fmt.Sprintf(`<%s_response status="200" status_text="OK">%s<filters id=""><term>rows=%d</term></filters><%ss start="1" max="1000"/><%s_count>%d<filtered>%d</filtered><page>%d</page></%s_count></%s_response>`,
		name, out.String(), q.rows, kind, kind, all, filtered, page, kind, name)
}

// xml is the object as get_... shows it.
func (o *object) xml() string {
	inner := ""
	switch o.kind {
	case "target":
		inner = fmt.Sprintf(`<hosts>%s</hosts><exclude_hosts></exclude_hosts><max_hosts>%d</max_hosts><port_list id="%s"><name>%s</name><trash>0</trash></port_list><alive_tests>Consider Alive</alive_tests>`,
			escaped(o.hosts), len(strings.Split(o.hosts, ", ")), o.ports.id, escaped(o.ports.name))
	case "task":
		inner = o.taskXML()
	}
	return fmt.Sprintf(`<%s id="%s"><owner><name>%s</name></owner><name>%s</name><comment>%s</comment><creation_time>%s</creation_time><modification_time>%s</modification_time><writable>1</writable><in_use>0</in_use>%s</%s>`,
		o.kind, o.id, User, escaped(o.name), escaped(o.comment), stamp(o.made), stamp(o.made), inner, o.kind)
}

func (o *object) taskXML() string {
	status, progress, runs := "New", -1, ""
	if o.lastRun != nil {
		status, progress = o.lastRun.standing()
		began, ended, which := stamp(o.lastRun.started), "", "current_report"
		if final(status) {
			ended, which = stamp(o.lastRun.started.Add(5*o.lastRun.pace)), "last_report"
		}
		runs = fmt.Sprintf(`<%s><report id="%s"><timestamp>%s</timestamp><scan_start>%s</scan_start><scan_end>%s</scan_end><result_count><critical>0</critical></result_count></report></%s>`,
			which, o.lastRun.id, began, began, ended, which)
	}
	return fmt.Sprintf(`<alterable>0</alterable><usage_type>scan</usage_type><config id="%s"><name>%s</name></config><target id="%s"><name>%s</name></target><scanner id='%s'><name>%s</name></scanner><status>%s</status><progress>%d</progress>%s`,
		o.config.id, escaped(o.config.name), o.target.id, escaped(o.target.name), o.scanner.id, escaped(o.scanner.name), status, progress, runs)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
