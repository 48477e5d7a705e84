package rules

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/content"
)

// TestEachRuleByItselfFindsWhatAllFindTogether holds the way out of a panic against the usual way, on every shipped event.
func TestEachRuleByItselfFindsWhatAllFindTogether(t *testing.T) {
	library, _ := Load(content.Files)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, rule := range library.Native() {
		for _, sample := range rule.Events {
			event, err := json.Marshal(sample.Event)
			if err != nil {
				t.Fatal(err)
			}
			together, err := matcher.Match(event)
			alone, wrong := matcher.MatchAlone(event)
			if err != nil || wrong != nil || !reflect.DeepEqual(together, alone) {
				t.Errorf("%s: %v, %v; alone %v, %v", rule.ID, together, err, alone, wrong)
			}
			found += len(alone)
		}
	}
	if found == 0 {
		t.Error("no rule matched")
	}
}
