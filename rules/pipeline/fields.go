package pipeline

import (
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// rename gives a field other names; nil leaves it as it is.
type rename func(field string) []string

// renameStep is every transformation of names.
type renameStep struct{ to rename }

func (t renameStep) apply(r *run, s *step) error {
	if r.correlation() != nil {
		return r.renameCorrelation(s, t.to)
	}
	return r.replace(s, func(i *item) ([]group, error) {
		referred, err := r.renameReferences(s, i, t.to)
		if err != nil {
			return nil, err
		}
		names, err := r.names(s, i.field, t.to)
		if err != nil || names == nil && !referred {
			return nil, err
		}
		if names == nil {
			names = []string{i.field}
		}
		all := []group{}
		for _, name := range names {
			made := i.clone()
			made.field = name
			all = append(all, group{made})
		}
		return all, nil
	})
}

// names are those that a step gives a field; nil for none.
func (r *run) names(s *step, field string, to rename) ([]string, error) {
	if field == "" {
		return nil, nil
	}
	names := to(field)
	if names == nil {
		return nil, nil
	}
	holds, err := s.fields.hold(r, &subject{nil, field})
	if err != nil || !holds {
		return nil, err
	}
	for _, name := range names {
		ids := map[string]bool{s.id: true}
		for id := range r.renamed[field] {
			ids[id] = true
		}
		r.renamed[name] = ids
	}
	return names, nil
}

// renameReferences changes the fields that an item's values name.
func (r *run) renameReferences(s *step, i *item, to rename) (changed bool, err error) {
	if !i.has("fieldref") {
		return false, nil
	}
	var values []*document.Node
	for _, value := range i.values {
		names, err := r.names(s, value.Text, to)
		if err != nil {
			return false, err
		}
		if names == nil {
			values = append(values, value)
			continue
		}
		changed = true
		for _, name := range names {
			values = append(values, like(value, document.Text, name))
		}
	}
	if changed {
		i.values = values
		i.list = i.list || len(values) > 1
	}
	return changed, nil
}

// renameCorrelation changes the fields by which a correlation groups and counts; what an alias names is no field.
func (r *run) renameCorrelation(s *step, to rename) error {
	from := r.get("correlation")
	if from.Kind != document.Mapping {
		return nil
	}
	made := like(from, document.Mapping, "")
	aliases := from.Child("aliases")
	for i, key := range from.Keys {
		value, err := from.Kids[i], error(nil)
		switch key.Text {
		case "group-by":
			value, err = r.renameValue(s, value, to, aliases)
		case "aliases":
			value, err = r.renameInside(s, value, to, func(string) bool { return true })
		case "condition":
			value, err = r.renameInside(s, value, to, func(name string) bool { return name == "field" })
		}
		if err != nil {
			return err
		}
		made.Keys, made.Kids = append(made.Keys, key), append(made.Kids, value)
	}
	r.head["correlation"] = made
	return nil
}

// renameInside renames the values of those keys of a mapping, at any depth.
func (r *run) renameInside(s *step, from *document.Node, to rename, which func(key string) bool) (*document.Node, error) {
	if from.Kind != document.Mapping {
		return from, nil
	}
	made := like(from, document.Mapping, "")
	for i, key := range from.Keys {
		value, err := from.Kids[i], error(nil)
		if value.Kind == document.Mapping {
			value, err = r.renameInside(s, value, to, which)
		} else if which(key.Text) {
			value, err = r.renameValue(s, value, to, nil)
		}
		if err != nil {
			return nil, err
		}
		made.Keys, made.Kids = append(made.Keys, key), append(made.Kids, value)
	}
	return made, nil
}

// renameValue renames one field or a list of them. Only a list may have several for one.
func (r *run) renameValue(s *step, from *document.Node, to rename, aliases *document.Node) (*document.Node, error) {
	one := from.Kind != document.List
	kids := from.Kids
	if one {
		kids = []*document.Node{from}
	}
	made := like(from, document.List, "")
	for _, kid := range kids {
		names := []string(nil)
		var err error
		if aliases.Child(kid.Text) == nil {
			names, err = r.names(s, kid.Text, to)
		}
		if err != nil {
			return nil, err
		}
		if names == nil {
			names = []string{kid.Text}
		}
		if one && len(names) > 1 {
			return nil, r.refusal(kid, "the pipeline has several names for "+kid.Text+", and a correlation needs one here", "map it to one name for correlations")
		}
		for _, name := range names {
			made.Kids = append(made.Kids, like(kid, document.Text, name))
		}
	}
	if one {
		return made.Kids[0], nil
	}
	return made, nil
}

func (rd *reader) fieldMapping(tree *document.Node) transformation {
	to := map[string][]string{}
	for _, each := range rd.names(tree, "mapping") {
		to[each.from] = each.to
	}
	return renameStep{func(field string) []string { return to[field] }}
}

func (rd *reader) prefixMapping(tree *document.Node) transformation {
	prefixes := rd.names(tree, "mapping")
	return renameStep{func(field string) (names []string) {
		for _, each := range prefixes {
			if rest, ok := strings.CutPrefix(field, each.from); ok {
				for _, to := range each.to {
					names = append(names, to+rest)
				}
				return names
			}
		}
		return nil
	}}
}

func (rd *reader) suffix(tree *document.Node) transformation {
	suffix := rd.text(tree, "suffix")
	return renameStep{func(field string) []string { return []string{field + suffix} }}
}

func (rd *reader) prefix(tree *document.Node) transformation {
	prefix := rd.text(tree, "prefix")
	return renameStep{func(field string) []string { return []string{prefix + field} }}
}

// dropItem takes items out of their selection.
type dropItem struct{}

func (dropItem) apply(r *run, s *step) error {
	return r.replace(s, func(*item) ([]group, error) { return []group{{}}, nil })
}

// hashes splits Hashes: MD5=... into one field for each kind of hash.
type hashes struct {
	kinds  []string
	prefix string
	plain  bool // the field is the prefix alone
	from   []string
}

// hashLengths tell the kind of a hash without a name.
var hashLengths = map[int]string{32: "MD5", 40: "SHA1", 64: "SHA256", 128: "SHA512"}

func (h hashes) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		if !contains(h.from, i.field) || !i.texts() {
			return nil, nil
		}
		var all []group
		at := map[string]*item{}
		for _, value := range i.values {
			if value.Kind != document.Text {
				return nil, nil
			}
			field, hash := h.field(value.Text)
			if field == "" {
				continue
			}
			if at[field] == nil {
				at[field] = &item{field: field, key: i.key, list: true, ids: map[string]bool{}}
				all = append(all, group{at[field]})
			}
			at[field].values = append(at[field].values, like(value, document.Text, hash))
		}
		if all == nil {
			return nil, r.refusal(i.key, "no value of "+i.field+" is one of the hashes "+strings.Join(h.kinds, ", "), "name its kind in valid_hash_algos")
		}
		return all, nil
	})
}

// field is where a hash goes, "" if its kind is not wanted, and the hash.
func (h hashes) field(written string) (field, hash string) {
	kind, hash, named := strings.Cut(written, "|")
	if !named {
		kind, hash, named = strings.Cut(written, "=")
	}
	if !named {
		kind, hash = "", written
	}
	kind, hash = strings.ToUpper(strings.TrimLeft(kind, "*")), strings.Trim(hash, "*?")
	if !named {
		kind = hashLengths[len(hash)]
	}
	if !contains(h.kinds, kind) {
		return "", ""
	}
	if h.plain {
		kind = ""
	}
	return h.prefix + kind, hash
}

func (rd *reader) hashes(tree *document.Node) transformation {
	h := hashes{kinds: tree.Child("valid_hash_algos").Words(), prefix: tree.Word("field_prefix"), plain: rd.flag(tree, "drop_algo_prefix"), from: tree.Child("field_to_parse").Words()}
	if len(h.kinds) == 0 {
		rd.refuse(tree, "hashes_fields has no valid_hash_algos", "add valid_hash_algos: [MD5, SHA1, SHA256]")
	}
	if len(h.from) == 0 {
		h.from = []string{"Hashes", "Hash"}
	}
	return h
}
