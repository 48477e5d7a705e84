package sigma

import (
	"path"
	"regexp"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// expression is a part of a condition.
type expression interface{ holds(e *Event) bool }

type (
	allOf []expression
	anyOf []expression
	not   struct{ expression }
	never struct{}

	// selected is a selection where the condition names it.
	selected struct {
		name string
		expression
	}
)

func (a allOf) holds(e *Event) bool {
	for _, part := range a {
		if !part.holds(e) {
			return false
		}
	}
	return true
}

func (a anyOf) holds(e *Event) bool {
	for _, part := range a {
		if part.holds(e) {
			return true
		}
	}
	return false
}

func (n not) holds(e *Event) bool { return !n.expression.holds(e) }
func (never) holds(*Event) bool   { return false }

var token = regexp.MustCompile(`[()|]|[^\s()|]+`)

// maxDepth bounds the nesting of a condition.
const maxDepth = 64

// detection reads the selections and joins them by the condition; of several conditions any.
func (p *ruleParser) detection(tree *document.Node) (expression, error) {
	c, err := p.selections(tree)
	if err != nil {
		return nil, err
	}
	return c.conditions(tree)
}

func (p *ruleParser) selections(tree *document.Node) (*conditionParser, error) {
	c := &conditionParser{named: map[string]expression{}}
	for i, key := range tree.Keys {
		if key.Text == "condition" || key.Text == "timeframe" {
			continue
		}
		made, err := p.selection(tree.Kids[i])
		if err != nil {
			return nil, err
		}
		c.named[key.Text] = selected{key.Text, made}
		c.order = append(c.order, key.Text)
	}
	return c, nil
}

func (c *conditionParser) conditions(tree *document.Node) (expression, error) {
	conditions := tree.Child("condition")
	if len(conditions.Words()) == 0 {
		return nil, &fault{tree.Place, "the detection has no condition", "add condition: selection"}
	}
	if len(c.order) == 0 {
		return nil, &fault{tree.Place, "the detection has no selection", "add one"}
	}
	var any anyOf
	for _, condition := range conditions.Words() {
		c.tokens, c.at, c.where = token.FindAllString(condition, -1), 0, conditions.Place
		made, err := c.either(0)
		if err != nil {
			return nil, err
		}
		if c.at != len(c.tokens) {
			return nil, c.afterEnd()
		}
		any = append(any, made)
	}
	return any, nil
}

type conditionParser struct {
	named  map[string]expression
	order  []string
	tokens []string
	at     int
	where  document.Place
}

func (c *conditionParser) fault(text string) error {
	return &fault{c.where, text, "a condition joins selections of the detection by and, or, not, 1 of, all of and brackets"}
}

// afterEnd is the fault of what stands behind a whole condition.
func (c *conditionParser) afterEnd() error {
	if c.peek() == "|" {
		return &fault{c.where, "the condition ends in an aggregation, which Sigma 2 does not have", "write a correlation over this rule, as docs/correlations.md says"}
	}
	return c.fault("the condition does not end at " + c.peek())
}

func (c *conditionParser) peek() string {
	if c.at < len(c.tokens) {
		return c.tokens[c.at]
	}
	return ""
}

func (c *conditionParser) take(word string) bool {
	if strings.EqualFold(c.peek(), word) {
		c.at++
		return true
	}
	return false
}

func (c *conditionParser) either(depth int) (expression, error) {
	if depth > maxDepth {
		return nil, c.fault("the condition is nested too deep")
	}
	var parts anyOf
	for {
		part, err := c.both(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if !c.take("or") {
			return parts, nil
		}
	}
}

func (c *conditionParser) both(depth int) (expression, error) {
	var parts allOf
	for {
		part, err := c.unary(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if !c.take("and") {
			return parts, nil
		}
	}
}

func (c *conditionParser) unary(depth int) (expression, error) {
	if depth > maxDepth {
		return nil, c.fault("the condition is nested too deep")
	}
	if c.take("not") {
		part, err := c.unary(depth + 1)
		return not{part}, err
	}
	if c.take("(") {
		part, err := c.either(depth + 1)
		if err == nil && !c.take(")") {
			err = c.fault("a bracket is not closed")
		}
		return part, err
	}
	word := c.peek()
	if word == "" {
		return nil, c.fault("the condition ends where a selection is due")
	}
	c.at++
	if c.take("of") {
		return c.quantified(word)
	}
	if made := c.named[word]; made != nil {
		return made, nil
	}
	return nil, c.fault("the condition names " + word + ", which is no selection")
}

func (c *conditionParser) quantified(count string) (expression, error) {
	pattern := c.peek()
	c.at++
	var parts []expression
	for _, name := range c.order {
		fits, err := path.Match(pattern, name)
		if err != nil {
			return nil, c.fault("bad pattern " + pattern)
		}
		fits = fits && (!strings.HasPrefix(name, "_") || strings.HasPrefix(pattern, "_"))
		if fits || pattern == "them" && !strings.HasPrefix(name, "_") {
			parts = append(parts, c.named[name])
		}
	}
	if len(parts) == 0 && pattern == "them" {
		return nil, c.fault("them is no selection, since those beginning with _ are left out")
	}
	if len(parts) == 0 {
		return nil, c.fault("no selection is named " + pattern)
	}
	switch strings.ToLower(count) {
	case "1", "any":
		return anyOf(parts), nil
	case "all":
		return allOf(parts), nil
	}
	return nil, c.fault(count + " of is not known")
}
