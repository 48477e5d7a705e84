package opensearchtest

import (
	"fmt"
	"regexp"
	"strings"
)

// queryStringClause speaks a part of Lucene's language: field:value, field:"phrase", field:(a OR b), field:[a TO b],
// field:>=n, _exists_:field, wildcards, AND, OR, NOT, - and parentheses. Anything else is a 400.
func (c *Cluster) queryStringClause(body any) (predicate, error) {
	if err := only(body, "query", "default_operator", "allow_leading_wildcard", "lenient", "default_field", "fields", "analyze_wildcard", "time_zone"); err != nil {
		return nil, err
	}
	text, is := object(body)["query"].(string)
	if !is {
		return nil, bad("[query_string] must be provided with a [query]")
	}
	tokens, err := luceneTokens(text)
	if err != nil {
		return nil, err
	}
	p := &luceneParser{c: c, tokens: tokens, and: strings.EqualFold(fmt.Sprint(object(body)["default_operator"]), "and")}
	p.field, _ = object(body)["default_field"].(string)
	query, err := p.either()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, bad("Cannot parse [%s]", text)
	}
	return c.clause(query)
}

var luceneToken = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|[\[{][^\]}]*[\]}]|[()]|(?:\\.|[^\s()"\[\]{}:\\])+:?|:)`)

func luceneTokens(text string) (tokens []string, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		token := luceneToken.FindString(text)
		if token == "" || strings.HasPrefix(text, "/") {
			return nil, bad("Failed to parse query [%s]", text)
		}
		tokens = append(tokens, token)
		text = text[len(token):]
	}
	return tokens, nil
}

type luceneParser struct {
	c      *Cluster
	tokens []string
	field  string
	and    bool
}

func (p *luceneParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *luceneParser) next() string {
	token := p.peek()
	if token != "" {
		p.tokens = p.tokens[1:]
	}
	return token
}

func boolOf(kind string, clauses []any) map[string]any {
	body := map[string]any{kind: clauses}
	if kind == "should" {
		body["minimum_should_match"] = 1.0
	}
	return map[string]any{"bool": body}
}

func (p *luceneParser) either() (map[string]any, error) {
	var clauses []any
	for {
		clause, err := p.every()
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, clause)
		if token := p.peek(); token == "OR" || token == "||" {
			p.next()
			continue
		}
		if p.peek() == "" || p.peek() == ")" || p.and {
			break
		}
	}
	return boolOf("should", clauses), nil
}

func (p *luceneParser) every() (map[string]any, error) {
	var clauses []any
	for {
		clause, err := p.single()
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, clause)
		token := p.peek()
		if token == "AND" || token == "&&" {
			p.next()
			continue
		}
		if token == "" || token == ")" || token == "OR" || token == "||" || !p.and {
			return boolOf("must", clauses), nil
		}
	}
}

func (p *luceneParser) single() (map[string]any, error) {
	token := p.next()
	switch {
	case token == "":
		return nil, bad("query ends too early")
	case token == "NOT" || token == "!":
		inner, err := p.single()
		return boolOf("must_not", []any{inner}), err
	case len(token) > 1 && (token[0] == '-' || token[0] == '!'):
		p.tokens = append([]string{token[1:]}, p.tokens...)
		inner, err := p.single()
		return boolOf("must_not", []any{inner}), err
	case len(token) > 1 && token[0] == '+':
		p.tokens = append([]string{token[1:]}, p.tokens...)
		return p.single()
	case token == "(":
		inner, err := p.either()
		if err == nil && p.next() != ")" {
			err = bad("parenthesis is not closed")
		}
		return inner, err
	case strings.HasSuffix(token, ":") && len(token) > 1:
		outer := p.field
		p.field = strings.ReplaceAll(strings.TrimSuffix(token, ":"), `\`, "")
		inner, err := p.single()
		p.field = outer
		return inner, err
	}
	return p.value(token)
}

var comparison = regexp.MustCompile(`^(>=|<=|>|<)(.+)$`)

func (p *luceneParser) value(token string) (map[string]any, error) {
	plainText := strings.ReplaceAll(token, `\`, "")
	switch {
	case token == "*" && p.field == "" || token == "*" && p.field == "*":
		return map[string]any{"match_all": map[string]any{}}, nil
	case p.field == "":
		return nil, bad("the stand-in wants a field before [%s]", token)
	case p.field == "_exists_":
		return map[string]any{"exists": map[string]any{"field": plainText}}, nil
	case token == "*":
		return map[string]any{"exists": map[string]any{"field": p.field}}, nil
	case token[0] == '"':
		text := strings.ReplaceAll(strings.ReplaceAll(token[1:len(token)-1], `\"`, `"`), `\\`, `\`)
		return map[string]any{"match_phrase": map[string]any{p.field: text}}, nil
	case token[0] == '[' || token[0] == '{':
		return p.between(token)
	case strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(token, `\*`, ""), `\?`, ""), "*?"):
		return map[string]any{"wildcard": map[string]any{p.field: plainText}}, nil
	case strings.ContainsAny(token, "~^"):
		return nil, bad("the stand-in knows no fuzziness or boost [%s]", token)
	}
	if parts := comparison.FindStringSubmatch(token); parts != nil {
		verbs := map[string]string{">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
		return map[string]any{"range": map[string]any{p.field: map[string]any{verbs[parts[1]]: parts[2]}}}, nil
	}
	return map[string]any{"match": map[string]any{p.field: plainText}}, nil
}

func (p *luceneParser) between(token string) (map[string]any, error) {
	low, high, found := strings.Cut(token[1:len(token)-1], " TO ")
	if !found {
		return nil, bad("range [%s]", token)
	}
	bounds := map[string]any{}
	if low = strings.TrimSpace(low); low != "*" {
		bounds[map[bool]string{true: "gte", false: "gt"}[token[0] == '[']] = low
	}
	if high = strings.TrimSpace(high); high != "*" {
		bounds[map[bool]string{true: "lte", false: "lt"}[token[len(token)-1] == ']']] = high
	}
	return map[string]any{"range": map[string]any{p.field: bounds}}, nil
}
