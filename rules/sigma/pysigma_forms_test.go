package sigma

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// form is a rule in one form of the language, and for each field the values that its events are made of: every
// combination, each field also absent.
type form struct {
	detection string
	of        map[string][]any
	filter    string // documents beside the rule
}

// near are values that a written text matches, or nearly does.
func near(texts ...string) (all []any) {
	for _, t := range texts {
		runes := []rune(t)
		all = append(all, t, strings.ToUpper(t), strings.ToLower(t), "x"+t, t+"x", "x "+t+" x", t+"\n", t+t)
		if len(runes) > 1 {
			all = append(all, string(runes[1:]), string(runes[:len(runes)-1]), string(runes[:1])+"-"+string(runes[1:]))
		}
	}
	return append(all, nil, "", " ", "zz", 0, 1, 17, 17.5, "17", true, "true", "é", "É", `\`, "*", "?", "%", "_")
}

func only(field string, values []any) map[string][]any { return map[string][]any{field: values} }

// texts are values as rules write them, with texts that they may mean.
var texts = map[string][]string{
	"ab": {"ab"}, "''": {""}, "17": {"17", "017", "17.0", "117"}, "'17'": {"17", "17.0"}, "17.5": {"17.5", "17.50"}, "-3": {"-3"},
	"'*'": {"a"}, "'?'": {"a", "ab"}, "'a*b'": {"ab", "a..b", "a\nb"}, "'a?b'": {"ab", "a.b", "aéb", "a..b"}, "'*ab'": {"ab"}, "'ab*'": {"ab"}, "'*ab*'": {"ab"}, "'?b*'": {"ab", "b"},
	`'a\*b'`: {"a*b", `a\*b`, "acb"}, `'a\?b'`: {"a?b", "acb"}, `'a\\b'`: {`a\b`, `a\\b`}, `'a\b'`: {`a\b`, "ab"}, `'a\\*b'`: {`a\b`, `a\..b`, "a*b", `a\*b`}, `'a\\\*b'`: {`a\*b`, `a\\*b`, `a\b`}, `'a\\\\b'`: {`a\\b`, `a\b`},
	`'C:\dir\x.exe'`: {`C:\dir\x.exe`}, `'\x.exe'`: {`C:\x.exe`, `\x.exe`}, "\"it's\"": {"it's"}, `'say "x"'`: {`say "x"`}, "'a%b'": {"a%b", "aXb"}, "'a_b'": {"a_b", "aXb"}, "'a[b]'": {"a[b]", "ab"}, "é": {"é", "É"}, "[ab, cd]": {"ab", "cd", "ab cd"}, "[ab, 17]": {"ab", "17"},
	"true": {"true"}, "false": {"false"}, "null": {"null"},
}

func written() (forms []form) {
	for _, how := range []string{"", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|startswith|cased", "|endswith|cased", "|neq", "|contains|neq", "|endswith|neq"} {
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			if how != "" && (text == "null" || text == "''" || text == "true" || text == "false") {
				continue
			}
			forms = append(forms, form{detection: "a: {f" + how + ": " + text + "}\n  condition: a", of: only("f", near(texts[text]...))})
		}
	}
	for _, how := range []string{"|contains|all", "|all", "|all|neq", "|contains|all|neq", "|startswith|all"} {
		forms = append(forms, form{detection: "a: {f" + how + ": [ab, b]}\n  condition: a", of: only("f", near("ab", "b ab", "b"))})
	}
	return forms
}

func judged() (forms []form) {
	for text, likes := range map[string][]string{
		"a.b": {"a.b", "a\nb"}, "^ab": {"ab", "c\nab"}, "ab$": {"ab", "ab\nc"}, "^a+b?$": {"aab", "a"}, "a|b": {"a", "b"}, "(ab){2}": {"abab", "ab"}, "[a-c]+": {"c", "d"}, `\.exe`: {"x.exe", "xexe"}, `a\\b`: {`a\b`},
		"^$": {""}, "^[^x]*$": {"ab", "x"},
	} {
		for _, how := range []string{"|re", "|re|i", "|re|m", "|re|s", "|re|i|m|s", "|re|neq"} {
			forms = append(forms, form{detection: "a: {f" + how + ": '" + text + "'}\n  condition: a", of: only("f", near(likes...))})
		}
	}
	addresses := []any{"10.0.0.1", "10.255.255.255", "11.0.0.0", "9.255.255.255", "192.168.1.1", "192.168.1.255", "192.168.2.1", "192.168.1.3", "192.168.1.4", "10.1.2.3", "10.1.2.33", "2001:db8::1", "2001:db9::1", "2001:DB8::1", "2001:0db8:0:0:0:0:0:1", "::1", "10.0.0", "10.0.0.1.2", "10.0.0.300", "x", "", nil, 10, "::ffff:10.0.0.1"}
	for _, network := range []string{"10.0.0.0/8", "192.168.1.0/24", "192.168.1.0/30", "10.1.2.3/32", "2001:db8::/32", "0.0.0.0/0", "[10.0.0.0/8, 192.168.1.0/24]"} {
		forms = append(forms, form{detection: "a: {f|cidr: " + strings.Replace(network, "2001:db8::/32", "'2001:db8::/32'", 1) + "}\n  condition: a", of: only("f", addresses)})
	}
	for _, bound := range []string{"5", "-1.5", "0"} {
		for _, how := range []string{"gt", "gte", "lt", "lte", "gt|neq"} {
			forms = append(forms, form{detection: "a: {n|" + how + ": " + bound + "}\n  condition: a", of: only("n", []any{4, 5, 6, -2, -1.5, -1, 0, 5.0, 5.1, "5", "10", "-2", "6.5", "abc", "", nil, 1e300, 12345678901})})
		}
	}
	for _, value := range []string{"true", "false"} {
		forms = append(forms, form{detection: "a: {f|exists: " + value + "}\n  condition: a", of: only("f", []any{"x", "", 0, nil, false, true})})
	}
	pairs := []any{"ab", "AB", "a", "b", "xab", "abx", "xabx", "", nil, "17", 17, 1, "a%", "a_", "a*", "a?"}
	for _, how := range []string{"fieldref", "fieldref|neq", "fieldref|startswith", "fieldref|endswith", "fieldref|contains", "fieldref|cased", "contains|fieldref", "fieldref|contains|neq"} {
		forms = append(forms, form{detection: "a: {f|" + how + ": g}\n  condition: a", of: map[string][]any{"f": pairs, "g": pairs}})
	}
	return append(forms, form{detection: "a: {f|fieldref: [g, h]}\n  condition: a", of: map[string][]any{"f": {"x", "y"}, "g": {"x", "z"}, "h": {"y", "z"}}})
}

func coded() (forms []form) {
	plain := []string{"foo", "Foo bar", "http://x", "a"}
	var seen []any
	for _, p := range plain {
		for shift := range 4 {
			for _, tail := range []string{"", "!", "!!"} {
				text := strings.Repeat("~", shift) + p + tail
				seen = append(seen, base64.StdEncoding.EncodeToString([]byte(text)))
				for _, m := range []modifiers{{"utf16le"}, {"utf16be"}, {"utf16"}} {
					seen = append(seen, base64.StdEncoding.EncodeToString([]byte(m.widen(text))), base64.StdEncoding.EncodeToString([]byte("..."+m.widen(text)+"..")))
				}
			}
		}
	}
	for _, how := range []string{"base64", "base64|contains", "base64offset|contains", "wide|base64", "wide|base64offset|contains", "utf16le|base64offset|contains", "utf16be|base64offset|contains", "utf16|base64|contains", "utf16|base64offset|contains", "base64offset|contains|cased"} {
		for _, p := range plain {
			forms = append(forms, form{detection: "a: {f|" + how + ": '" + p + "'}\n  condition: a", of: only("f", seen)})
		}
	}
	for _, how := range []string{"wide", "utf16be|contains", "utf16|startswith"} {
		forms = append(forms, form{detection: "a: {f|" + how + ": cmd}\n  condition: a", of: only("f", []any{"c\x00m\x00d\x00", "\x00c\x00m\x00d", "cmd"})})
	}
	for _, how := range []string{"windash|contains", "windash", "windash|contains|all", "windash|endswith", "windash|contains|cased"} {
		for text, like := range map[string]string{"[' -enc ', '-x']": "p -x -enc q", "['/c foo-bar', '-a']": "cmd -a /c foo-bar", "['-a -b', a]": "-a -b", "[' –x', y]": " -x"} {
			var spelled []any
			for _, dash := range []string{"-", "/", "–", "—", "―", "--", "_", ""} {
				spelled = append(spelled, strings.ReplaceAll(like, "-", dash), strings.Replace(like, "-", dash, 1), strings.ReplaceAll(strings.ReplaceAll(like, "-", dash), "/", dash))
			}
			forms = append(forms, form{detection: "a: {f|" + how + ": " + text + "}\n  condition: a", of: only("f", append(spelled, near(like)...))})
		}
	}
	for _, text := range []string{"'%l%'", "'a%l%b'", `'\%x%l%'`, "'%l%%m%'", "'%l%*'", "'no'", "'50%'"} {
		for _, how := range []string{"expand", "contains|expand", "expand|endswith"} {
			forms = append(forms, form{detection: "a: {f|" + how + ": " + text + "}\n  condition: a", of: only("f", near("one", "two", "aoneb", "%xone", "onem1", "twom1", "no", "srv7", "50%"))})
		}
	}
	return forms
}

func timed() (forms []form) {
	times := []any{"2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z", "2024-02-29T12:30:15Z", "2023-12-31T22:05:00+02:00", "2024-12-31 08:30:00", "2021-01-03T22:10:00.123Z", "2026-11-27", "no time", "", nil, 1704067200}
	for part, numbers := range map[string][]int{"minute": {0, 30, 5}, "hour": {0, 12, 22, 20, 8}, "day": {1, 29, 31}, "week": {1, 9, 53, 48}, "month": {1, 2, 12, 11}, "year": {2024, 2023, 2021}} {
		for _, n := range numbers {
			forms = append(forms, form{detection: fmt.Sprintf("a: {t|%s: %d}\n  condition: a", part, n), of: only("t", times)})
		}
		forms = append(forms, form{detection: fmt.Sprintf("a: {t|%s: [%d, %d]}\n  condition: a", part, numbers[0], numbers[1]), of: only("t", times)},
			form{detection: fmt.Sprintf("a: {t|%s|neq: %d}\n  condition: a", part, numbers[0]), of: only("t", times)},
			form{detection: fmt.Sprintf("a: {t|%s|gte: %d}\n  condition: a", part, numbers[0]), of: only("t", times)})
	}
	return forms
}

func keyed() (forms []form) {
	words := map[string][]any{"f": {"one", "say ONE two", "tw", "", nil, 17, "x17", "a.b"}, "g.h": {"two", "ONE", "on", "b", 1}}
	for _, text := range []string{"[one, two]", "[one]", "['|all']", "['on?', 'a*b']", "[17]", "['17']", "{'|all': [one, two]}", "{'|re': 'on.'}", "{'|re|i': 'on.$'}", "{'|contains|all': [one, 17]}", "{'|cased': ONE}", "[[one], [two]]", "[one, {f: two}]", "[{f: one}, {g.h: two}]", "{f: one, g.h: two}", "[{f: one, g.h: two}, {f: null}]", "one"} {
		forms = append(forms, form{detection: "a: " + text + "\n  condition: a", of: words})
	}
	selections := "a: {f: x}\n  b: {g: x}\n  s_c: {h: x}\n  s_d: {f: y}\n  _e: {g: y}\n  condition: "
	truths := map[string][]any{"f": {"x", "y"}, "g": {"x", "y"}, "h": {"x", "y"}}
	for _, condition := range []string{
		"a", "not a", "a and b", "a or b", "a or b and s_c", "(a or b) and s_c", "a and b or s_c", "not a and b", "not (a and b)", "not a or not b", "not (a or b) and not s_c", "a and not b or s_c and not a", "((a))", "not not a", "a AND b", "A",
		"1 of them", "all of them", "any of them", "1 of s_*", "all of s_*", "any of s_*", "1 of *_c", "1 of s*c", "not 1 of s_*", "a and not 1 of s_*", "1 of s_* and b", "1 of _*", "all of a*", "1 of *", "all of *", "[a, b and s_c]", "1 of x*", "2 of s_*", "a b", "a and", "(a", "x", "a | count() > 5",
	} {
		forms = append(forms, form{detection: selections + condition, of: truths})
	}
	filter := "title: F\nlogsource: {category: test}\nfilter:\n  rules: %s\n  k1: {g: x}\n  k2: {h|startswith: x}\n  condition: %s\n"
	for _, rules := range []string{"[r]", "[the-name]", "[T]", "[other]", "any", "r", "[other, r]"} {
		for _, condition := range []string{"not k1", "k1", "not 1 of k*", "k1 or not k2", "not (k1 and k2)", "1 of them", "all of k*"} {
			forms = append(forms, form{detection: "a: {f: x}\n  k1: {f: y}\n  condition: a or k1", of: truths, filter: fmt.Sprintf(filter, rules, condition)})
		}
	}
	elsewhere := strings.Replace(filter, "category: test", "category: other", 1)
	forms = append(forms, form{detection: "a: {f: x}\n  condition: a", of: truths, filter: fmt.Sprintf(elsewhere, "[r]", "not k1")},
		form{detection: "a: {f: x}\n  condition: a", of: truths, filter: fmt.Sprintf(filter, "[r]", "not k1") + "---\n" + fmt.Sprintf(filter, "any", "k2")})
	return forms
}

// events are all combinations of the form's values; a field is also absent.
func (f form) events() (all []json.RawMessage) {
	made := []map[string]any{{}}
	for _, field := range slices.Sorted(maps.Keys(f.of)) {
		var longer []map[string]any
		for _, event := range made {
			longer = append(longer, event)
			for _, value := range f.of[field] {
				more := maps.Clone(event)
				if outer, inner, nested := strings.Cut(field, "."); nested {
					more[outer] = map[string]any{inner: value}
				} else {
					more[field] = value
				}
				longer = append(longer, more)
			}
		}
		made = longer
	}
	seen := map[string]bool{}
	for _, event := range made {
		text, err := json.Marshal(event)
		if err == nil && !seen[string(text)] {
			seen[string(text)] = true
			all = append(all, text)
		}
	}
	return all
}
