package hunt

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/robfig/cron"
)

// maxTimeout and maxLookback bound what a hunt may ask of a cluster; maxBy bounds the fields of a combination.
const (
	maxTimeout  = 10 * time.Minute
	maxLookback = 90 * 24 * time.Hour
	maxBy       = 5
)

// clauses are the query clauses that a hunt may use; compound are those that hold others.
var (
	compound = map[string][]string{"bool": {"must", "filter", "should", "must_not"}, "constant_score": {"filter"}}
	clauses  = []string{
		"exists", "fuzzy", "ids", "match", "match_all", "match_phrase", "multi_match", "prefix", "query_string", "range", "regexp",
		"simple_query_string", "term", "terms", "wildcard",
	}
)

var (
	huntID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	levels = []string{"informational", "low", "medium", "high", "critical"}
	types  = []string{"ip", "domain", "url", "hash", "file", "user", "host", "mail", "cve"}
)

// checker gathers a file's faults with their lines.
type checker struct {
	name   string
	file   *ast.File
	faults []error
}

// wrong notes a fault of the key at path, or of the nearest key above it that is there.
func (c *checker) wrong(is bool, path, text, mend string) {
	if is {
		c.faults = append(c.faults, fmt.Errorf("%s:%d: %s: %s", c.name, c.line(path), text, mend))
	}
}

func (c *checker) line(path string) int {
	for {
		if node := c.node(path); node != nil {
			return lineOf(node)
		}
		at := strings.LastIndexAny(path, ".[")
		if at < 0 {
			return 1
		}
		path = path[:at]
	}
}

func (c *checker) node(path string) ast.Node {
	at, err := yaml.PathString("$." + path)
	if err != nil {
		return nil
	}
	node, err := at.FilterFile(c.file)
	if err != nil {
		return nil
	}
	return node
}

func (h Hunt) check(name string, file *ast.File) error {
	c := &checker{name: name, file: file}
	c.wrong(!huntID.MatchString(h.ID), "id", fmt.Sprintf("id %q is none", h.ID), "use letters, digits, - and _, a letter first")
	c.wrong(h.Title == "" || h.Hypothesis == "", "title", "title or hypothesis is missing", "say what is hunted, and what an intruder would have done")
	c.wrong(h.Stream == "", "stream", "no stream", "name the stream that is searched")
	c.wrong(!slices.Contains(levels, h.Level), "level", fmt.Sprintf("unknown level %q", h.Level), "use one of "+strings.Join(levels, ", "))
	c.wrong(h.Lookback <= 0 || h.Lookback > maxLookback, "lookback", "lookback is "+h.Lookback.String(), "write more than 0 and at most 2160h (90 days)")
	c.wrong(h.Timeout <= 0 || h.Timeout > maxTimeout, "timeout", "timeout is "+h.Timeout.String(), "write at most 10m")
	c.wrong(h.MinDocs < 0, "min_documents", "min_documents is negative", "write how many documents make silence mean something")
	c.schedule(h.Schedule)
	c.query(h.Query)
	c.analysis(h)
	return errors.Join(c.faults...)
}

func (c *checker) schedule(text string) {
	if len(strings.Fields(text)) != 5 {
		c.wrong(true, "schedule", fmt.Sprintf("schedule %q is no time of five cron fields", text), `write minute, hour, day, month and weekday, as "0 5 * * *"`)
		return
	}
	if _, err := cron.ParseStandard(text); err != nil {
		c.wrong(true, "schedule", fmt.Sprintf("schedule %q: %s", text, err), `write minute, hour, day, month and weekday, as "0 5 * * *"`)
	}
}

func (c *checker) query(query map[string]any) {
	if _, err := json.Marshal(query); err != nil {
		c.wrong(true, "query", "the query is no JSON", "write one clause of OpenSearch's query DSL")
		return
	}
	c.clause("query", query)
}

// clause wants one known clause, and the same of those inside it.
func (c *checker) clause(path string, query any) {
	one, _ := query.(map[string]any)
	if len(one) != 1 {
		c.wrong(true, path, fmt.Sprintf("%d clauses where one belongs", len(one)), "write one; bool holds several")
		return
	}
	for name, body := range one {
		parts, holds := compound[name]
		if !holds {
			c.wrong(!slices.Contains(clauses, name), path+"."+name, fmt.Sprintf("unknown clause %q", name), "use bool, constant_score, "+strings.Join(clauses, ", "))
			continue
		}
		inner, _ := body.(map[string]any)
		for part, value := range inner {
			switch list, many := value.([]any); {
			case slices.Contains([]string{"boost", "minimum_should_match"}, part):
			case !slices.Contains(parts, part):
				c.wrong(true, path+"."+name+"."+part, fmt.Sprintf("%s has no %q", name, part), "use "+strings.Join(parts, ", "))
			case many:
				for i, each := range list {
					c.clause(fmt.Sprintf("%s.%s.%s[%d]", path, name, part, i), each)
				}
			default:
				c.clause(path+"."+name+"."+part, value)
			}
		}
	}
}

func (c *checker) analysis(h Hunt) {
	a := h.Analysis
	c.wrong(len(a.By) == 0 || len(a.By) > maxBy, "analysis.by", fmt.Sprintf("by has %d fields", len(a.By)), "name one to five fields")
	c.wrong(a.Entity.Family == "" || a.Entity.Field == "", "analysis.entity", "the entity has no family or no field", "say whom a proof is about")
	switch a.Method {
	case Rare:
		c.wrong(a.MaxCount < 1, "analysis.max_count", fmt.Sprintf("max_count is %d", a.MaxCount), "write how often is still rare, at least 1")
	case NewTerms:
		c.wrong(h.Baseline <= 0 || h.Baseline > maxLookback, "baseline", "baseline is "+h.Baseline.String(), "write more than 0 and at most 2160h (90 days)")
	default:
		c.wrong(true, "analysis.method", fmt.Sprintf("unknown method %q", a.Method), "use rare or new_terms")
	}
	for i, o := range a.Observables {
		path := fmt.Sprintf("analysis.observables[%d]", i)
		c.wrong(!slices.Contains(types, o.Type), path, fmt.Sprintf("unknown type %q of an observable", o.Type), "use one of "+strings.Join(types, ", "))
		c.wrong(!slices.Contains(h.Fields(), o.Field), path, fmt.Sprintf("%q is neither in by nor the entity's field", o.Field), "use one of "+strings.Join(h.Fields(), ", "))
	}
}
