package pipeline

import (
	"regexp"
	"strings"
)

// text is a value of a rule: characters, and the two wildcards as runes that no text has.
type text []rune

const (
	star rune = -1 - iota
	mark
)

func (t text) wild() bool {
	return strings.ContainsFunc(t.marked(), func(r rune) bool { return r == 0 })
}

// marked is the text with a zero for each wildcard.
func (t text) marked() string {
	var b strings.Builder
	for _, r := range t {
		b.WriteRune(max(r, 0))
	}
	return b.String()
}

// read reads a value as rules spell it: \*, \? and \\ are characters.
func read(written string) (t text) {
	runes := []rune(written)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '\\' && i+1 < len(runes) && strings.ContainsRune(`\*?`, runes[i+1]):
			i++
			t = append(t, runes[i])
		case r == '*':
			t = append(t, star)
		case r == '?':
			t = append(t, mark)
		default:
			t = append(t, r)
		}
	}
	return t
}

// spell is the reverse of read.
func (t text) spell() string {
	var b strings.Builder
	for _, r := range t {
		switch r {
		case star:
			b.WriteByte('*')
		case mark:
			b.WriteByte('?')
		case '\\', '*', '?':
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain is the value as pipelines see it: a backslash is written once, and before a character that is no wildcard.
func (t text) plain() string {
	var b strings.Builder
	for _, r := range t {
		switch r {
		case star:
			b.WriteByte('*')
		case mark:
			b.WriteByte('?')
		case '*', '?':
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// readPlain is the reverse of plain.
func readPlain(from string) text {
	return read(strings.NewReplacer(`\*`, `\*`, `\?`, `\?`, `\`, `\\`).Replace(from))
}

// runs changes what lies between wildcards.
func (t text) runs(change func(string) text) (changed text) {
	from := 0
	for i := 0; i <= len(t); i++ {
		if i < len(t) && t[i] >= 0 {
			continue
		}
		if from < i {
			changed = append(changed, change(string(t[from:i]))...)
		}
		if i < len(t) {
			changed = append(changed, t[i])
		}
		from = i + 1
	}
	return changed
}

// expression is a regular expression for the whole of the value.
func (t text) expression() string {
	var b strings.Builder
	b.WriteString("^(?s:")
	for _, r := range t {
		switch r {
		case star:
			b.WriteString(".*")
		case mark:
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String() + ")$"
}
