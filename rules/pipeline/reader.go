package pipeline

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// reader reads a pipeline strictly and gathers all that is wrong with it.
type reader struct {
	file   string
	faults []sigma.Fault
}

func (rd *reader) refuse(at *document.Node, text, mend string) {
	rd.faults = append(rd.faults, sigma.Fault{File: rd.file, Line: at.Line, Column: at.Column, Text: text, Mend: mend})
}

// queryText are the parts of a pipeline that work on the text of queries.
var queryText = []string{"postprocessing", "finalizers"}

func (rd *reader) pipeline(tree *document.Node) *Pipeline {
	p := &Pipeline{File: rd.file, Name: tree.Word("name"), vars: map[string][]string{}}
	for i, key := range tree.Keys {
		switch kid := tree.Kids[i]; {
		case slices.Contains(queryText, key.Text):
			if len(kid.Kids) > 0 {
				rd.refuse(key, key.Text+" works on the text of queries, and there is none here", "leave it out")
			}
		case key.Text == "name" || key.Text == "allowed_backends":
		case key.Text == "priority":
			n, err := strconv.Atoi(kid.Text)
			if err != nil {
				rd.refuse(kid, "the priority "+kid.Text+" is no whole number", "write a number: the lowest comes first")
			}
			p.Priority = n
		case key.Text == "vars":
			rd.vars(kid, p.vars)
		case key.Text == "transformations":
			p.items = rd.steps(kid)
		default:
			rd.unknown(key, "key", []string{"name", "priority", "vars", "transformations"})
		}
	}
	return p
}

func (rd *reader) unknown(at *document.Node, what string, known []string) {
	mend := "use one of " + strings.Join(known, ", ")
	if best := document.Nearest(at.Text, known); best != "" {
		mend = "did you mean " + best + "?"
	}
	rd.refuse(at, "unknown "+what+" "+at.Text, mend)
}

func (rd *reader) vars(tree *document.Node, into map[string][]string) {
	for i, key := range tree.Keys {
		if value := tree.Kids[i]; scalarOrList(value) {
			into[key.Text] = value.Words()
		} else {
			rd.refuse(key, "the variable "+key.Text+" is neither a value nor a list of values", "write values")
		}
	}
}

func scalarOrList(n *document.Node) bool {
	return n.Kind != document.Mapping && !slices.ContainsFunc(n.Kids, func(kid *document.Node) bool {
		return kid.Kind == document.Mapping || kid.Kind == document.List
	})
}

func (rd *reader) steps(tree *document.Node) (all []*step) {
	if tree.Kind != document.List && tree.Kind != document.Null {
		rd.refuse(tree, "transformations is no list", "begin each with - type:")
	}
	for _, item := range tree.Kids {
		if made := rd.step(item); made != nil {
			all = append(all, made)
		}
	}
	return all
}

// ofEvery are the keys that a transformation of any type may have.
var ofEvery = []string{
	"id", "type", "rule_conditions", "rule_cond_op", "rule_cond_not", "rule_cond_expr", "detection_item_conditions", "detection_item_cond_op",
	"detection_item_cond_not", "detection_item_cond_expr", "field_name_conditions", "field_name_cond_op", "field_name_cond_not", "field_name_cond_expr",
}

func (rd *reader) step(tree *document.Node) *step {
	kind := tree.Child("type")
	if kind == nil {
		rd.refuse(tree, "the transformation has no type", "add type:")
		return nil
	}
	if why, ok := notHere[kind.Text]; ok {
		rd.refuse(kind, kind.Text+" "+why.text, why.mend)
		return nil
	}
	known := makers()
	maker, ok := known[kind.Text]
	if !ok {
		rd.unknown(kind, "transformation", slices.Sorted(maps.Keys(known)))
		return nil
	}
	for _, key := range tree.Keys {
		if known := slices.Concat(ofEvery, maker.keys); !slices.Contains(known, key.Text) {
			rd.unknown(key, "key of "+kind.Text, known)
		}
	}
	made := &step{id: tree.Word("id")}
	made.rule = rd.conditions(tree, "rule", ruleTests)
	made.item = rd.conditions(tree, "detection_item", itemTests)
	made.fields = rd.conditions(tree, "field_name", fieldTests)
	before := len(rd.faults)
	if made.does = maker.make(rd, tree); made.does == nil && len(rd.faults) == before {
		rd.refuse(tree, kind.Text+" lacks what it needs", "give it "+strings.Join(maker.keys, ", "))
	}
	return made
}

// text is the value of a key that must be there.
func (rd *reader) text(tree *document.Node, key string) string {
	found := tree.Child(key)
	if found == nil || found.Kind == document.List || found.Kind == document.Mapping {
		rd.refuse(tree, "no "+key+" of "+tree.Word("type"), "add "+key+":")
		return ""
	}
	return found.Text
}

func (rd *reader) flag(tree *document.Node, key string) bool {
	found := tree.Child(key)
	if found != nil && found.Text != "true" && found.Text != "false" {
		rd.refuse(found, key+" is neither true nor false", "write true or false")
	}
	return found != nil && found.Text == "true"
}

// one reads a key that must be one of some words; the first one is meant if it is not there.
func (rd *reader) one(tree *document.Node, key string, of ...string) string {
	found := tree.Child(key)
	if found == nil {
		return of[0]
	}
	if !slices.Contains(of, found.Text) {
		rd.unknown(found, key, of)
	}
	return found.Text
}

// pattern compiles a regular expression. begin ties it to the begin of the text.
func (rd *reader) pattern(at *document.Node, begin bool) *regexp.Regexp {
	text := at.Text
	if begin {
		text = "^(?:" + text + ")"
	}
	made, err := regexp.Compile(text)
	if err != nil {
		rd.refuse(at, at.Text+" is no regular expression (RE2): "+err.Error(), "write it without look-around and back references")
		return regexp.MustCompile("$^")
	}
	return made
}

// names reads a mapping of a text to one or several.
func (rd *reader) names(tree *document.Node, key string) (found []renaming) {
	from := tree.Child(key)
	if from == nil || from.Kind != document.Mapping {
		rd.refuse(tree, "no "+key+" of "+tree.Word("type"), "add "+key+": with names")
		return nil
	}
	for i, name := range from.Keys {
		if !scalarOrList(from.Kids[i]) {
			rd.refuse(name, name.Text+" is mapped to neither a name nor names", "write a name or a list of names")
		}
		found = append(found, renaming{name.Text, from.Kids[i].Words()})
	}
	return found
}

// renaming are the names that take a name's place.
type renaming struct {
	from string
	to   []string
}
