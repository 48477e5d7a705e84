package rules

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// fast is what the engine finds, as the product runs it, by id.
func fast(m *Matcher, event []byte) ([]string, error) {
	matches, err := m.Match(event)
	var ids []string
	for _, match := range matches {
		ids = append(ids, match.Rule.ID)
	}
	return ids, err
}

// agree reports how engine and plain evaluator differ on an event, and how many rules the plain one tried.
func agree(m *Matcher, p *plain, event []byte) (rules int, difference string) {
	want, wrong := p.match(event)
	got, err := fast(m, event)
	switch {
	case (wrong == nil) != (err == nil):
		return 0, fmt.Sprintf("plain %v, engine %v", wrong, err)
	case !slices.Equal(got, want):
		return p.tried, fmt.Sprintf("plain %v, engine %v", want, got)
	}
	return p.tried, ""
}

func both(t testing.TB, library *Library) (*Matcher, *plain) {
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	return matcher, &plain{library: library}
}

func TestEngineIsThePlainEvaluatorOnRecordedEvents(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, oracle := both(t, library)
	total := 0
	for _, lane := range lanes {
		scanner := bufio.NewScanner(bytes.NewReader(unzip(t, "events/"+lane+".ndjson.gz")))
		scanner.Buffer(nil, 16<<20)
		step := 1
		if testing.Short() {
			step = 20
		}
		for n := 1; scanner.Scan(); n++ {
			if n%step != 0 || strings.HasPrefix(lane, "synthetic") && n%10 != 0 {
				continue
			}
			rules, difference := agree(matcher, oracle, scanner.Bytes())
			if total += rules; difference != "" {
				t.Errorf("%s line %d: %s", lane, n, difference)
			}
		}
	}
	t.Logf("%d rule evaluations", total)
}

// made are events made of what rules ask for, told in the ways that JSON and its writers have.
type made struct {
	*rand.Rand
	rules []*document.Node
}

func (g *made) one(of ...string) string { return of[g.IntN(len(of))] }

// event takes values of some rules, so that many rules nearly match.
func (g *made) event() []byte {
	fields := map[string]string{}
	for range 1 + g.IntN(3) {
		g.take(g.rules[g.IntN(len(g.rules))], fields)
	}
	var parts []string
	for name, value := range fields {
		parts = append(parts, g.member(name, value))
	}
	if g.IntN(12) == 0 && len(parts) > 0 {
		parts = append(parts, parts[0])
	}
	slices.Sort(parts)
	body := "{" + strings.Join(parts, g.one(",", ", ", " ,\n")) + "}"
	switch g.IntN(10) {
	case 0:
		return []byte(`{"Event":{"System":{"Channel":"Security","EventID":4688},"EventData":` + body + `}}`)
	case 1:
		return []byte(`{"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1","event_data":` + body + `}}`)
	case 2:
		return []byte(`{"rule":{},"agent":{},"data":{"win":{"system":{"channel":"Microsoft-Windows-Sysmon\/Operational","eventID":"11"},"eventdata":` + body + `}}}`)
	}
	return []byte(body)
}

// take gives fields values that the rule's selections ask for.
func (g *made) take(tree *document.Node, fields map[string]string) {
	for i, key := range tree.Keys {
		kid := tree.Kids[i]
		switch {
		case kid.Kind == document.Mapping:
			g.take(kid, fields)
		case kid.Kind == document.List && len(kid.Kids) > 0:
			if one := kid.Kids[g.IntN(len(kid.Kids))]; one.Kind == document.Mapping {
				g.take(one, fields)
			} else {
				g.put(key.Text, one.Text, fields)
			}
		case key.Text != "condition":
			g.put(key.Text, kid.Text, fields)
		}
	}
}

func (g *made) put(key, text string, fields map[string]string) {
	if g.IntN(8) == 0 {
		return
	}
	name, _, _ := strings.Cut(key, "|")
	text = strings.NewReplacer(`\*`, "*", `\?`, "?", `\\`, `\`, "*", g.one("", "x", " y\n"), "?", g.one("q", "é", "")).Replace(text)
	fields[name] = g.one("", "", "", fields[name], "C:\\x", "pre ") + text + g.one("", "", "", " tail", "é", "\\")
}

func (g *made) member(name, value string) string {
	return quoted(name) + g.one(":", ": ") + g.one(g.text(value), g.text(value), g.text(value), g.text(value), "["+g.text("a")+","+g.text(value)+"]",
		"null", `""`, "[]", `{"k":`+g.text(value)+`}`, value0(value))
}

// value0 is the value as a number, if it is one.
func value0(value string) string {
	if json.Valid([]byte(value)) {
		return value
	}
	return "17.0"
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// text spells a string in one of JSON's ways.
func (g *made) text(value string) string {
	switch g.IntN(7) {
	case 0:
		value = strings.ToUpper(value)
	case 1:
		value = strings.NewReplacer("k", "\u212a", "s", "\u017f", "i", "\u0130").Replace(value)
	case 2:
		return strings.ReplaceAll(quoted(value), "/", `\/`)
	case 3:
		var b strings.Builder
		for _, r := range value {
			if r < 0x10000 && g.IntN(3) == 0 {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteString(strings.Trim(quoted(string(r)), `"`))
				if r == '"' {
					b.WriteString(`"`)
				}
			}
		}
		return `"` + b.String() + `"`
	}
	return quoted(value)
}

func TestEngineIsThePlainEvaluatorOnMadeEvents(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, oracle := both(t, library)
	g := &made{Rand: rand.New(rand.NewPCG(1, 2))}
	for _, rule := range library.sigma {
		g.rules = append(g.rules, rule.Detection)
	}
	total, matched := 0, 0
	for n := 0; n < 4000 && (n < 400 || !testing.Short()); n++ {
		event := g.event()
		rules, difference := agree(matcher, oracle, event)
		if total += rules; difference != "" {
			t.Errorf("%s\n%s", difference, event)
		}
		ids, _ := fast(matcher, event)
		matched += len(ids)
	}
	t.Logf("%d rule evaluations, %d matches", total, matched)
}

// TestNativeRulesAreWhatTheirProgramsSay runs every event that a shipped rule carries, and each with values of another
// type or left out, through the engine and through expr's machine alone.
func TestNativeRulesAreWhatTheirProgramsSay(t *testing.T) {
	const ends = "id: ends\ntitle: Ends\nlevel: low\nmapping: wazuh4\n" +
		"condition: rule_id startsWith \"57\" and agent_name endsWith \"-01\" or srcip in [\"203.0.113.66\"] and location contains \"log\"\n" +
		"events:\n  - {name: a, match: true, event: {rule: {id: \"5763\"}, agent: {name: shop-01}, location: /var/log/auth, data: {srcip: 203.0.113.66}}}\n" +
		"  - {name: b, match: false, event: {rule: {id: \"1\"}, agent: {name: shop-02}, location: x, data: {srcip: 203.0.113.66}}}\n"
	library, report := Load(content.Files, fstest.MapFS{"detections/ends.yaml": {Data: []byte(ends)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, oracle := both(t, library)
	tried, matched := 0, 0
	for _, rule := range library.Native() {
		for _, sample := range rule.Events {
			for _, event := range variants(sample.Event) {
				text, err := json.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				if _, difference := agree(matcher, oracle, text); difference != "" {
					t.Errorf("%s: %s\n%s", rule.ID, difference, text)
				}
				ids, _ := fast(matcher, text)
				tried, matched = tried+1, matched+len(ids)
			}
		}
	}
	if tried < 200 || matched < 50 {
		t.Errorf("%d events, %d matches", tried, matched)
	}
}

// variants are an event, and the event with each of its values, at any depth, changed in some way.
func variants(event map[string]any) []map[string]any {
	all := []map[string]any{event}
	for name, value := range event {
		changes := []any{nil, "", 7, []any{value}, map[string]any{"x": value}, fmt.Sprint(value), strings.ToUpper(fmt.Sprint(value))}
		if inner, ok := value.(map[string]any); ok {
			changes = nil
			for _, changed := range variants(inner) {
				changes = append(changes, changed)
			}
		}
		for _, change := range changes {
			changed := maps.Clone(event)
			changed[name] = change
			all = append(all, changed)
		}
	}
	return all
}

func TestAnEventThatMatchesNothingCostsNoAllocation(t *testing.T) {
	library, _ := loadSigma(t)
	matcher := library.program.NewMatcher("")
	var quiet [][]byte
	for event := range bytes.Lines(unzip(t, "events/process-creation.ndjson.gz")) {
		if hits, err := matcher.Match(event); err != nil {
			t.Fatal(err)
		} else if len(hits) == 0 {
			quiet = append(quiet, event)
		}
	}
	library.program.Settle()
	pass := func() {
		for _, event := range quiet {
			_, _ = matcher.Match(event)
		}
	}
	pass() // buffers grow to what these events need
	if got := testing.AllocsPerRun(1, pass); got > float64(len(quiet))/1000 {
		t.Errorf("%v allocations for %d events", got, len(quiet))
	}
}

func TestHostileEventsAreBounded(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, oracle := both(t, library)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":"powershell -enc"`, i)
	}
	for name, event := range map[string]string{
		"as deep as may be":  deep(10_000),
		"deeper":             deep(10_001),
		"lists too deep":     `{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}",
		"many names":         "{" + strings.Join(names, ",") + "}",
		"one long value":     `{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"ScriptBlockText":"` + strings.Repeat("aaaa-w \\u0027`", 100_000) + `"}`,
		"a name stood twice": `{"Channel":"x","CommandLine":"mimikatz","CommandLine":"y","EventID":1}`,
		"a huge number":      `{"EventID":` + strings.Repeat("9", 5000) + `,"Channel":"Security"}`,
	} {
		if _, difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
}
