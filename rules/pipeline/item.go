package pipeline

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// item is one line of a selection: a field, its modifiers and values; or keywords, which have no field.
type item struct {
	field  string
	mods   []string
	values []*document.Node
	list   bool            // the values are written as a list
	bare   bool            // keywords without a key
	key    *document.Node  // where it stands
	ids    map[string]bool // of transformations that changed it
}

// group are items that must all hold; a selection holds if one of its groups does.
type group []*item

func readItem(key, value *document.Node) *item {
	parts := strings.Split(key.Text, "|")
	made := &item{field: parts[0], mods: parts[1:], values: []*document.Node{value}, key: key, ids: map[string]bool{}}
	if value.Kind == document.List {
		made.values, made.list = value.Kids, true
	}
	return made
}

// groups reads a selection. ok is false for one that no rule may have.
func groups(tree *document.Node) (all []group, ok bool) {
	if tree.Kind == document.Mapping {
		var made group
		for i, key := range tree.Keys {
			made = append(made, readItem(key, tree.Kids[i]))
		}
		return []group{made}, !slices.ContainsFunc(tree.Kids, func(kid *document.Node) bool { return !scalarOrList(kid) })
	}
	if tree.Kind == document.List {
		return listed(tree.Kids)
	}
	return []group{{{values: []*document.Node{tree}, bare: true, key: tree, ids: map[string]bool{}}}}, true
}

// listed are the groups of a list. The keywords in it are one item.
func listed(kids []*document.Node) (all []group, ok bool) {
	var words *item
	ok = true
	for _, kid := range kids {
		if kid.Kind == document.Mapping || kid.Kind == document.List {
			inner, fine := groups(kid)
			all, ok = append(all, inner...), ok && fine
			continue
		}
		if words == nil {
			words = &item{list: true, bare: true, key: kid, ids: map[string]bool{}}
			all = append(all, group{words})
		}
		words.values = append(words.values, kid)
	}
	return all, ok
}

// clone is an item that can be changed without the other.
func (i *item) clone() *item {
	made := *i
	made.mods, made.values, made.ids = slices.Clone(i.mods), slices.Clone(i.values), maps.Clone(i.ids)
	return &made
}

// like is a node at another's place.
func like(at *document.Node, kind document.Kind, text string) *document.Node {
	made := *at
	made.Kind, made.Text, made.Keys, made.Kids = kind, text, nil, nil
	return &made
}

// written is the item's key and value.
func (i *item) written() (key, value *document.Node) {
	key = like(i.key, document.Text, strings.Join(append([]string{i.field}, i.mods...), "|"))
	if len(i.values) == 1 && !i.list {
		return key, i.values[0]
	}
	value = like(i.key, document.List, "")
	value.Kids = i.values
	return key, value
}

// writeGroups is a selection of groups.
func writeGroups(at *document.Node, all []group) *document.Node {
	list := like(at, document.List, "")
	for _, g := range all {
		if len(g) == 1 && g[0].bare {
			list.Kids = append(list.Kids, g[0].values...)
			continue
		}
		made := like(at, document.Mapping, "")
		for _, i := range g {
			key, value := i.written()
			made.Keys, made.Kids = append(made.Keys, key), append(made.Kids, value)
		}
		list.Kids = append(list.Kids, made)
	}
	if len(list.Kids) == 1 && (list.Kids[0].Kind == document.Mapping || !all[0][0].list) {
		return list.Kids[0]
	}
	return list
}

// notTexts are modifiers whose values are no texts that pipelines know: expressions, numbers, names, or encoded later.
var notTexts = []string{
	"re", "cidr", "exists", "fieldref", "gt", "gte", "lt", "lte", "minute", "hour", "day", "week", "month", "year", "expand",
	"base64", "base64offset", "wide", "utf16", "utf16le", "utf16be",
}

func contains(all []string, one string) bool { return slices.Contains(all, one) }

func (i *item) has(mod string) bool { return contains(i.mods, mod) }

// texts reports whether the item's texts are values as they are compared.
func (i *item) texts() bool {
	return !slices.ContainsFunc(i.mods, func(mod string) bool { return contains(notTexts, mod) })
}

// text is a value as it is compared, with the wildcards that contains, startswith and endswith stand for; false if it is
// no text.
func (i *item) text(value *document.Node) (text, bool) {
	number := value.Kind == document.Number && (i.has("contains") || i.has("endswith") || i.has("startswith"))
	if value.Kind != document.Text && !number || !i.texts() {
		return nil, false
	}
	made := read(value.Text)
	if i.has("contains") || i.has("endswith") {
		made = append(text{star}, made...)
	}
	if i.has("contains") || i.has("startswith") {
		made = append(made, star)
	}
	return made, true
}

// spread makes the wildcards of contains, startswith and endswith a part of the values; false if a value is no text.
func (i *item) spread() bool {
	rest := slices.DeleteFunc(slices.Clone(i.mods), func(mod string) bool { return mod == "contains" || mod == "startswith" || mod == "endswith" })
	if len(rest) == len(i.mods) {
		return true
	}
	values := make([]*document.Node, len(i.values))
	for k, value := range i.values {
		made, ok := i.text(value)
		if !ok {
			return false
		}
		values[k] = like(value, document.Text, made.spell())
	}
	i.mods, i.values = rest, values
	return true
}
