package rules_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
)

func clock(tb testing.TB, mapping string) *rules.Matcher {
	tb.Helper()
	library, _ := rules.Load(content.Files)
	m, err := library.For(mapping)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestEventTime(t *testing.T) {
	want := time.Date(2026, 11, 27, 5, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		mapping, event string
		want           time.Time
	}{
		"first":            {"wazuh4", `{"timestamp":"2026-11-27T05:00:00.000+0000","rule":{}}`, want},
		"behind others":    {"wazuh4", `{ "rule" : {"a":[1,{"timestamp":"2001-01-01T00:00:00Z"}],"b":"}\"{"} , "n":-1.5e3,"t":true, "timestamp" : "2026-11-27T06:00:00+01:00" }`, want},
		"the second field": {"wazuh4", `{"@timestamp":"2026-11-27T05:00:00Z"}`, want},
		"an escape":        {"wazuh4", `{"timestamp":"2026-11-27T05:00:00\u005a"}`, want},
		"a strange name":   {"wazuh4", `{"a\\":"\\\"","timestamp":"2026-11-27T05:00:00Z"}`, want},
		"of its shape":     {rules.Auto, `{"ecs":{},"@timestamp":"2026-11-27T05:00:00Z"}`, want},
		"deeper":           {"wazuh4", `{"data":{"timestamp":"2026-11-27T05:00:00Z"}}`, time.Time{}},
		"no time":          {"wazuh4", `{"timestamp":"yesterday"}`, time.Time{}},
		"a number":         {"wazuh4", `{"timestamp":1795755600}`, want},
		"a flag":           {"wazuh4", `{"timestamp":true}`, time.Time{}},
		"no object":        {"wazuh4", `{"timestamp":"2026-11-`, time.Time{}},
		"nothing":          {"wazuh4", ``, time.Time{}},
		"unknown shape":    {rules.Auto, `{"timestamp":"2026-11-27T05:00:00Z"}`, time.Time{}},
	} {
		if got := clock(t, row.mapping).EventTime([]byte(row.event)); !got.Equal(row.want) {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// FuzzEventTime holds the quick look at the top level against a whole decoding.
func FuzzEventTime(f *testing.F) {
	f.Add("a", "b", `{"x":[1,"}"]}`)
	f.Add(`"\`, `\\"`, `[[],{"timestamp":"1999-01-01T00:00:00Z"}]`)
	m := clock(f, "wazuh4")
	f.Fuzz(func(t *testing.T, key, text, value string) {
		name, err := json.Marshal(key)
		quoted, err2 := json.Marshal(text)
		if err != nil || err2 != nil || !json.Valid([]byte(value)) || key == "timestamp" {
			return // no object can be made of it
		}
		event := fmt.Sprintf(`{%s: %s,"v":%s, "w": %s,"timestamp":"2026-11-27T05:00:00Z"}`, name, quoted, value, quoted)
		if got := m.EventTime([]byte(event)); got.Hour() != 5 {
			t.Errorf("%s: %s", event, got)
		}
	})
}
