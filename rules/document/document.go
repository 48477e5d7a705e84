// Package document reads YAML documents as trees that know their lines. It is all that the two readings of a rule, the
// plain one and the engine's, have in common.
package document

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Kind is what a node of a document is.
type Kind int

// The kinds.
const (
	Null Kind = iota
	Text
	Number
	Boolean
	List
	Mapping
)

// Place is where something stands in a file.
type Place struct {
	Line, Column int // from 1; a column counts characters
}

// Node is one value of a YAML document, with its place.
type Node struct {
	Kind Kind
	Text string // of a scalar, as written
	Keys []*Node
	Kids []*Node // a list's elements, or a mapping's values beside Keys
	Place
}

// Error is why a file can't be read, where, and how it is mended.
type Error struct {
	Place
	Text, Mend string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// In is the error with its file's name.
func (e *Error) In(file string) error {
	return fmt.Errorf("%s:%d:%d: %s; %s", file, e.Line, e.Column, e.Text, e.Mend)
}

// Child is a mapping's value, nil if it has none of that name.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	for i, key := range n.Keys {
		if key.Text == name {
			return n.Kids[i]
		}
	}
	return nil
}

// Word is a scalar child's text, "" if there is none.
func (n *Node) Word(name string) string {
	if kid := n.Child(name); kid != nil && kid.Kind != List && kid.Kind != Mapping {
		return kid.Text
	}
	return ""
}

// Words are a list's scalars, or the one scalar.
func (n *Node) Words() (words []string) {
	if n == nil {
		return nil
	}
	if n.Kind == List {
		for _, kid := range n.Kids {
			words = append(words, kid.Text)
		}
		return words
	}
	if n.Text != "" {
		words = append(words, n.Text)
	}
	return words
}

// Read returns every document of a file as a tree; empty documents are left out. Why it can't is an Error.
func Read(content []byte) (trees []*Node, err error) {
	content, wrong := text(content)
	if wrong != nil {
		return nil, wrong
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, parseError(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		t := &treeBuilder{anchors: map[string]anchored{}}
		tree := t.build(doc.Body)
		if t.fault != nil {
			return nil, t.fault
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

func parseError(err error) *Error {
	wrong := &Error{Place{1, 1}, err.Error(), "write it as YAML"}
	if placed, ok := errors.AsType[yaml.Error](err); ok {
		wrong.Place, wrong.Text = placeOf(placed.GetToken().Position), placed.GetMessage()
	}
	switch {
	case strings.Contains(wrong.Text, "character '\t'"):
		wrong.Text, wrong.Mend = "a tab stands where YAML wants spaces", "indent with spaces"
	case strings.Contains(wrong.Text, "already defined"):
		wrong.Mend = "write the key once, with a list of both values, or give one another name"
	}
	return wrong
}

func placeOf(at *token.Position) Place { return Place{at.Line, at.Column} }

// maxNodes bounds a document; aliases count by what they stand for.
const maxNodes = 300_000

type treeBuilder struct {
	anchors map[string]anchored
	nodes   int
	fault   *Error
}

// anchored is what an alias stands for.
type anchored struct {
	node *Node
	size int
}

func (t *treeBuilder) build(from ast.Node) *Node {
	at := Place{1, 1}
	if first := from.GetToken(); first != nil {
		at = placeOf(first.Position)
	}
	if !t.count(1, at) {
		return &Node{Place: at}
	}
	switch from := from.(type) {
	case *ast.MappingNode:
		return t.mapping(from.Values, at)
	case *ast.MappingValueNode:
		return t.mapping([]*ast.MappingValueNode{from}, at)
	case *ast.SequenceNode:
		made := &Node{Kind: List, Place: at}
		for _, value := range from.Values {
			made.Kids = append(made.Kids, t.build(value))
		}
		return made
	case *ast.AnchorNode:
		before := t.nodes
		made := t.build(from.Value)
		t.anchors[from.Name.GetToken().Value] = anchored{made, t.nodes - before}
		return made
	case *ast.AliasNode:
		return t.alias(from.Value.GetToken().Value, at)
	case *ast.TagNode:
		return t.build(from.Value)
	}
	return scalar(from, at)
}

// count counts values, and reports whether there may be as many.
func (t *treeBuilder) count(nodes int, at Place) bool {
	if t.nodes += nodes; t.nodes > maxNodes && t.fault == nil {
		t.fault = &Error{at, fmt.Sprintf("the document has more than %d values, aliases counted by what they stand for", maxNodes), "cut it into several files"}
	}
	return t.fault == nil
}

func (t *treeBuilder) alias(name string, at Place) *Node {
	stands, known := t.anchors[name]
	if !known && t.fault == nil {
		t.fault = &Error{at, "no anchor &" + name + " stands before the alias *" + name, "write the value out, or put it in quotes if it begins with *"}
	}
	if !t.count(stands.size, at) {
		return &Node{Place: at}
	}
	return stands.node
}

func (t *treeBuilder) mapping(values []*ast.MappingValueNode, at Place) *Node {
	made := &Node{Kind: Mapping, Place: at}
	if len(values) > 0 {
		made.Place = placeOf(values[0].Key.GetToken().Position)
	}
	for _, pair := range values {
		key := &Node{Kind: Text, Text: keyText(pair.Key), Place: placeOf(pair.Key.GetToken().Position)}
		value := t.build(pair.Value)
		if value.Kind == Null {
			value.Place = key.Place
		}
		made.Keys, made.Kids = append(made.Keys, key), append(made.Kids, value)
	}
	return made
}

func keyText(key ast.MapKeyNode) string {
	if scalar, ok := key.(ast.ScalarNode); ok {
		if s, ok := scalar.GetValue().(string); ok {
			return s
		}
	}
	return key.GetToken().Value
}

func scalar(from ast.Node, at Place) *Node {
	switch from := from.(type) {
	case *ast.NullNode:
		return &Node{Place: at}
	case *ast.BoolNode:
		return &Node{Kind: Boolean, Text: strings.ToLower(from.GetToken().Value), Place: at}
	case *ast.IntegerNode, *ast.FloatNode:
		return &Node{Kind: Number, Text: from.GetToken().Value, Place: at}
	case *ast.LiteralNode:
		return &Node{Kind: Text, Text: from.Value.Value, Place: at}
	case *ast.StringNode:
		return &Node{Kind: Text, Text: from.Value, Place: at}
	}
	return &Node{Kind: Text, Text: from.GetToken().Value, Place: at}
}
