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
type Place struct{ Line, Column int } // from 1; column 0 is not known

// Node is one value of a YAML document, with its place.
type Node struct {
	Kind Kind
	Text string // of a scalar, as written
	Keys []*Node
	Kids []*Node // a list's elements, or a mapping's values beside Keys
	Place
}

// Error is why a file can't be read, and where.
type Error struct {
	Place
	Text string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

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

// Read returns every document of a file as a tree; empty documents are left out.
func Read(content []byte) (trees []*Node, err error) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		if placed, ok := errors.AsType[yaml.Error](err); ok {
			return nil, &Error{placeOf(placed.GetToken()), placed.GetMessage()}
		}
		return nil, &Error{Place{Line: 1}, err.Error()}
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		t := &treeBuilder{anchors: map[string]*Node{}}
		tree := t.build(doc.Body)
		if t.nodes > maxNodes {
			return nil, &Error{Place{Line: 1}, fmt.Sprintf("a document has more than %d values", maxNodes)}
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// maxNodes bounds a document; aliases count by what they stand for.
const maxNodes = 1_000_000

type treeBuilder struct {
	anchors map[string]*Node
	nodes   int
}

func (t *treeBuilder) build(from ast.Node) *Node {
	t.nodes++
	at := placeOf(from.GetToken())
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
		made := t.build(from.Value)
		t.anchors[from.Name.GetToken().Value] = made
		return made
	case *ast.AliasNode:
		if made := t.anchors[from.Value.GetToken().Value]; made != nil {
			t.nodes += size(made)
			return made
		}
		return &Node{Place: at}
	case *ast.TagNode:
		return t.build(from.Value)
	}
	made := scalar(from)
	made.Place = at
	return made
}

func (t *treeBuilder) mapping(values []*ast.MappingValueNode, at Place) *Node {
	if len(values) > 0 {
		at = placeOf(values[0].Key.GetToken())
	}
	made := &Node{Kind: Mapping, Place: at}
	for _, pair := range values {
		at := placeOf(pair.Key.GetToken())
		key := &Node{Kind: Text, Text: keyText(pair.Key), Place: at}
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

// placeOf is where a token stands; the first line for none.
func placeOf(from *token.Token) Place {
	if from == nil || from.Position == nil {
		return Place{Line: 1}
	}
	return Place{from.Position.Line, from.Position.Column}
}

func scalar(from ast.Node) *Node {
	switch from := from.(type) {
	case *ast.NullNode:
		return &Node{}
	case *ast.BoolNode:
		return &Node{Kind: Boolean, Text: strings.ToLower(from.GetToken().Value)}
	case *ast.IntegerNode, *ast.FloatNode:
		return &Node{Kind: Number, Text: from.GetToken().Value}
	case *ast.LiteralNode:
		return &Node{Kind: Text, Text: from.Value.Value}
	case *ast.StringNode:
		return &Node{Kind: Text, Text: from.Value}
	}
	return &Node{Kind: Text, Text: from.GetToken().Value}
}

func size(n *Node) (nodes int) {
	nodes = 1
	for _, kid := range n.Kids {
		nodes += size(kid)
	}
	return nodes
}
