package sigma

import (
	"fmt"
	"slices"
	"strings"
)

// Combining is a temporal correlation's condition over the names of its rules: one of them, or some combined.
type Combining struct {
	Rule int    // index into the correlation's rules, where Word is ""
	Word string // and, or, not; "" for a rule
	Of   []*Combining
}

// Holds reports whether the condition holds when the rules that seen says have matched.
func (c *Combining) Holds(seen func(rule int) bool) bool {
	switch c.Word {
	case "and":
		return c.Of[0].Holds(seen) && c.Of[1].Holds(seen)
	case "or":
		return c.Of[0].Holds(seen) || c.Of[1].Holds(seen)
	case "not":
		return !c.Of[0].Holds(seen)
	}
	return seen(c.Rule)
}

// Negated are the rules that must not match, of a condition that only joins by and.
func (c *Combining) Negated() (rules []int) {
	if c.Word == "not" {
		return []int{c.Of[0].Rule}
	}
	for _, part := range c.Of {
		rules = append(rules, part.Negated()...)
	}
	return rules
}

// Growing reports whether more matches never make it false.
func (c *Combining) Growing() bool {
	return c.Word != "not" && !slices.ContainsFunc(c.Of, func(part *Combining) bool { return !part.Growing() })
}

// combiner reads a condition by precedence: not, and, or.
type combiner struct {
	words []string
	rules []string
	depth int
}

func parseCombining(text string, rules []string, ordered bool) (*Combining, error) {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	c := &combiner{words: strings.Fields(text), rules: rules}
	made, err := c.either()
	switch {
	case err != nil:
		return nil, err
	case len(c.words) > 0:
		return nil, fmt.Errorf("the condition goes on at %s", c.words[0])
	case ordered && !made.plain():
		return nil, fmt.Errorf("an order can only be told of names and not names that are joined by and")
	case len(made.Negated()) == len(made.named()) && ordered:
		return nil, fmt.Errorf("the condition names nothing that must happen")
	}
	for i, rule := range rules {
		if ordered && !slices.Contains(made.named(), i) {
			return nil, fmt.Errorf("the condition does not say what becomes of %s", rule)
		}
	}
	return made, nil
}

// plain reports whether the condition is names and not names, joined by and.
func (c *Combining) plain() bool {
	switch c.Word {
	case "and":
		return c.Of[0].plain() && c.Of[1].plain()
	case "not":
		return c.Of[0].Word == ""
	}
	return c.Word == ""
}

func (c *Combining) named() (rules []int) {
	if c.Word == "" {
		return []int{c.Rule}
	}
	for _, part := range c.Of {
		rules = append(rules, part.named()...)
	}
	return rules
}

func (c *combiner) next(word string) bool {
	if len(c.words) == 0 || !strings.EqualFold(c.words[0], word) {
		return false
	}
	c.words = c.words[1:]
	return true
}

func (c *combiner) either() (*Combining, error) { return c.joined("or", c.both) }

func (c *combiner) both() (*Combining, error) { return c.joined("and", c.one) }

func (c *combiner) joined(word string, part func() (*Combining, error)) (*Combining, error) {
	left, err := part()
	for err == nil && c.next(word) {
		var right *Combining
		right, err = part()
		left = &Combining{Word: word, Of: []*Combining{left, right}}
	}
	return left, err
}

func (c *combiner) one() (*Combining, error) {
	if c.depth++; c.depth > maxDepth {
		return nil, fmt.Errorf("the condition is nested too deep")
	}
	defer func() { c.depth-- }()
	if c.next("not") {
		part, err := c.one()
		return &Combining{Word: "not", Of: []*Combining{part}}, err
	}
	if c.next("(") {
		part, err := c.either()
		if err == nil && !c.next(")") {
			err = fmt.Errorf("a bracket of the condition is not closed")
		}
		return part, err
	}
	if len(c.words) == 0 {
		return nil, fmt.Errorf("the condition ends too early")
	}
	rule := slices.Index(c.rules, c.words[0])
	if rule < 0 {
		return nil, fmt.Errorf("the condition names %s, which is not among its rules", c.words[0])
	}
	c.words = c.words[1:]
	return &Combining{Rule: rule}, nil
}
