package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sallyport-soar/sallyport/rules"
)

// namedLines is how many lines that are no events a run names.
const namedLines = 20

// runCounts are what a run met.
type runCounts struct {
	lines    atomic.Int64
	noEvents int
	broken   int // parts of files
	matching int // events
	rules    map[string]*ruleCount
}

// ruleCount is one line of a summary.
type ruleCount struct {
	printedRule
	Matches int `json:"matches"`
}

// printedSummary is a summary for programs.
type printedSummary struct {
	Lines    int64        `json:"lines"` // that are not empty
	NotJSON  int          `json:"not_json"`
	Matching int          `json:"events_matching"`
	Matches  int          `json:"matches"`
	Rules    []*ruleCount `json:"rules"`
}

func (c *runCounts) add(found lineFound) {
	if found.err != nil {
		c.noEvents++
		return
	}
	c.matching++
	if c.rules == nil {
		c.rules = map[string]*ruleCount{}
	}
	for _, m := range found.matches {
		if c.rules[m.Rule.ID] == nil {
			c.rules[m.Rule.ID] = &ruleCount{printedRule: printedRule{m.Rule.ID, m.Rule.Title, m.Rule.Level}}
		}
		c.rules[m.Rule.ID].Matches++
	}
}

// ruleFaults are the rules whose condition failed on events, each with its first error.
type ruleFaults struct {
	sync.Mutex
	first map[string]error
}

func (f *ruleFaults) add(rule string, err error) {
	f.Lock()
	defer f.Unlock()
	if f.first == nil {
		f.first = map[string]error{}
	}
	if f.first[rule] == nil {
		f.first[rule] = err
	}
}

// sayNoEvent names a line that is no JSON object, if it is one of the first.
func (r *rulesRun) sayNoEvent(file string, found lineFound) {
	if r.counts.noEvents > namedLines {
		return
	}
	hint := ""
	if wrong, ok := errors.AsType[*rules.MalformedError](found.err); ok && found.number == 1 && wrong.Offset == 0 {
		hint = "; events are objects, one a line"
	}
	fmt.Fprintf(r.streams.Err, "%s:%d: %s%s\n", Printable(file), found.number, Printable(found.err.Error()), hint)
}

// sayMissed says how many lines were no events, and which rules failed on some.
func (r *rulesRun) sayMissed() {
	for _, rule := range slices.Sorted(maps.Keys(r.faults.first)) {
		fmt.Fprintf(r.streams.Err, "rule %s fails on events, and matches nothing there: %s\n", Printable(rule), Printable(r.faults.first[rule].Error()))
	}
	if r.counts.noEvents > 0 {
		fmt.Fprintf(r.streams.Err, "%d of %d lines are no JSON objects\n", r.counts.noEvents, r.counts.lines.Load())
	}
}

// saySummary writes how often each rule matched, the most frequent first.
func (r *rulesRun) saySummary() error {
	c, matches := &r.counts, 0
	all := slices.SortedFunc(maps.Values(c.rules), func(a, b *ruleCount) int {
		return cmp.Or(cmp.Compare(b.Matches, a.Matches), cmp.Compare(a.ID, b.ID))
	})
	for _, rule := range all {
		matches += rule.Matches
	}
	var out bytes.Buffer
	if r.form == "json" {
		encoder := json.NewEncoder(&out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(printedSummary{c.lines.Load(), c.noEvents, c.matching, matches, append([]*ruleCount{}, all...)}); err != nil {
			return err
		}
	} else {
		for _, rule := range all {
			fmt.Fprintf(&out, "%8d  %-13s  %s  %s\n", rule.Matches, rule.Level, Printable(rule.ID), Printable(rule.Title))
		}
		fmt.Fprintf(&out, "%d matches of %d rules in %d of %d lines\n", matches, len(all), c.matching, c.lines.Load())
	}
	_, err := r.streams.Out.Write(out.Bytes())
	return err
}
