package sigma

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// kind is what a node of a document is.
type kind int

const (
	null kind = iota
	text
	number
	boolean
	list
	mapping
)

// node is one value of a YAML document, with its line.
type node struct {
	kind kind
	text string // of a scalar, as written
	keys []*node
	kids []*node // a list's elements, or a mapping's values beside keys
	line int
}

// child is a mapping's value, nil if it has none of that name.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for i, key := range n.keys {
		if key.text == name {
			return n.kids[i]
		}
	}
	return nil
}

// word is a scalar child's text, "" if there is none.
func (n *node) word(name string) string {
	if kid := n.child(name); kid != nil && kid.kind != list && kid.kind != mapping {
		return kid.text
	}
	return ""
}

func (n *node) words() (words []string) {
	if n == nil {
		return nil
	}
	if n.kind == list {
		for _, kid := range n.kids {
			words = append(words, kid.text)
		}
		return words
	}
	if n.text != "" {
		words = append(words, n.text)
	}
	return words
}

// documents reads every document of a file as a tree. Empty documents are left out.
func documents(content []byte) (trees []*node, err error) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		if placed, ok := errors.AsType[yaml.Error](err); ok {
			return nil, &fault{placed.GetToken().Position.Line, placed.GetMessage(), "write it as YAML"}
		}
		return nil, &fault{1, err.Error(), "write it as YAML"}
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		t := &treeBuilder{anchors: map[string]*node{}}
		tree := t.build(doc.Body)
		if t.nodes > maxNodes {
			return nil, &fault{1, fmt.Sprintf("the document has more than %d values", maxNodes), "split it"}
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// maxNodes bounds a document; aliases count by what they stand for.
const maxNodes = 1_000_000

type treeBuilder struct {
	anchors map[string]*node
	nodes   int
}

func (t *treeBuilder) build(from ast.Node) *node {
	t.nodes++
	line := 1
	if token := from.GetToken(); token != nil {
		line = token.Position.Line
	}
	switch from := from.(type) {
	case *ast.MappingNode:
		return t.mapping(from.Values, line)
	case *ast.MappingValueNode:
		return t.mapping([]*ast.MappingValueNode{from}, line)
	case *ast.SequenceNode:
		made := &node{kind: list, line: line}
		for _, value := range from.Values {
			made.kids = append(made.kids, t.build(value))
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
		return &node{line: line}
	case *ast.TagNode:
		return t.build(from.Value)
	}
	return scalar(from, line)
}

func (t *treeBuilder) mapping(values []*ast.MappingValueNode, line int) *node {
	made := &node{kind: mapping, line: line}
	if len(values) > 0 {
		made.line = values[0].Key.GetToken().Position.Line
	}
	for _, pair := range values {
		key := &node{kind: text, text: keyText(pair.Key), line: pair.Key.GetToken().Position.Line}
		value := t.build(pair.Value)
		if value.kind == null {
			value.line = key.line
		}
		made.keys, made.kids = append(made.keys, key), append(made.kids, value)
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

func scalar(from ast.Node, line int) *node {
	switch from := from.(type) {
	case *ast.NullNode:
		return &node{line: line}
	case *ast.BoolNode:
		return &node{kind: boolean, text: strings.ToLower(from.GetToken().Value), line: line}
	case *ast.IntegerNode, *ast.FloatNode:
		return &node{kind: number, text: from.GetToken().Value, line: line}
	case *ast.LiteralNode:
		return &node{kind: text, text: from.Value.Value, line: line}
	case *ast.StringNode:
		return &node{kind: text, text: from.Value, line: line}
	}
	return &node{kind: text, text: from.GetToken().Value, line: line}
}

func size(n *node) (nodes int) {
	nodes = 1
	for _, kid := range n.kids {
		nodes += size(kid)
	}
	return nodes
}
