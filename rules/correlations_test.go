package rules

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
)

const (
	feeding = "title: R\nid: r-1\nname: r\nlevel: high\nlogsource: {category: test}\ndetection: {s: {a: x}, condition: s}\n"
	counts  = "title: C\nid: c-1\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [host, %s]\n  timespan: %s\n  condition: {gte: %d}\n"
)

// TestMatchesCarryWhatCorrelationsNeed, bounded, and say that they only feed.
func TestMatchesCarryWhatCorrelationsNeed(t *testing.T) {
	library, report := Load(fstest.MapFS{"r.yml": {Data: []byte(feeding)}, "c.yml": {Data: fmt.Appendf(nil, counts, "user.name", "5m", 3)}})
	if len(report.Refused) != 0 || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0].Text, "r-1, which opens no incident by itself any more") {
		t.Errorf("refused %v, warnings %v", report.Refused, report.Warnings)
	}
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	matches, err := matcher.Match([]byte(`{"a":"x","host":"` + long + `","user":{"name":["root","other"]},"more":"m"}`))
	if err != nil || len(matches) != 1 || !matches[0].OnlyFeeds {
		t.Fatalf("%+v, %v", matches, err)
	}
	values := matches[0].Correlate
	if len(values) != 2 || values["user.name"] != "root" || len(values["host"]) != maxCorrelated || values["host"] == values["host"][:maxCorrelated-1]+"x" {
		t.Errorf("%q", values)
	}
	matches, _ = matcher.Match([]byte(`{"a":"x","host":"` + long + `y"}`))
	if other := matches[0].Correlate["host"]; other == values["host"] || len(other) != maxCorrelated {
		t.Error("two long values have become one")
	}
}

// TestCorrelationsThatCannotWork are refused, or told.
func TestCorrelationsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct{ text, refused, warned string }{
		"waits for too many":    {fmt.Sprintf(counts, "a", "5m", 20_000), "waits for 20000 events", ""},
		"no timespan":           {fmt.Sprintf(counts, "a", "soon", 3), "no timespan", ""},
		"an endless timespan":   {fmt.Sprintf(counts, "a", "99999999999y", 3), "out of bounds", ""},
		"another's key":         {strings.Replace(fmt.Sprintf(counts, "a", "5m", 3), "  timespan", "  window: session\n  timespan", 1), "has no window", ""},
		"an entity from where":  {"entity: {family: host, field: other}\n" + fmt.Sprintf(counts, "a", "5m", 3), "no field that the correlation groups by", ""},
		"a condition of others": {strings.NewReplacer("event_count", "temporal", "{gte: 3}", "r and q").Replace(fmt.Sprintf(counts, "a", "5m", 3)), "names q, which is not among its rules", ""},
		"a condition cut off":   {strings.NewReplacer("event_count", "temporal", "{gte: 3}", "(r and").Replace(fmt.Sprintf(counts, "a", "5m", 3)), "ends too early", ""},
		"an order with or":      {strings.NewReplacer("event_count", "temporal_ordered", "{gte: 3}", "r or r").Replace(fmt.Sprintf(counts, "a", "5m", 3)), "an order can only be told", ""},
		"nothing that happens":  {strings.NewReplacer("event_count", "temporal_ordered", "{gte: 3}", "not r").Replace(fmt.Sprintf(counts, "a", "5m", 3)), "nothing that must happen", ""},
	} {
		_, report := Load(fstest.MapFS{"r.yml": {Data: []byte(feeding)}, "c.yml": {Data: []byte(c.text)}})
		if said := fmt.Sprint(report.Refused); c.refused != "" && !strings.Contains(said, c.refused) || c.refused == "" && len(report.Refused) > 0 {
			t.Errorf("%s: refused %s", name, said)
		}
		if said := fmt.Sprint(report.Warnings); !strings.Contains(said, c.warned) {
			t.Errorf("%s: warnings %s", name, said)
		}
	}
}

// TestSuppressionsSayWhyAndUntilWhen, or are refused; one that is over does nothing and is told.
func TestSuppressionsSayWhyAndUntilWhen(t *testing.T) {
	tomorrow, yesterday := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for text, want := range map[string]string{
		"- {id: a, until: " + tomorrow + ", rules: [r-1]}":                     "no reason",
		"- {reason: because, until: " + tomorrow + ", rules: [r-1]}":           "no id",
		"- {id: a, reason: because, rules: [r-1]}":                             "has no end",
		"- {id: a, reason: because, until: soon, rules: [r-1]}":                "has no end",
		"- {id: a, reason: because, until: " + tomorrow + "}":                  "keep everything quiet",
		"- {id: a, reason: because, until: " + tomorrow + ", ruels: [r-1]}":    "ruels",
		"- {id: a, reason: because, until: " + yesterday + ", rules: [r-1]}":   "ended on " + yesterday,
		"- {id: a, reason: because, until: " + tomorrow + ", rules: [nobody]}": "nobody, which is not there",
	} {
		library, report := Load(fstest.MapFS{"r.yml": {Data: []byte(feeding)}, "suppressions/ours.yaml": {Data: []byte(text)}})
		if said := fmt.Sprint(report.Refused, report.Warnings); !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %s", text, said, want)
		}
		if library.Quiet("r-1", soar.Entity{}, func(string) string { return "" }).Holds(time.Now()) {
			t.Errorf("%s: it keeps r-1 quiet", text)
		}
	}
}

// TestSuppressionFits only what all its parts name.
func TestSuppressionFits(t *testing.T) {
	s := &Suppression{Rules: []string{"r-1"}, Entity: []string{"host/Shop-01"}, Fields: map[string][]string{"ip": {"10.20.8.0/24", "10.1.1.1"}}}
	for _, c := range []struct {
		rule, host, ip string
		want           bool
	}{
		{"r-1", "shop-01", "10.20.8.7", true},
		{"r-1", "SHOP-01", "10.1.1.1", true},
		{"r-2", "shop-01", "10.20.8.7", false},
		{"r-1", "shop-02", "10.20.8.7", false},
		{"r-1", "shop-01", "10.20.9.7", false},
		{"r-1", "shop-01", "", false},
	} {
		if got := s.fits(c.rule, soar.Entity{Family: "host", Name: c.host}, func(string) string { return c.ip }); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestShippedCorrelations prove what they say, and no risk of the shipped policy opens by one rule.
func TestShippedCorrelations(t *testing.T) {
	library, report := Load(content.Files)
	if len(report.Refused)+len(report.Warnings) > 0 {
		t.Fatal(report.Refused, report.Warnings)
	}
	proved := map[string]int{}
	for _, test := range Test(content.Files).Tested {
		proved[test.Rule]++
	}
	for _, c := range library.Correlations {
		if proved[c.ID] < 2 {
			t.Errorf("%s is proved by %d tests", c.ID, proved[c.ID])
		}
	}
	if library.risk == nil || library.risk.PerRule >= library.risk.Threshold || library.risk.Weights[soar.Low] == 0 {
		t.Errorf("risk %+v", library.risk)
	}
}
