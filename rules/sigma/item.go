package sigma

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
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

// parseNetwork reads a network, or an address as the network of it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
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
func (p *ruleParser) selection(tree *document.Node) (expression, error) {
	switch tree.Kind {
	case document.Mapping:
		var all allOf
		for i, key := range tree.Keys {
			made, err := p.item(key, tree.Kids[i])
			if err != nil {
				return nil, err
			}
			all = append(all, made)
		}
		if len(all) == 0 {
			return nil, &fault{tree.Place, "the selection is empty", "name a field in it"}
		}
		return all, nil
	case document.List:
		var any anyOf
		for _, kid := range tree.Kids {
			made, err := p.selection(kid)
			if err != nil {
				return nil, err
			}
			any = append(any, made)
		}
		if len(any) == 0 {
			return nil, &fault{tree.Place, "the selection is empty", "name a field in it"}
		}
		return any, nil
	case document.Null:
		return nil, &fault{tree.Place, "the selection is empty", "name a field in it"}
	default: // a keyword
		return p.item(&document.Node{Kind: document.Text, Place: tree.Place}, tree)
	}
}

func (p *ruleParser) item(key, tree *document.Node) (expression, error) {
	name, mods, err := parseModifiers(key)
	if err == nil && p.later != "" && strings.ContainsAny(name, "[]") {
		err = &fault{key.Place, "sigma-version " + p.later + ": " + name + " would look into a list, which Sigma 2.1 does not", "write it without brackets: a list matches by any of its elements"}
	}
	if err != nil {
		return nil, err
	}
	values := []*document.Node{tree}
	if tree.Kind == document.List {
		values = tree.Kids
	}
	var parts []expression
	for _, v := range values {
		if v.Kind == document.List || v.Kind == document.Mapping {
			return nil, &fault{v.Place, "a value of " + key.Text + " is no scalar", "write a value or a list of values"}
		}
		part, err := p.value(name, mods, v)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	var made expression = anyOf(parts)
	if mods.has("all") {
		if len(parts) < 2 && tree.Kind != document.List {
			return nil, &fault{key.Place, "all needs a list of values", "leave all out, or write a list"}
		}
		made = allOf(parts)
	}
	if len(parts) == 0 {
		made = never{}
		p.warnings = append(p.warnings, Remark{key.Place, EmptyList, key.Text + " has an empty list and matches nothing", "write values"})
	}
	if mods.has("neq") {
		if made = (not{made}); len(parts) == 0 || slices.Contains(parts, expression(never{})) {
			made = never{} // what is not known is different from nothing
		}
	}
	if p.explains {
		made = line{made, name, mods, key.Place, values, parts}
	}
	return made, nil
}

func (p *ruleParser) value(name string, mods modifiers, v *document.Node) (expression, error) {
	bad := func(why string) error {
		return &fault{v.Place, fmt.Sprintf("%s: %q %s", name, v.Text, why), "correct the value or the modifier"}
	}
	switch {
	case v.Kind == document.Null && mods.readsText():
		return nil, bad("is null, which has no text for " + strings.Join(mods, " and "))
	case mods.has("expand"):
		return p.expanded(name, mods, v)
	case mods.has("exists"):
		if v.Text != "true" && v.Text != "false" {
			return nil, bad("is neither true nor false")
		}
		return exists{name, v.Text == "true"}, nil
	case mods.has("fieldref"):
		if v.Kind != document.Text || v.Text == "" {
			return nil, bad("is no field's name")
		}
		return sameAs{name, v.Text, mods.has("contains") || mods.has("endswith"), mods.has("contains") || mods.has("startswith"), mods.has("cased")}, nil
	case mods.has("re"):
		made, err := regexp.Compile(mods.flags() + v.Text)
		if err != nil {
			return nil, bad("is no regular expression (RE2): " + err.Error())
		}
		return item{name, expressionMatcher{made}, false}, nil
	case mods.has("cidr"):
		made, err := parseNetwork(v.Text)
		switch {
		case err != nil:
			return nil, bad("is no network as 192.0.2.0/24")
		case made != made.Masked():
			return nil, &fault{v.Place, fmt.Sprintf("%s: %q is an address within a network", name, v.Text), fmt.Sprintf("write %s, or %s for the address alone", made.Masked(), made.Addr())}
		}
		if made.Addr().Is4In6() { // as addresses are read
			made = netip.PrefixFrom(made.Addr().Unmap(), made.Bits()-96)
		}
		return item{name, network{made}, false}, nil
	case mods.compares() || mods.part() != "":
		made, err := newComparison(mods, v.Text)
		if err != nil {
			return nil, bad("is no number")
		}
		if outside := made.outside(); outside != "" {
			return nil, bad(outside)
		}
		return item{name, made, false}, nil
	case v.Kind == document.Null:
		return item{name, isNull{}, true}, nil
	}
	return p.written(name, mods, v, bad)
}

// written is a value that is compared as text, after the modifiers that rewrite it.
func (p *ruleParser) written(name string, mods modifiers, v *document.Node, bad func(string) error) (expression, error) {
	texts, err := mods.rewrite(v.Text)
	if err != nil {
		return nil, bad(err.Error())
	}
	if p.spelled += mods.spellings(v.Text); p.spelled > maxSpelled {
		return nil, bad("has too many spellings for windash, with the values before it")
	}
	before, after := mods.has("contains") || mods.has("endswith"), mods.has("contains") || mods.has("startswith")
	if name == "" && !before && !after {
		before, after = true, true
	}
	var any anyOf
	for _, runes := range texts {
		any = append(any, item{name, newPattern(runes, before, after, mods.has("cased")), false})
	}
	if v.Kind == document.Number && len(mods) == 0 {
		if made, err := newComparison(nil, v.Text); err == nil {
			any = append(any, item{name, onlyNumbers{made}, false})
		}
	}
	return any, nil
}

// expanded replaces each %name% by the values of the list of that name; \% is a percent sign.
func (p *ruleParser) expanded(name string, mods modifiers, v *document.Node) (expression, error) {
	rest := slices.DeleteFunc(slices.Clone(mods), func(m string) bool { return m == "expand" })
	texts := []string{""}
	for _, part := range placeholders.FindAllString(v.Text, -1) {
		values := []string{part}
		switch {
		case part == `\%`:
			values = []string{"%"}
		case len(part) > 2 && part[0] == '%':
			list := part[1 : len(part)-1]
			known, has := p.lists[list]
			if values = known; !has {
				p.warnings = append(p.warnings, Remark{v.Place, NoList, "no list is named " + list + ": " + name + " matches nothing", "add lists/" + list + ".yaml"})
				return never{}, nil
			}
		}
		if texts = joined(texts, values); len(texts) > maxExpanded {
			return nil, &fault{v.Place, "the placeholders stand for too many values", "use shorter lists or fewer placeholders"}
		}
	}
	var any anyOf
	for _, each := range texts {
		made, err := p.value(name, rest, &document.Node{Kind: document.Text, Text: each, Place: v.Place})
		if err != nil {
			return nil, err
		}
		any = append(any, made)
	}
	return any, nil
}

// placeholders cuts a value into escaped characters, placeholders and what lies between.
var placeholders = regexp.MustCompile(`(?s)\\.|%[^%\\]+%|[^\\%]+|.`)

// maxExpanded bounds the values that one written value stands for.
const maxExpanded = 100_000

func joined(heads, tails []string) (all []string) {
	for _, head := range heads {
		for _, tail := range tails {
			all = append(all, head+tail)
		}
	}
	return all
}
