package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// detections use what the specification has and public rules hardly do.
var detections = []string{
	"a: {f|contains: ab}\n  condition: a",
	"a: {f|contains|all: [ab, cd]}\n  b: {g|startswith: '\\x*y?z'}\n  condition: a or not b",
	"a: {f|re: '^a.*b$'}\n  condition: not a",
	"a: {f|re|i|m|s: '^kelvin\\s+ſ.$'}\n  condition: a",
	"a: {f|cidr: 10.0.0.0/8}\n  b: {f|cidr: '2001:db8::/32'}\n  condition: 1 of them",
	"a: {f: null}\n  condition: a",
	"a: {f|exists: false, g|exists: true}\n  condition: a",
	"a: {f|fieldref: g}\n  b: {f|fieldref|endswith: g}\n  c: {f|fieldref|contains|cased: g}\n  condition: a or (b and not c)",
	"a: {f|gte: 5, g|lt: -1.5e3}\n  condition: a",
	"a: {f: 1}\n  b: {f: 1.0}\n  c: {f: '1'}\n  condition: all of *",
	"a: {f: 1.0}\n  condition: a", "a: {f: 1.0e+2}\n  condition: a", "a: {f: 1.5}\n  condition: a", "a: {f: 18446744073709551615}\n  condition: not a", "a: {f: 1e30}\n  condition: a", "a: {f: 9007199254740992.0}\n  condition: a",
	"a: {f|neq: [x, y]}\n  condition: a",
	"a: {f|windash|contains: ' -enc '}\n  condition: a",
	"a: {f|base64offset|contains: foo}\n  b: {f|wide|base64offset|contains: foo}\n  condition: a or b",
	"a: {f|utf16le|contains: cmd}\n  condition: a", "a: {f|utf16be: 'c*d'}\n  b: {f|utf16|startswith: 'c?m'}\n  condition: a or b", "a: {f|windash|contains: ' –enc /x'}\n  condition: a",
	"a: {t|hour|gte: 22}\n  b: {t|week: 1}\n  c: {t|year: 2024}\n  condition: a or b and c",
	"a: [evil, 'b?d', 4444, 'ab*cd']\n  condition: a",
	"a: {'|all': [one, two]}\n  condition: a",
	"a: {'|re': 'x[0-9]+y'}\n  condition: a",
	"a: [{f: x, g: y}, {f|cased: X}]\n  condition: a and not (a)",
	"_a: {f: x}\n  b1: {g: y}\n  b2: {g: z}\n  condition: 1 of b* or all of _*",
	"a: {f: 'C:\\\\*\\\\x.exe'}\n  b: {f: '\\*\\?'}\n  c: {f: ''}\n  d: {f: '*'}\n  e: {f: '?*?'}\n  condition: a or b or c or (d and e)",
	"a: {a.b.c: x}\n  condition: a",
	"a: {f|expand: 'x%l%y'}\n  b: {f|expand: '%none%'}\n  condition: a or b",
	"a: {f|endswith: '\\cmd.exe'}\n  b: {f|startswith: 'é'}\n  c: {f|contains: ['ı', 'SS', 'ß']}\n  condition: a or b or c",
	"a: {f|contains: '/path/\"q\"'}\n  condition: a", "a: {f|contains: '😀'}\n  b: {f|endswith: '�'}\n  condition: a and b", "a: {f: ab}\n  condition: a", "a: {f|nosuch: x}\n  condition: a", "a: {f: x}\n  condition: a and", "a: {f: x}\n  condition: (a", "a: {}\n  condition: a",
	"a: {f|lt: x}\n  condition: a", "a: {f|all: x}\n  condition: a", "a: {f|re|cased: x}\n  condition: a", "a: {f|re: '('}\n  condition: a", "a: {f: x}\n  condition: 1 of b*",
}

// documents are events in the ways that JSON and its writers have.
var documents = []string{
	`{"f":"xabcdz","g":"\\xQQyéz"}`, `{"f":"AB \u0063\u0064"}`, `{"f":["ab","cd"],"g":null}`, `{"f":1}`, `{"f":1.0,"g":"1"}`, `{"f":"1"}`, `{"f":1e0}`, `{"f":100}`, `{"f":15e-1}`, `{"f":18446744073709551615}`, `{"f":9007199254740993}`, `{"f":1000000000000000000000000000000}`,
	`{"f":"a\nb"}`, `{"f":"a b"}`, `{"f":"\u212aelvin \u017f!"}`, `{"f":"10.1.2.3"}`, `{"f":"2001:db8::1"}`, `{"f":"::ffff:10.0.0.1"}`, `{}`, `{"f":null}`, `{"f":[]}`, `{"f":{}}`,
	`{"f":{"x":"ab","y":["cd"]}}`, `{"f":"ab","f":"zz"}`, `{"f":{"x":"ab","x":"zz"}}`, `{"f":[{"x":"zz","\u0078":"ab"}]}`, `{"f":"zz","f":"ab"}`, `{"a":{"b":{"c":"x"}}}`, `{"a.b":{"c":"x"}}`, `{"a.b.c":"X"}`, `{"a":[{"b":{"c":"y"}},{"b.c":"x"}]}`,
	`{"a":[[{"b":{"c":"x"}}]]}`, `{"a":{"b":1},"a":{"b":{"c":"x"}}}`, `{"t":"2024-01-01T23:30:00Z"}`, `{"t":1704151800}`, `{"t":1704151800000}`, `{"f":"say EVIL","h":4444}`, `{"k":{"evil":1}}`,
	`{"f":"x","g":"X"}`, `{"f":"wwX","g":"x"}`, `{"f":"X","g":"y"}`, `{"f":"c:\\dir\\X.exe"}`, `{"f":"*?"}`, `{"f":""}`, `{"f":"é"}`, `{"f":"ÉA"}`, `{"f":"STRASSE ı"}`, `{"f":"xVALUEy"}`,
	`{"f":"powershell –enc x /enc "}`, `{"f":"Zm9v"}`, `{"f":"c\u0000m\u0000d\u0000"}`, `{"f":"\/path\/\"Q\""}`, `{"f":"\ud83d\ude00\ud800"}`, `{"f":123456789012345678901234567890}`,
	`{"f":-0}`, `{"f":true,"g":false}`, ` {"f" : "ab" } `, `{"f":"ab"}x`, `{"f":"a` + "\x01" + `b"}`, `{"f":01}`, `{"f":"\x"}`, `{"f":"\u12"}`, `{"\u"`, `{"\x":1}`, `{"\u00":1}`, `{"\`, `[1]`, `nul`, `{"f":nul}`, `{"f":"ab",}`, `{"f" "ab"}`, "{\"f\":\"\xff\xfeab\"}", `{"` + "\xc3" + `":1}`,
}

// tooDeep are events just within and just beyond what encoding/json takes.
var tooDeep = []string{
	`{"f":` + strings.Repeat("[", 9_999) + `"ab"` + strings.Repeat("]", 9_999) + "}", `{"f":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
	strings.Repeat(`{"f":`, 10_000) + "1" + strings.Repeat("}", 10_000), strings.Repeat(`{"f":`, 10_001) + "1" + strings.Repeat("}", 10_001),
}

var lists = map[string][]string{"l": {"value", "other*"}}

func FuzzEngineIsThePlainEvaluator(f *testing.F) {
	for _, detection := range detections {
		for _, event := range documents {
			f.Add(detection, []byte(event))
		}
	}
	for _, event := range tooDeep {
		f.Add(detections[0], []byte(event))
	}
	f.Fuzz(func(t *testing.T, detection string, event []byte) {
		text := "title: t\nlogsource: {category: test}\ndetection:\n  " + detection + "\n"
		trees, err := document.Read([]byte(text))
		if err != nil || len(trees) != 1 {
			return
		}
		file := sigma.Parse("r.yml", []byte(text), lists)
		program, refused := engine.Compile([]engine.Rule{{Detection: trees[0].Child("detection"), Category: "test"}}, lists)
		if trees[0].Child("detection") == nil || len(file.Rules)+len(file.Refused) != 1 {
			return
		}
		if len(file.Refused) != len(refused) {
			t.Fatalf("plain refused %v, engine %v", file.Refused, refused)
		}
		var root map[string]any
		decoder := json.NewDecoder(bytes.NewReader(event))
		decoder.UseNumber()
		wrong := decoder.Decode(&root)
		if wrong == nil {
			if _, rest := decoder.Token(); !errors.Is(rest, io.EOF) || root == nil {
				wrong = errors.New("no object")
			}
		}
		hits, err := program.NewMatcher("").Match(event)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("decoding %v, engine %v", wrong, err)
		}
		if wrong != nil || len(refused) > 0 || strings.Contains(string(event), "vent") {
			return
		}
		for _, named := range []string{"EventID", "winlog", "SyslogMessage", "log_name", "beat", "provider_guid", "SourceModuleName", "SourceName", "data", "agent"} {
			if _, routed := root[named]; routed {
				return // another log source, or other places of fields
			}
		}
		if want := file.Rules[0].Match(sigma.NewEvent(root, nil)); want != (len(hits) == 1) {
			t.Fatalf("plain %v, engine %v\n%s\n%s", want, hits, detection, event)
		}
	})
}
