package rules

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// TestPanicDropsOneRule: of a rule with a bug, an event is kept from that rule alone, and the rule is told.
func TestPanicDropsOneRule(t *testing.T) {
	library, report := Load(content.Files, fstest.MapFS{"detections/any.yaml": {Data: []byte(`id: any-log
title: Any log
level: low
mapping: wazuh4
condition: full_log != nil
events:
  - {name: a log, match: true, event: {full_log: "x"}}
  - {name: none, match: false, event: {}}
`)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	buggy := sigmaRule{says: Match{Rule: soar.Rule{ID: "buggy"}}} // without a rule in it: matching panics
	buggy.Rule = nil
	matcher, err := library.For("wazuh4")
	if err != nil {
		t.Fatal(err)
	}
	event := []byte(`{"decoder":{"name":"sshd"},"full_log":"x","rule":{"id":"1"},"agent":{"id":"001","name":"shop"}}`)
	var told []string
	matcher.Faulted = func(rule string, err error) { told = append(told, fmt.Sprint(rule, ": ", err)) }
	root, err := decode(event)
	if err != nil {
		t.Fatal(err)
	}
	matcher.classes.Store(classOf(newShape(root), false).key(), []sigmaRule{buggy})
	panics := func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		_, _ = matcher.Match(event)
		return false
	}
	if !panics() {
		t.Fatal("the rule with a bug does not panic")
	}
	matches, err := matcher.MatchAlone(event)
	if err != nil || len(matches) == 0 || matches[0].Rule.ID != "any-log" {
		t.Errorf("%v, %v; want the match of any-log", matches, err)
	}
	if len(told) != 1 || told[0][:16] != "buggy: it panick" {
		t.Errorf("told: %v", told)
	}
}
