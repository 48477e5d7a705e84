package sigma

import (
	"fmt"
	"strings"
	"testing"
)

// judging are the modifiers that judge a value in a way of their own, each with a value, and those that go with it.
var judging = []struct{ name, value, beside string }{
	{"re", "'1'", "i m s"},
	{"cidr", "10.0.0.0/8", ""},
	{"exists", "true", ""},
	{"fieldref", "g", "contains startswith endswith cased"},
	{"gt", "5", "minute hour day week month year"},
	{"lte", "5", "minute hour day week month year"},
	{"hour", "5", "gt gte lt lte"},
	{"year", "5", "gt gte lt lte"},
}

// TestNoModifierIsDropped: beside a modifier that judges a value in a way of its own, one that would do nothing is refused by
// both readers, in either order.
func TestNoModifierIsDropped(t *testing.T) {
	for _, judge := range judging {
		for _, other := range knownModifiers {
			taken := other == "all" || other == "neq" || other == "expand" || strings.Contains(" "+judge.beside+" ", " "+other+" ")
			for _, how := range []string{judge.name + "|" + other, other + "|" + judge.name} {
				rule := fmt.Sprintf("title: T\nlogsource: {category: test}\ndetection:\n  a: {f|%s: [%s]}\n  condition: a\n", how, judge.value)
				refused := Parse("r.yml", []byte(rule), nil).Refused
				if fast := engineRefuses(t, rule, nil); fast == taken || len(refused) > 0 == taken {
					t.Errorf("%s: plain refuses %v, engine %v; want it taken: %v", how, refused, fast, taken)
				}
				if len(refused) > 0 && (refused[0].Column == 0 || refused[0].Mend == "" || !strings.Contains(refused[0].Text, other)) {
					t.Errorf("%s: %+v says not where, or how it is mended", how, refused[0])
				}
			}
		}
	}
}

// TestBase64ComesLast: modifiers are applied as they are written, so UTF-16 or other dashes of what is base64 already are
// of nothing that the rule could mean.
func TestBase64ComesLast(t *testing.T) {
	for how, taken := range map[string]bool{
		"base64|wide": false, "base64offset|contains|wide": false, "base64|utf16": false, "base64|utf16le": false, "base64offset|utf16be": false, "base64|windash": false,
		"wide|base64": true, "windash|base64": true, "utf16|base64offset|contains": true, "contains|base64": true, "base64|cased": true,
	} {
		rule := fmt.Sprintf("title: T\nlogsource: {category: test}\ndetection:\n  a: {f|%s: foo}\n  condition: a\n", how)
		refused := Parse("r.yml", []byte(rule), nil).Refused
		if fast := engineRefuses(t, rule, nil); fast == taken || len(refused) > 0 == taken {
			t.Errorf("%s: plain refuses %v, engine %v; want it taken: %v", how, refused, fast, taken)
		}
		if !taken && (len(refused) == 0 || refused[0].Line != 4 || refused[0].Column == 0 || !strings.Contains(refused[0].Mend, "wide|base64")) {
			t.Errorf("%s: %v says not where, or how it is mended", how, refused)
		}
	}
}
