package sigma

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// modifiers are those of one field, in the order written, by their short names.
type modifiers []string

var longNames = map[string]string{"ignorecase": "i", "multiline": "m", "dotall": "s", "wide": "utf16le"}

var knownModifiers = []string{
	"contains", "startswith", "endswith", "all", "cased", "re", "i", "m", "s", "cidr", "exists", "expand", "fieldref", "gt", "gte", "lt", "lte", "neq",
	"windash", "utf16le", "utf16be", "utf16", "base64", "base64offset", "minute", "hour", "day", "week", "month", "year",
}

func parseModifiers(key *document.Node) (name string, mods modifiers, err error) {
	name, rest, has := strings.Cut(key.Text, "|")
	if !has {
		return name, nil, nil
	}
	for m := range strings.SplitSeq(rest, "|") {
		if short := longNames[m]; short != "" {
			m = short
		}
		if late := kinds[m] == "wide" || kinds[m] == "dash"; late && (mods.has("base64") || mods.has("base64offset")) {
			return "", nil, &fault{key.Place, key.Text + ": what is base64 already has no characters to write otherwise", "write " + m + " before base64, as wide|base64"}
		}
		if !slices.Contains(knownModifiers, m) {
			return "", nil, &fault{key.Place, "unknown modifier " + m + " in " + key.Text, "use one of Sigma 2.1's: " + strings.Join(knownModifiers, " ")}
		}
		if mods.has(m) {
			return "", nil, &fault{key.Place, "modifier " + m + " stands twice in " + key.Text, "leave one out"}
		}
		mods = append(mods, m)
	}
	if conflict := mods.conflict(); conflict != "" {
		return "", nil, &fault{key.Place, key.Text + ": " + conflict, "leave one out"}
	}
	if mods.flags() != "" && !mods.has("re") {
		return "", nil, &fault{key.Place, key.Text + ": i, m and s are of regular expressions", "add re before them, or leave them out"}
	}
	if name == "" && (mods.has("exists") || mods.has("fieldref")) {
		return "", nil, &fault{key.Place, key.Text + ": exists and fieldref need a field", "write its name before |"}
	}
	return name, mods, nil
}

func (m modifiers) has(name string) bool { return slices.Contains(m, name) }

// kinds are what modifiers do. Of one kind only one stands beside a field; those without a kind go with all others.
var kinds = map[string]string{
	"contains": "place", "startswith": "place", "endswith": "place", "cased": "case", "windash": "dash",
	"base64": "code", "base64offset": "code", "utf16": "wide", "utf16le": "wide", "utf16be": "wide",
	"re": "re", "cidr": "cidr", "exists": "exists", "fieldref": "fieldref", "gt": "bound", "gte": "bound", "lt": "bound", "lte": "bound",
	"minute": "part", "hour": "part", "day": "part", "week": "part", "month": "part", "year": "part",
}

// beside are the kinds that judge a value in a way of their own, and what each takes beside it: what changes or places a
// text would be left out without a word.
var beside = map[string][]string{"re": nil, "cidr": nil, "exists": nil, "fieldref": {"place", "case"}, "bound": {"part"}, "part": {"bound"}}

// conflict says which modifiers do not go together.
func (m modifiers) conflict() string {
	for i, one := range m {
		for _, other := range m[i+1:] {
			if a, b := kinds[one], kinds[other]; a != "" && b != "" && (a == b || !takes(a, b) || !takes(b, a)) {
				return one + " and " + other + " do not go together"
			}
		}
	}
	return ""
}

func takes(kind, other string) bool {
	only, judges := beside[kind]
	return !judges || slices.Contains(only, other)
}

func (m modifiers) flags() string {
	var flags strings.Builder
	for _, name := range []string{"i", "m", "s"} {
		if m.has(name) {
			flags.WriteString(name)
		}
	}
	if flags.String() == "" {
		return ""
	}
	return "(?" + flags.String() + ")"
}

// readsText reports whether a modifier asks for a text or a number, so that null means nothing beside it.
func (m modifiers) readsText() bool {
	return slices.ContainsFunc(m, func(name string) bool { return name != "all" && name != "neq" })
}

func (m modifiers) compares() bool {
	return m.has("gt") || m.has("gte") || m.has("lt") || m.has("lte")
}

func (m modifiers) part() string {
	for _, name := range []string{"minute", "hour", "day", "week", "month", "year"} {
		if m.has(name) {
			return name
		}
	}
	return ""
}

var dash = regexp.MustCompile(`\B[-/–—―]\b`)

// maxDashes bounds windash: five to the power of it are the spellings of one value. maxSpelled bounds those of all values of
// a detection.
const (
	maxDashes  = 5
	maxSpelled = 50_000
)

// spellings is how many texts windash makes of a value that rewrite took.
func (m modifiers) spellings(text string) (n int) {
	if !m.has("windash") {
		return 0
	}
	n = 1
	for range dash.FindAllStringIndex(text, -1) {
		n *= 5
	}
	return n
}

// rewrite applies the modifiers that change a value's text, and gives it as runes with wildcards.
func (m modifiers) rewrite(from string) (all [][]rune, err error) {
	texts := []string{from}
	if m.has("windash") {
		if len(dash.FindAllStringIndex(from, -1)) > maxDashes {
			return nil, errors.New("has too many dashes for windash")
		}
		texts = windash(from)
	}
	for _, t := range texts {
		made := [][]rune{unescape(t)}
		switch {
		case m.has("base64") || m.has("base64offset"):
			made, err = m.encode(made[0])
		case m.wide():
			made[0], err = m.spread(made[0])
		}
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	return all, nil
}

func (m modifiers) wide() bool { return m.has("utf16") || m.has("utf16le") || m.has("utf16be") }

// encode gives base64 of a text without wildcards.
func (m modifiers) encode(runes []rune) (all [][]rune, err error) {
	if slices.Contains(runes, star) || slices.Contains(runes, mark) {
		return nil, errors.New("has wildcards, which can't be encoded: write \\* and \\?")
	}
	text := string(runes)
	if m.wide() {
		text = m.widen(text)
	}
	if m.has("base64") {
		return [][]rune{[]rune(base64.StdEncoding.EncodeToString([]byte(text)))}, nil
	}
	for _, part := range offsets(text) {
		all = append(all, []rune(part))
	}
	return all, nil
}

// spread is a text's UTF-16 as an event shows it: a zero beside each character, and the byte order mark as one. A wildcard
// is no character and stays.
func (m modifiers) spread(runes []rune) (wide []rune, err error) {
	if m.has("utf16") {
		wide = append(wide, 0xfeff)
	}
	for _, r := range runes {
		switch {
		case r >= 0x80:
			return nil, errors.New("is not ASCII, which utf16 without base64 needs")
		case r < 0:
			wide = append(wide, r)
		case m.has("utf16be"):
			wide = append(wide, 0, r)
		default:
			wide = append(wide, r, 0)
		}
	}
	return wide, nil
}

func windash(from string) []string {
	texts := []string{""}
	last := 0
	for _, at := range dash.FindAllStringIndex(from, -1) {
		var longer []string
		for _, t := range texts {
			for _, d := range []string{"-", "/", "\u2013", "\u2014", "\u2015"} {
				longer = append(longer, t+from[last:at[0]]+d)
			}
		}
		texts, last = longer, at[1]
	}
	for i := range texts {
		texts[i] += from[last:]
	}
	return texts
}

// widen gives UTF-16 bytes.
func (m modifiers) widen(s string) string {
	var order binary.AppendByteOrder = binary.LittleEndian
	if m.has("utf16be") {
		order = binary.BigEndian
	}
	var out []byte
	if m.has("utf16") {
		out = append(out, 0xff, 0xfe)
	}
	for _, unit := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// offsets are the three ways in which text lies in a longer base64 text, without the characters that its neighbours touch.
func offsets(s string) (texts []string) {
	starts, ends := []int{0, 2, 3}, []int{0, 3, 2}
	for i := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", i) + s))
		end := len(coded) - ends[(len(s)+i)%3]
		if starts[i] < end {
			texts = append(texts, coded[starts[i]:end])
		}
	}
	return texts
}
