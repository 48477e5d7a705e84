// Package engine finds out which of many rules an event matches, from the event's JSON as it came.
//
// Rules become tests of fields, each asked at most once for an event, and steps that join them. For each class of events
// (log source and shape) a sieve holds for every rule the rarest sign without which it cannot match; one pass over the
// bytes finds the fields that any rule names, the sieve looks at them as they are spelled, and only rules whose sign was
// seen are evaluated. An event without candidates costs no allocation.
//
// What rules mean is read off package sigma, which evaluates them plainly; tests hold the two against each other.
package engine

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// Rule is one rule to compile: a Sigma rule, or a native one whose Native is set.
type Rule struct {
	Detection                  *document.Node
	Filters                    []*document.Node
	Product, Category, Service string
	Native                     *Native
}

// Refusal is why a rule was not compiled. It matches nothing; the others do not mind.
type Refusal struct {
	Rule int // its place among the rules
	Line int
	Text string
}

// Program is a compiled set of rules. It is safe for concurrent use.
type Program struct {
	layout *layout
	tests  []test
	steps  []step
	rules  []compiled
	weight []float64 // by step

	common atomic.Pointer[rarity] // of the last sample

	mu      sync.Mutex
	classes map[string]*class
}

type compiled struct {
	condition                  int32 // -1 for a refused rule
	product, category, service string
	mapping                    string // of a native rule
	sure                       bool
}

// Compile makes a program of rules. lists are the values of placeholders; mappings are tried on an event in their order.
func Compile(rules []Rule, lists map[string][]string, mappings ...*logsource.Shape) (*Program, []Refusal) {
	c := &compiler{layout: newLayout(mappings), lists: lists, index: map[string]int32{}}
	p := &Program{layout: c.layout, classes: map[string]*class{}}
	var refused []Refusal
	for i, rule := range rules {
		made, err := c.rule(rule)
		if err != nil {
			fault := Refusal{i, 1, err.Error()}
			if at, ok := errors.AsType[*wrong](err); ok {
				fault = Refusal{i, at.line, at.text}
			}
			refused = append(refused, fault)
			made.condition = -1
		}
		p.rules = append(p.rules, made)
	}
	for _, mark := range logsource.Shippers {
		c.layout.known.shippers = append(c.layout.known.shippers, c.layout.tree.lead(0, mark))
	}
	c.layout.renumber()
	c.layout.tree.seal()
	p.tests, p.steps = c.tests, c.steps
	p.weigh()
	return p, refused
}

func (c *compiler) rule(rule Rule) (made compiled, err error) {
	made = compiled{product: rule.Product, category: rule.Category, service: rule.Service, sure: true}
	if rule.Native != nil {
		made.mapping, made.sure = rule.Native.Mapping, false
		made.condition = c.native(rule.Native)
		return made, nil
	}
	made.condition, err = c.detection(rule.Detection)
	for _, filter := range rule.Filters {
		if err != nil {
			break
		}
		var narrowed int32
		narrowed, err = c.detection(filter)
		made.condition = c.join(opAnd, []int32{made.condition, narrowed})
	}
	return made, err
}
