package opensearchtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func wildcardPattern(text string) string {
	quoted := regexp.QuoteMeta(text)
	return "^(?s:" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted) + ")$"
}

func patternClause(body any, pattern func(string) string) (predicate, error) {
	name, want, options, err := oneField(body, "value", "case_insensitive", "wildcard", "rewrite")
	if err != nil {
		return nil, err
	}
	if want == nil {
		want = options["wildcard"]
	}
	expression := pattern(fmt.Sprint(want))
	if fold, _ := options["case_insensitive"].(bool); fold {
		expression = "(?i)" + expression
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil, bad("pattern [%v]", want)
	}
	return anyValue(name, func(f field, v any) bool {
		if f.wordwise(v) {
			return slices.ContainsFunc(words(v.(string)), compiled.MatchString)
		}
		return compiled.MatchString(plain(v))
	}), nil
}

func matchClause(kind string, body any) (predicate, error) {
	name, want, options, err := oneField(body, "query", "operator")
	if err != nil {
		return nil, err
	}
	every := kind == "match_phrase" || strings.EqualFold(fmt.Sprint(options["operator"]), "and")
	return anyValue(name, func(f field, v any) bool {
		if !f.wordwise(v) {
			return f.equal(v, want)
		}
		if kind == "match_phrase" {
			return strings.Contains(" "+strings.Join(words(v.(string)), " ")+" ", " "+strings.Join(words(fmt.Sprint(want)), " ")+" ")
		}
		has := func(w string) bool { return slices.Contains(words(v.(string)), w) }
		if every {
			return !slices.ContainsFunc(words(fmt.Sprint(want)), func(w string) bool { return !has(w) })
		}
		return slices.ContainsFunc(words(fmt.Sprint(want)), has)
	}), nil
}
