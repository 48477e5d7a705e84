package rules

import (
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// plain evaluates a library rule by rule on the decoded event, as the rules read. The engine is held against it.
type plain struct {
	library *Library
	mapping *Mapping // nil: by shape
	classes sync.Map // of string to []int
	tried   int      // rules on the last event
}

func (p *plain) match(source []byte) ([]string, error) {
	root, err := decode(source)
	if err != nil {
		return nil, err
	}
	named := ""
	if p.mapping != nil {
		named = p.mapping.ID
	}
	shaped := newShape(root, p.library.shapes, named)
	mapping := p.mapping
	if mapping == nil {
		mapping = p.library.mappings[shaped.mapping]
	}
	var ids []string
	for _, rule := range p.library.native {
		if mapping == nil || rule.Mapping != mapping.ID {
			continue
		}
		if holds, _ := rule.holds(mapping.env(shaped)); holds {
			ids = append(ids, rule.ID)
		}
	}
	event, routed := sigma.NewEvent(root, shaped.lookup), p.route(shaped)
	p.tried = len(routed)
	for _, i := range routed {
		if rule := p.library.sigma[i]; rule.Match(event) {
			ids = append(ids, rule.ID)
		}
	}
	slices.SortFunc(ids, strings.Compare)
	return ids, nil
}

// route returns the Sigma rules of the event's class, which is made once.
func (p *plain) route(shaped *shape) []int {
	class := classOf(shaped, p.mapping == nil)
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

func classOf(s *shape, auto bool) logsource.Class {
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
	return logsource.Class{Any: auto, None: !auto}
}
