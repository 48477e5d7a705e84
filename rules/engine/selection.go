package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// compiler gathers the tests and steps of all rules; equal tests are one.
type compiler struct {
	layout *layout
	lists  map[string][]string
	tests  []test
	index  map[string]int32
	steps  []step
	none   dear

	spelled int // texts of the detection that windash made
}

// join is a step over several; one alone is itself.
func (c *compiler) join(op operation, kids []int32) int32 {
	if len(kids) == 1 && op != opNot {
		return kids[0]
	}
	c.steps = append(c.steps, step{op: op, kids: kids})
	return int32(len(c.steps) - 1)
}

func (c *compiler) test(t test) int32 {
	if t.dear == nil {
		t.dear = &c.none
	}
	key := t.key()
	at, known := c.index[key]
	if !known {
		at = int32(len(c.tests))
		c.tests, c.index[key] = append(c.tests, t), at
	}
	c.steps = append(c.steps, step{op: opTest, arg: at})
	return int32(len(c.steps) - 1)
}

func (c *compiler) selection(tree *document.Node) (int32, error) {
	if slices.Contains([]document.Kind{document.Text, document.Number, document.Boolean}, tree.Kind) {
		return c.item("", tree.Line, tree)
	}
	op := opOr
	var parts []int32
	for i, kid := range tree.Kids {
		var made int32
		var err error
		if tree.Kind == document.Mapping {
			op = opAnd
			made, err = c.item(tree.Keys[i].Text, tree.Keys[i].Line, kid)
		} else {
			made, err = c.selection(kid)
		}
		if err != nil {
			return 0, err
		}
		parts = append(parts, made)
	}
	if len(parts) == 0 {
		return 0, &wrong{tree.Line, "the selection is empty"}
	}
	return c.join(op, parts), nil
}

// line is one line of a selection while it is compiled.
type line struct {
	*compiler
	field    int32
	name     string
	keyword  bool
	reads    bool // some modifier asks for a value's text
	does     map[string]bool
	operator string // gt and its like, or ""
	part     string // minute and its like, or ""
	flags    string // of a regular expression
	number   int    // of the line
	unknown  bool   // a list that a value names is not there
}

// meaning are the modifiers' short names, and what each is.
var meaning = map[string]string{
	"contains": "place", "startswith": "place", "endswith": "place", "re": "kind", "cidr": "kind", "exists": "kind", "fieldref": "kind",
	"gt": "operator", "gte": "operator", "lt": "operator", "lte": "operator", "i": "flag", "m": "flag", "s": "flag",
	"minute": "part", "hour": "part", "day": "part", "week": "part", "month": "part", "year": "part",
	"base64": "code", "base64offset": "code", "utf16": "wide", "utf16le": "wide", "utf16be": "wide",
	"cased": "case", "windash": "dash", "all": "how", "neq": "how", "expand": "how",
}

var aliases = map[string]string{"ignorecase": "i", "multiline": "m", "dotall": "s", "wide": "utf16le"}

func (c *compiler) line(key string, number int) (*line, error) {
	parts := strings.Split(key, "|")
	l := &line{compiler: c, name: parts[0], keyword: parts[0] == "", does: map[string]bool{}, number: number, field: -1}
	count := map[string]int{}
	for _, name := range parts[1:] {
		if short := aliases[name]; short != "" {
			name = short
		}
		if meaning[name] == "" || l.does[name] {
			return nil, &wrong{number, "modifier " + name + " is not known or stands twice"}
		}
		if late := meaning[name] == "wide" || meaning[name] == "dash"; late && count["code"] > 0 {
			return nil, &wrong{number, "modifier " + name + " stands behind base64"}
		}
		l.does[name] = true
		l.reads = l.reads || name != "all" && name != "neq"
		count[meaning[name]]++
		switch meaning[name] {
		case "operator":
			l.operator = name
		case "part":
			l.part = name
		}
	}
	for _, flag := range []string{"i", "m", "s"} {
		if l.does[flag] {
			l.flags += flag
		}
	}
	judging := count["kind"] + max(count["operator"], count["part"])
	rewrites := count["code"]+count["wide"]+count["dash"] > 0 || count["place"]+count["case"] > 0 && !l.does["fieldref"]
	if judging > 0 && rewrites || judging > 1 || count["place"] > 1 || count["code"] > 1 || count["wide"] > 1 || l.flags != "" && !l.does["re"] {
		return nil, &wrong{number, "the modifiers of " + key + " do not go together"}
	}
	if l.keyword && (l.does["exists"] || l.does["fieldref"]) {
		return nil, &wrong{number, "exists and fieldref need a field"}
	}
	if strings.Count(l.name, ".") > maxDots {
		return nil, &wrong{number, "the field's name has too many dots"}
	}
	return l, nil
}

func (c *compiler) item(key string, number int, tree *document.Node) (int32, error) {
	l, err := c.line(key, number)
	if err != nil {
		return 0, err
	}
	values := []*document.Node{tree}
	if tree.Kind == document.List {
		values = tree.Kids
	} else if l.does["all"] {
		return 0, &wrong{number, "all needs a list of values"}
	}
	if !l.keyword {
		l.field = c.layout.field(l.name)
	}
	var parts []int32
	for _, value := range values {
		if value.Kind == document.List || value.Kind == document.Mapping {
			return 0, &wrong{value.Line, "a value of " + key + " is no scalar"}
		}
		made, err := l.value(value.Kind, value.Text, l.does["expand"])
		if err != nil {
			return 0, &wrong{value.Line, fmt.Sprintf("%s: %q: %s", key, value.Text, err)}
		}
		parts = append(parts, made)
	}
	op := opOr
	if l.does["all"] && len(parts) > 0 {
		op = opAnd
	}
	made := c.join(op, parts)
	switch {
	case l.does["neq"] && (l.unknown || len(parts) == 0):
		return c.join(opOr, nil), nil
	case l.does["neq"]:
		made = c.join(opNot, []int32{made})
	}
	return made, nil
}

// value compiles one written value to a step.
func (l *line) value(kind document.Kind, text string, expand bool) (int32, error) {
	t := test{field: l.field, keyword: l.keyword, dear: &dear{}}
	switch {
	case kind == document.Null && l.reads:
		return 0, fmt.Errorf("null has no text")
	case expand:
		return l.expanded(text)
	case l.does["exists"]:
		if text != "true" && text != "false" {
			return 0, fmt.Errorf("neither true nor false")
		}
		t.kind, t.text, t.keyword = isThere, []byte(text), false
	case l.does["fieldref"]:
		if kind != document.Text || text == "" {
			return 0, fmt.Errorf("no field's name")
		}
		t.kind, t.keyword, t.cased = sameAs, false, l.does["cased"]
		t.before, t.after = l.open()
		t.other = l.layout.field(text)
	case l.does["re"]:
		if l.flags != "" {
			text = "(?" + l.flags + ")" + text
		}
		compiled, err := regexp.Compile(text)
		if err != nil {
			return 0, fmt.Errorf("no regular expression: %w", err)
		}
		t.kind, t.text, t.regexp, t.required = matches, []byte(text), compiled, requiredExactly(text)
		t.least, t.run = leastLength(text), requiredRun(text)
	case l.does["cidr"]:
		network, ok := parseNetwork(text)
		if !ok {
			return 0, fmt.Errorf("no network as 192.0.2.0/24")
		}
		t.kind, t.text, t.network = inNetwork, []byte(text), network
	case l.operator != "" || l.part != "":
		bound, err := newBound(l.operator, l.part, text)
		if err != nil {
			return 0, err
		}
		t.kind, t.text, t.bound = compares, []byte(text), bound
	case kind == document.Null:
		t.kind = isNull
	default:
		return l.written(kind, text)
	}
	return l.test(t), nil
}

// open says at which ends of a value other text may stand.
func (l *line) open() (before, after bool) {
	return l.does["contains"] || l.does["endswith"], l.does["contains"] || l.does["startswith"]
}

func (l *line) written(kind document.Kind, text string) (int32, error) {
	before, after := l.open()
	if l.keyword && !before && !after {
		before, after = true, true
	}
	spellings, err := l.spellings(text)
	if err != nil {
		return 0, err
	}
	var any []int32
	for _, pattern := range spellings {
		any = append(any, l.test(patterned(test{field: l.field, keyword: l.keyword, cased: l.does["cased"]}, pattern, before, after)))
	}
	if kind == document.Number && len(l.does) == 0 {
		if bound, err := newBound("", "", text); err == nil {
			bound.numbers = true
			any = append(any, l.test(test{field: l.field, keyword: l.keyword, kind: compares, text: []byte(text), dear: &dear{bound: bound}}))
		}
	}
	return l.join(opOr, any), nil
}
