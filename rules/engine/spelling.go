package engine

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// In a pattern these bytes, which no text has, are the wildcards: any text, and any one character.
const (
	star = 0xfe
	mark = 0xff
)

// cut reads a Sigma string as a pattern. \*, \? and \\ are the characters themselves, any other backslash is one.
func cut(text string) string {
	text = string([]rune(text))
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '?' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case c == '*':
			b.WriteByte(star)
		case c == '?':
			b.WriteByte(mark)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func wild(pattern string) bool {
	return strings.IndexByte(pattern, star) >= 0 || strings.IndexByte(pattern, mark) >= 0
}

// patterned makes the cheapest test of the pattern's form.
func patterned(t test, pattern string, before, after bool) test {
	for pattern != "" && pattern[0] == star {
		pattern, before = pattern[1:], true
	}
	for pattern != "" && pattern[len(pattern)-1] == star {
		pattern, after = pattern[:len(pattern)-1], true
	}
	if !t.cased {
		pattern = lowerPattern(pattern)
	}
	t.text = []byte(pattern)
	switch {
	case wild(pattern):
		t.kind, t.before, t.after, t.dear = likens, before, after, &dear{segments: strings.Split(pattern, "\xfe")}
	case before && after:
		t.kind = contains
	case before:
		t.kind = endsWith
	case after:
		t.kind = startsWith
	default:
		t.kind = equals
	}
	return t
}

// lowerPattern folds a pattern's text and keeps its wildcards.
func lowerPattern(pattern string) string {
	var out []byte
	for len(pattern) > 0 {
		if pattern[0] >= star {
			out, pattern = append(out, pattern[0]), pattern[1:]
			continue
		}
		r, width := utf8.DecodeRuneInString(pattern)
		out, pattern = utf8.AppendRune(out, unicode.ToLower(r)), pattern[width:]
	}
	return string(out)
}

// fit matches text with segments between which any text may stand. Taking the first place where a segment fits is as
// good as any other place, but for one that must end the text.
func (t *test) fit(text []byte) bool {
	segments := t.segments
	if !t.before {
		end := fitAt(text, segments[0])
		if end < 0 || len(segments) == 1 && !t.after && end < len(text) {
			return false
		}
		text, segments = text[end:], segments[1:]
		if len(segments) == 0 {
			return true
		}
	}
	if !t.after {
		start := fitEnd(text, segments[len(segments)-1])
		if start < 0 {
			return false
		}
		text, segments = text[:start], segments[:len(segments)-1]
	}
	for _, segment := range segments {
		end := -1
		for end < 0 {
			if end = fitAt(text, segment); end >= 0 {
				text = text[end:]
				break
			}
			if len(text) == 0 {
				return false
			}
			_, width := utf8.DecodeRune(text)
			text = text[width:]
			if segment[0] != mark {
				next := bytes.IndexByte(text, segment[0])
				if next < 0 {
					return false
				}
				text = text[next:]
			}
		}
	}
	return true
}

// fitAt is where a segment ends that begins with the text, -1 if it does not fit.
func fitAt(text []byte, segment string) int {
	at := 0
	for i := range len(segment) {
		if at >= len(text) {
			return -1
		}
		if segment[i] == mark {
			_, width := utf8.DecodeRune(text[at:])
			at += width
			continue
		}
		if text[at] != segment[i] {
			return -1
		}
		at++
	}
	return at
}

// fitEnd is where a segment begins that ends with the text, -1 if it does not fit.
func fitEnd(text []byte, segment string) int {
	at := len(text)
	for i := len(segment) - 1; i >= 0; i-- {
		if at == 0 {
			return -1
		}
		if segment[i] == mark {
			_, width := utf8.DecodeLastRune(text[:at])
			at -= width
			continue
		}
		if at--; text[at] != segment[i] {
			return -1
		}
	}
	return at
}

// spellings are what one written value may look like after the modifiers that rewrite it.
func (l *line) spellings(text string) (all []string, err error) {
	texts := []string{text}
	if l.does["windash"] {
		if texts, err = dashes(text); err != nil {
			return nil, err
		}
		if l.spelled += len(texts); l.spelled > maxSpelled {
			return nil, fmt.Errorf("has too many spellings for windash, with the values before it")
		}
	}
	wide := l.does["utf16"] || l.does["utf16le"] || l.does["utf16be"]
	coded := l.does["base64"] || l.does["base64offset"]
	for _, text := range texts {
		p := cut(text)
		switch {
		case coded && wild(p):
			return nil, fmt.Errorf("has wildcards, which can't be encoded")
		case wide && coded:
			p = l.widen(p)
		case wide:
			if p, err = l.spread(p); err != nil {
				return nil, err
			}
		}
		switch {
		case l.does["base64"]:
			all = append(all, base64.StdEncoding.EncodeToString([]byte(p)))
		case l.does["base64offset"]:
			all = append(all, shifted(p)...)
		default:
			all = append(all, p)
		}
	}
	return all, nil
}

// maxSpelled bounds what windash makes of the values of one detection.
const maxSpelled = 50_000

// dashes writes each dash or / before a word, where no word ends, in the five ways that Windows' programs take.
func dashes(text string) ([]string, error) {
	word := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '_' || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z')
	}
	made, from, found := []string{""}, 0, 0
	for i, r := range text {
		after := i + utf8.RuneLen(r)
		if !strings.ContainsRune("-/–—―", r) || word(i-1) || !word(after) {
			continue
		}
		if found++; found > 5 {
			return nil, fmt.Errorf("has too many dashes for windash")
		}
		var longer []string
		for _, head := range made {
			for _, dash := range []string{"-", "/", "–", "—", "―"} {
				longer = append(longer, head+text[from:i]+dash)
			}
		}
		made, from = longer, after
	}
	for i := range made {
		made[i] += text[from:]
	}
	return made, nil
}

// widen gives UTF-16 as bytes.
func (l *line) widen(text string) string {
	var out []byte
	if l.does["utf16"] {
		out = append(out, 0xff, 0xfe)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		low, high := byte(unit), byte(unit>>8)
		if l.does["utf16be"] {
			low, high = high, low
		}
		out = append(out, low, high)
	}
	return string(out)
}

// spread is a pattern whose text is UTF-16 as an event shows it: a zero beside each character, and the byte order mark as
// one character. Wildcards stay.
func (l *line) spread(pattern string) (string, error) {
	var out []byte
	if l.does["utf16"] {
		out = utf8.AppendRune(out, 0xfeff)
	}
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case c >= star:
			out = append(out, c)
		case c >= utf8.RuneSelf:
			return "", fmt.Errorf("is not ASCII, which utf16 without base64 needs")
		case l.does["utf16be"]:
			out = append(out, 0, c)
		default:
			out = append(out, c, 0)
		}
	}
	return string(out), nil
}

// shifted are the parts of a longer base64 text that text alone decides, for each of its three places there: six bits a
// character, so those of whose bits some come from a neighbour are left out.
func shifted(text string) (all []string) {
	for shift := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + text))
		from, to := (8*shift+5)/6, (8*(shift+len(text)))/6
		if from < to {
			all = append(all, coded[from:to])
		}
	}
	return all
}
