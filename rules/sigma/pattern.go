package sigma

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// star and mark are the wildcards of a pattern: * for any text, ? for any one character.
const (
	mark rune = -1
	star rune = -2
)

// pattern is a Sigma string. Most have a star only at the ends and are compared by the library; the rest by glob.
type pattern struct {
	runes  []rune // with wildcards
	cased  bool
	plain  string // the text between the ends
	before bool   // a star begins it
	after  bool   // a star ends it
	glob   bool   // wildcards are elsewhere too
}

// unescape reads a Sigma string: \*, \? and \\ are the characters themselves, any other backslash is a backslash.
func unescape(s string) (runes []rune) {
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0 {
			runes = append(runes, rune(s[i+1]))
			i += 2
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '*':
			r = star
		case '?':
			r = mark
		}
		runes = append(runes, r)
		i += width
	}
	return runes
}

func newPattern(runes []rune, before, after, cased bool) pattern {
	for len(runes) > 0 && runes[0] == star {
		runes, before = runes[1:], true
	}
	for len(runes) > 0 && runes[len(runes)-1] == star {
		runes, after = runes[:len(runes)-1], true
	}
	p := pattern{cased: cased, before: before, after: after}
	p.glob = slices.Contains(runes, star) || slices.Contains(runes, mark)
	if !p.glob {
		p.plain = fold(string(runes), cased)
		return p
	}
	if before {
		p.runes = append(p.runes, star)
	}
	for _, r := range runes {
		if r >= 0 {
			r, _ = utf8.DecodeRuneInString(fold(string(r), cased))
		}
		p.runes = append(p.runes, r)
	}
	if after {
		p.runes = append(p.runes, star)
	}
	return p
}

func fold(s string, cased bool) string {
	if cased {
		return s
	}
	return strings.ToLower(s)
}

func (p pattern) matches(v value) bool {
	if v.null {
		return false
	}
	in := v.folded
	if p.cased {
		in = v.text
	}
	switch {
	case p.glob:
		return globs(p.runes, []rune(in))
	case p.before && p.after:
		return strings.Contains(in, p.plain)
	case p.before:
		return strings.HasSuffix(in, p.plain)
	case p.after:
		return strings.HasPrefix(in, p.plain)
	}
	return in == p.plain
}

// globs matches greedily and goes back to the last star only, so it ends in len(pattern) x len(in) steps.
func globs(pattern, in []rune) bool {
	at, i, back, from := 0, 0, -1, 0
	for i < len(in) {
		switch {
		case at < len(pattern) && pattern[at] == star:
			back, from = at, i
			at++
		case at < len(pattern) && (pattern[at] == mark || pattern[at] == in[i]):
			at, i = at+1, i+1
		case back >= 0:
			from++
			at, i = back+1, from
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at] == star {
		at++
	}
	return at == len(pattern)
}
