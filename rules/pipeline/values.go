package pipeline

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// valueStep changes each text of the items that it is for; nil leaves a text as it is, and several take its place.
type valueStep struct {
	change  func(text) []text
	numbers bool // they are texts too
}

func (t valueStep) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		made := i.clone()
		if !made.texts() || !made.spread() {
			return nil, nil
		}
		var values []*document.Node
		changed := false
		for _, value := range made.values {
			var texts []text
			if value.Kind == document.Text || value.Kind == document.Number && t.numbers {
				texts = t.change(read(value.Text))
			}
			if texts == nil {
				values = append(values, value)
				continue
			}
			changed = true
			for _, each := range texts {
				values = append(values, like(value, document.Text, each.spell()))
			}
		}
		if !changed {
			return nil, nil
		}
		made.values, made.list = values, made.list || len(values) != 1
		return []group{{made}}, nil
	})
}

// pythons are references in a replacement as Python writes them: \1, \g<1>, \g<name>.
var pythons = regexp.MustCompile(`\\g<(\w+)>|\\(\d)|\\(.)`)

// goReplacement spells a replacement as this language does.
func goReplacement(python string) string {
	return pythons.ReplaceAllStringFunc(strings.ReplaceAll(python, "$", "$$"), func(found string) string {
		part := pythons.FindStringSubmatch(found)
		if part[1]+part[2] != "" {
			return "${" + part[1] + part[2] + "}"
		}
		if part[3] == `\` {
			return `\`
		}
		return found
	})
}

func (rd *reader) replaceString(tree *document.Node) transformation {
	at, replacement := tree.Child("regex"), goReplacement(rd.text(tree, "replacement"))
	if at == nil {
		rd.refuse(tree, "no regex of replace_string", "add regex:")
		return nil
	}
	found := rd.pattern(at, false)
	inner, wild := rd.flag(tree, "skip_special"), rd.flag(tree, "interpret_special")
	change := func(t text) []text {
		made := readPlain(found.ReplaceAllString(t.plain(), replacement))
		if inner {
			made = t.runs(func(part string) text {
				if part = found.ReplaceAllString(part, replacement); wild {
					return readPlain(part)
				}
				return text(part)
			})
		}
		if slices.Equal(made, t) {
			return nil
		}
		return []text{made}
	}
	return valueStep{change, true}
}

func (rd *reader) mapString(tree *document.Node) transformation {
	to := map[string][]text{}
	for _, each := range rd.names(tree, "mapping") {
		for _, value := range each.to {
			to[each.from] = append(to[each.from], read(value))
		}
	}
	return valueStep{change: func(t text) []text { return to[t.plain()] }}
}

func (rd *reader) toCase(tree *document.Node) transformation {
	change := map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper, "snake_case": snake}[rd.one(tree, "method", "lower", "upper", "snake_case")]
	return valueStep{change: func(t text) []text { return []text{t.runs(func(part string) text { return text(change(part)) })} }}
}

// snake writes NewProcess as new_process.
func snake(from string) string {
	var b strings.Builder
	for i, r := range from {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// toExpression makes regular expressions of texts: without regard to case but for the method plain.
type toExpression struct{ plain bool }

func (t toExpression) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		made := i.clone()
		noText := func(value *document.Node) bool { _, ok := i.text(value); return !ok }
		if made.bare || made.has("windash") || slices.ContainsFunc(i.values, noText) || !made.spread() {
			return nil, nil
		}
		for k, value := range made.values {
			made.values[k] = like(value, document.Text, read(value.Text).expression())
		}
		made.mods = append(slices.DeleteFunc(made.mods, func(mod string) bool { return mod == "cased" }), "re")
		if !t.plain {
			made.mods = append(made.mods, "i")
		}
		return []group{{made}}, nil
	})
}

func (rd *reader) regex(tree *document.Node) transformation {
	return toExpression{rd.one(tree, "method", "ignore_case_brackets", "ignore_case_flag", "plain") == "plain"}
}

// setValue puts one value in the place of all.
type setValue struct{ value *document.Node }

func (t setValue) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		made := i.clone()
		made.values, made.list = []*document.Node{like(i.key, t.value.Kind, t.value.Text)}, false
		made.mods = slices.DeleteFunc(made.mods, func(mod string) bool { return mod != "neq" })
		return []group{{made}}, nil
	})
}

func (rd *reader) setValue(tree *document.Node) transformation {
	value := tree.Child("value")
	if value == nil || value.Kind == document.List || value.Kind == document.Mapping {
		rd.refuse(tree, "set_value has no value", "add value: with one value")
		return nil
	}
	made := *value
	if force := tree.Child("force_type"); force != nil {
		switch rd.one(tree, "force_type", "str", "num") {
		case "str":
			made.Kind = document.Text
		case "num":
			if _, err := strconv.ParseFloat(made.Text, 64); err != nil {
				rd.refuse(value, made.Text+" is no number", "write a number, or leave force_type out")
			}
			made.Kind = document.Number
		}
	}
	return setValue{&made}
}

// convert makes texts of numbers, or numbers of texts.
type convert struct{ to document.Kind }

func (t convert) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		made := i.clone()
		changed := false
		for k, value := range made.values {
			if value.Kind == t.to || value.Kind != document.Text && value.Kind != document.Number || !i.texts() {
				continue
			}
			if _, err := strconv.ParseFloat(value.Text, 64); err != nil && t.to == document.Number {
				return nil, r.refusal(value, value.Text+" of "+i.field+" is no number, which the pipeline makes of it", "leave the field out by field_name_conditions")
			}
			made.values[k], changed = like(value, t.to, value.Text), true
		}
		if !changed {
			return nil, nil
		}
		return []group{{made}}, nil
	})
}

func (rd *reader) convertType(tree *document.Node) transformation {
	if rd.text(tree, "target_type"); rd.one(tree, "target_type", "str", "num") == "num" {
		return convert{document.Number}
	}
	return convert{document.Text}
}

// placeholders fills in %name% of values with the modifier expand.
type placeholders struct {
	include, exclude []string
	wild             bool
}

// placeholder finds %name%, escapes before it.
var placeholder = regexp.MustCompile(`(?s)\\.|%[^%\\]+%`)

func (t placeholders) apply(r *run, s *step) error {
	return r.replace(s, func(i *item) ([]group, error) {
		if !i.has("expand") {
			return nil, nil
		}
		made := i.clone()
		made.values = nil
		changed := false
		for _, value := range i.values {
			texts, err := t.fill(r, value)
			if err != nil {
				return nil, err
			}
			changed = changed || len(texts) != 1 || texts[0] != value.Text
			for _, each := range texts {
				made.values = append(made.values, like(value, document.Text, each))
			}
		}
		if !changed {
			return nil, nil
		}
		made.list = made.list || len(made.values) != 1
		return []group{{made}}, nil
	})
}

// maxFilled bounds the values that one value stands for.
const maxFilled = 100_000

// fill is the value with each placeholder that is meant replaced by each of its values.
func (t placeholders) fill(r *run, value *document.Node) ([]string, error) {
	made, from := []string{""}, 0
	add := func(tails []string) {
		var longer []string
		for _, head := range made {
			for _, tail := range tails {
				longer = append(longer, head+tail)
			}
		}
		made = longer
	}
	for _, at := range placeholder.FindAllStringIndex(value.Text, -1) {
		found := value.Text[at[0]:at[1]]
		name := strings.Trim(found, "%")
		if found[0] == '\\' || len(t.include) > 0 && !contains(t.include, name) || contains(t.exclude, name) {
			continue
		}
		add([]string{value.Text[from:at[0]]})
		from = at[1]
		values, known := r.vars[name]
		switch {
		case t.wild:
			values = []string{"*"}
		case !known:
			return nil, r.refusal(value, "the pipeline has no variable "+name, "add it to vars, or leave it out by exclude")
		}
		escaped := make([]string, len(values))
		for k, each := range values {
			escaped[k] = strings.ReplaceAll(each, "%", `\%`)
		}
		if add(escaped); len(made) > maxFilled {
			return nil, r.refusal(value, "the placeholders stand for too many values", "use shorter lists or fewer placeholders")
		}
	}
	add([]string{value.Text[from:]})
	return made, nil
}

func placeholdersOf(wild bool) func(*reader, *document.Node) transformation {
	return func(rd *reader, tree *document.Node) transformation {
		made := placeholders{tree.Child("include").Words(), tree.Child("exclude").Words(), wild}
		if len(made.include) > 0 && len(made.exclude) > 0 {
			rd.refuse(tree, "include and exclude do not go together", "leave one out")
		}
		return made
	}
}
