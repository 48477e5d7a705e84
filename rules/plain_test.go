package rules

import (
	"slices"
	"sync"

	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// plain evaluates a library rule by rule on the decoded event, as the rules read. The engine is held against it.
type plain struct {
	library *Library
	mapping *Mapping // nil: by shape
	classes sync.Map // of string to []int
}

// answer is what the plain evaluator finds in one event.
type answer struct {
	ids           []string
	sigma, native int // rules that were tried
	err           error
}

// asked are events of one class.
type asked struct {
	rules  []int
	events []*sigma.Event
	answer []*answer
}

// answers tries the rules on some events; each rule on all events before the next, since the rules are what is large.
func (p *plain) answers(sources [][]byte) []answer {
	all, classes := make([]answer, len(sources)), map[string]*asked{}
	named := ""
	if p.mapping != nil {
		named = p.mapping.ID
	}
	for i, source := range sources {
		root, err := decode(source)
		if err != nil {
			all[i].err = err
			continue
		}
		shaped := newShape(root, p.library.shapes, named)
		p.natives(shaped, &all[i])
		class := classOf(shaped)
		if classes[class.Key()] == nil {
			classes[class.Key()] = &asked{rules: p.route(class)}
		}
		to := classes[class.Key()]
		to.events, to.answer = append(to.events, sigma.NewEvent(root, shaped.lookup)), append(to.answer, &all[i])
		all[i].sigma = len(to.rules)
	}
	for _, class := range classes {
		for _, i := range class.rules {
			rule := p.library.sigma[i]
			for k, event := range class.events {
				if rule.Match(event) {
					class.answer[k].ids = append(class.answer[k].ids, rule.ID)
				}
			}
		}
	}
	for i := range all {
		slices.Sort(all[i].ids)
	}
	return all
}

// natives runs the native rules' programs in expr's machine.
func (p *plain) natives(shaped *shape, into *answer) {
	mapping := p.mapping
	if mapping == nil {
		mapping = p.library.mappings[shaped.mapping]
	}
	if mapping == nil {
		return
	}
	env := mapping.env(shaped, nil)
	for _, rule := range p.library.native {
		if rule.Mapping != mapping.ID {
			continue
		}
		into.native++
		if holds, _ := rule.holds(env); holds {
			into.ids = append(into.ids, rule.ID)
		}
	}
}

// route returns the Sigma rules of a class, which are found once.
func (p *plain) route(class logsource.Class) []int {
	if known, ok := p.classes.Load(class.Key()); ok {
		return known.([]int)
	}
	var rules []int
	for i, rule := range p.library.sigma {
		if class.Takes(rule.Product, rule.Category, rule.Service) {
			rules = append(rules, i)
		}
	}
	p.classes.Store(class.Key(), rules)
	return rules
}

func classOf(s *shape) logsource.Class {
	channel, id := s.word("Channel"), s.word("EventID")
	windows := s.sigma == nil || len(s.sigma.Channels) > 0
	if windows && id != "" && channel != "" {
		return logsource.Windows(channel, id)
	}
	if s.sigma != nil {
		for _, source := range s.sigma.Sources {
			if s.tells(source.When) {
				return source.Class
			}
		}
	}
	if windows && id != "" { // a Windows event, even if it does not name its channel
		return logsource.Windows("", id)
	}
	if s.root["eventSource"] != nil && s.root["eventName"] != nil {
		return logsource.CloudTrail
	}
	if s.root["SyslogMessage"] != nil {
		return logsource.Syslog
	}
	for _, mark := range logsource.Shippers {
		if s.root[mark] != nil {
			return logsource.Windows("", "")
		}
	}
	return logsource.Class{Any: true}
}
