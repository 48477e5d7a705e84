package sigma

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// item is one line of a selection: a field, and what its values must be.
type item struct {
	field   string // "" for a keyword: any value of the event
	matcher matcher
	absent  bool // holds for a field that is not there
}

// matcher judges one value.
type matcher interface{ matches(v value) bool }

func (i item) holds(e *Event) bool {
	if i.field == "" {
		return slices.ContainsFunc(e.all(), i.matcher.matches)
	}
	found := e.field(i.field)
	if !found.present {
		return i.absent
	}
	return slices.ContainsFunc(found.values, i.matcher.matches)
}

type isNull struct{}

func (isNull) matches(v value) bool { return v.null }

type exists struct {
	field string
	want  bool
}

func (x exists) holds(e *Event) bool { return e.field(x.field).present == x.want }

type expressionMatcher struct{ *regexp.Regexp }

func (m expressionMatcher) matches(v value) bool { return !v.null && m.MatchString(v.text) }

type network struct{ netip.Prefix }

func (n network) matches(v value) bool {
	address, err := netip.ParseAddr(v.text)
	return err == nil && n.Contains(address.Unmap().WithZone(""))
}

// sameAs compares with the value of another field.
type sameAs struct {
	field, other         string
	before, after, cased bool
}

func (s sameAs) holds(e *Event) bool {
	for _, theirs := range e.field(s.other).values {
		if theirs.null {
			continue
		}
		p := newPattern([]rune(theirs.text), s.before, s.after, s.cased)
		if slices.ContainsFunc(e.field(s.field).values, p.matches) {
			return true
		}
	}
	return false
}

// selection reads a mapping (all of its items), a list (any of its elements) or a keyword.
func (p *ruleParser) selection(tree *node) (expression, error) {
	switch tree.kind {
	case mapping:
		var all allOf
		for i, key := range tree.keys {
			made, err := p.item(key, tree.kids[i])
			if err != nil {
				return nil, err
			}
			all = append(all, made)
		}
		if len(all) == 0 {
			return nil, &fault{tree.line, "the selection is empty", "name a field in it"}
		}
		return all, nil
	case list:
		var any anyOf
		for _, kid := range tree.kids {
			made, err := p.selection(kid)
			if err != nil {
				return nil, err
			}
			any = append(any, made)
		}
		if len(any) == 0 {
			return nil, &fault{tree.line, "the selection is empty", "name a field in it"}
		}
		return any, nil
	default: // a keyword
		return p.item(&node{kind: text, line: tree.line}, tree)
	}
}

func (p *ruleParser) item(key, tree *node) (expression, error) {
	name, mods, err := parseModifiers(key)
	if err != nil {
		return nil, err
	}
	values := []*node{tree}
	if tree.kind == list {
		values = tree.kids
	}
	var parts []expression
	for _, v := range values {
		if v.kind == list || v.kind == mapping {
			return nil, &fault{v.line, "a value of " + key.text + " is no scalar", "write a value or a list of values"}
		}
		part, err := p.value(name, mods, v)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	var made expression = anyOf(parts)
	if mods.has("all") {
		if len(parts) < 2 && tree.kind != list {
			return nil, &fault{key.line, "all needs a list of values", "leave all out, or write a list"}
		}
		made = allOf(parts)
	}
	if len(parts) == 0 {
		made = never{}
		p.warnings = append(p.warnings, fault{key.line, key.text + " has an empty list and matches nothing", "write values"})
	}
	if mods.has("neq") {
		made = not{made}
	}
	return made, nil
}

func (p *ruleParser) value(name string, mods modifiers, v *node) (expression, error) {
	bad := func(why string) error {
		return &fault{v.line, fmt.Sprintf("%s: %q %s", name, v.text, why), "correct the value or the modifier"}
	}
	switch {
	case mods.has("expand"):
		return p.expanded(name, mods, v)
	case mods.has("exists"):
		if v.text != "true" && v.text != "false" {
			return nil, bad("is neither true nor false")
		}
		return exists{name, v.text == "true"}, nil
	case mods.has("fieldref"):
		if v.kind != text || v.text == "" {
			return nil, bad("is no field's name")
		}
		return sameAs{name, v.text, mods.has("contains") || mods.has("endswith"), mods.has("contains") || mods.has("startswith"), mods.has("cased")}, nil
	case mods.has("re"):
		made, err := regexp.Compile(mods.flags() + v.text)
		if err != nil {
			return nil, bad("is no regular expression (RE2): " + err.Error())
		}
		return item{name, expressionMatcher{made}, false}, nil
	case mods.has("cidr"):
		made, err := netip.ParsePrefix(v.text)
		if err != nil || made != made.Masked() {
			return nil, bad("is no network as 192.0.2.0/24")
		}
		return item{name, network{made}, false}, nil
	case mods.compares() || mods.part() != "":
		made, err := newComparison(mods, v.text)
		if err != nil {
			return nil, bad("is no number")
		}
		return item{name, made, false}, nil
	case v.kind == null:
		return item{name, isNull{}, true}, nil
	}
	return p.written(name, mods, v, bad)
}

// written is a value that is compared as text, after the modifiers that rewrite it.
func (p *ruleParser) written(name string, mods modifiers, v *node, bad func(string) error) (expression, error) {
	texts, literal, err := mods.rewrite(v.text)
	if err != nil {
		return nil, bad(err.Error())
	}
	before, after := mods.has("contains") || mods.has("endswith"), mods.has("contains") || mods.has("startswith")
	if name == "" && !before && !after {
		before, after = true, true
	}
	var any anyOf
	for _, t := range texts {
		runes := []rune(t)
		if !literal {
			runes = unescape(t)
		}
		any = append(any, item{name, newPattern(runes, before, after, mods.has("cased")), false})
	}
	if v.kind == number && len(mods) == 0 {
		if made, err := newComparison(nil, v.text); err == nil {
			any = append(any, item{name, onlyNumbers{made}, false})
		}
	}
	return any, nil
}

// expanded replaces %name% by the values of the list of that name.
func (p *ruleParser) expanded(name string, mods modifiers, v *node) (expression, error) {
	rest := slices.DeleteFunc(slices.Clone(mods), func(m string) bool { return m == "expand" })
	first := strings.IndexByte(v.text, '%')
	last := strings.LastIndexByte(v.text, '%')
	if first < 0 || last <= first+1 {
		return p.value(name, rest, v)
	}
	values, known := p.lists[v.text[first+1:last]]
	if !known {
		p.warnings = append(p.warnings, fault{v.line, "no list is named " + v.text[first+1:last] + ": " + name + " matches nothing", "add lists/" + v.text[first+1:last] + ".yaml"})
		return never{}, nil
	}
	var any anyOf
	for _, each := range values {
		made, err := p.value(name, rest, &node{kind: text, text: v.text[:first] + each + v.text[last+1:], line: v.line})
		if err != nil {
			return nil, err
		}
		any = append(any, made)
	}
	return any, nil
}
