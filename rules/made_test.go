package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-soar/sallyport/rules/document"
)

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
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, g.member(name, fields[name]))
		if g.IntN(20) == 0 {
			parts = append(parts, g.member(name, g.one("", "other", fields[name])))
		}
	}
	g.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
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
	as := g.text(value)
	switch g.IntN(24) {
	case 0, 1, 2:
		as = "[" + g.text("a") + "," + as + "]"
	case 3, 4:
		as = `{"k":` + as + `}`
	case 5, 6:
		as = g.one("null", `""`, "[]", "{}")
	case 7, 8:
		as = value0(value)
	case 9:
		as = g.one("1e400", "-1e-400", "123456789012345678901234567890", "9007199254740993", "0.1", "-0", "1E+2")
	case 10:
		deep := 1 + g.IntN(200)
		as = strings.Repeat(`[{"d":`, deep) + as + strings.Repeat("}]", deep)
	}
	return quoted(name) + g.one(":", ": ") + as
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
	switch g.IntN(9) {
	case 0:
		value = strings.ToUpper(value)
	case 1:
		value = strings.NewReplacer("k", "\u212a", "ss", "\u00df", "s", "\u017f", "i", "\u0130").Replace(value)
	case 2:
		return strings.ReplaceAll(quoted(value), "/", `\/`)
	case 4:
		return strings.TrimSuffix(quoted(value), `"`) + g.one(`\ud800"`, `\udc00x"`, `\ud83d\ude00"`, "\xff\"", "\xc3\"", "\xed\xa0\x80\"")
	case 5:
		if g.IntN(8) == 0 {
			value = strings.Repeat("padding-", 1<<g.IntN(16)) + value
		}
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

// traits are what made events must hold, each often enough.
var traits = map[string]*regexp.Regexp{
	"null": regexp.MustCompile(`: ?null[,}]`), "empty text": regexp.MustCompile(`: ?""`), "empty list": regexp.MustCompile(`: ?\[\]`), "list": regexp.MustCompile(`: ?\["`), "object": regexp.MustCompile(`: ?\{"k"`),
	"number": regexp.MustCompile(`: ?[0-9]+ ?[,}]`), "beyond float64": regexp.MustCompile(`: ?(1e400|-1e-400|123456789012345678901234567890)`),
	"Kelvin sign": regexp.MustCompile("\u212a"), "long s": regexp.MustCompile("\u017f"), "dotted I": regexp.MustCompile("\u0130"), "sharp s": regexp.MustCompile("\u00df"),
	"escaped letter": regexp.MustCompile(`\\u00[67][0-9a-f]`), "escaped slash": regexp.MustCompile(`\\/`), "lone surrogate": regexp.MustCompile(`\\ud800"`),
	"deep": regexp.MustCompile(`(\[\{"d":){50}`), "long": regexp.MustCompile(`(padding-){1000}`), "nested Windows": regexp.MustCompile(`"EventData"`), "Wazuh": regexp.MustCompile(`"eventdata"`),
}

// traitCount counts the events that have a trait.
type traitCount map[string]int

func (c traitCount) add(event []byte) {
	for name, like := range traits {
		if like.Match(event) {
			c[name]++
		}
	}
	if !utf8.Valid(event) {
		c["invalid UTF-8"]++
	}
	names := map[string]bool{}
	for _, name := range memberName.FindAllString(string(event), -1) {
		if names[name] && !strings.HasPrefix(name, `"k"`) && !strings.HasPrefix(name, `"d"`) {
			c["a name twice"]++
			break
		}
		names[name] = true
	}
}

// memberName is a name that only made events' members have: those that begin with a capital.
var memberName = regexp.MustCompile(`"[A-Z][A-Za-z]+": ?`)

func (c traitCount) check(t *testing.T) {
	t.Helper()
	for _, name := range append(slices.Collect(maps.Keys(traits)), "a name twice", "invalid UTF-8") {
		if c[name] == 0 {
			t.Errorf("%d made events are %s", c[name], name)
		}
	}
	t.Log("made events:", c)
}
