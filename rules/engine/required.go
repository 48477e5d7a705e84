package engine

import (
	"regexp/syntax"
	"strings"
)

// literal is a text that a regular expression asks for; blind says that it is in any case.
type literal struct {
	text  string
	blind bool
}

// requiredTexts are lists of texts of which each match of a regular expression has at least one, without regard to case.
func requiredTexts(expression string) (clauses [][]string) {
	for _, clause := range clausesOf(expression) {
		var texts []string
		for _, l := range clause {
			if len(l.text) > 0 {
				texts = append(texts, l.text)
			}
		}
		if len(texts) == len(clause) && len(clause) <= 64 {
			clauses = append(clauses, texts)
		}
	}
	return clauses
}

// clause are texts of which at least one is in whatever the expression matches.
type clause struct {
	texts   []needle
	raw     []needle // as an event spells them that escapes no more than it must; none if one is beyond ASCII
	letters alphabet // of the texts in lower case
}

func anyIn(texts []needle, text []byte) bool {
	for i := range texts {
		if texts[i].in(text) >= 0 {
			return true
		}
	}
	return false
}

// requiredExactly are the clauses whose texts are to be found as they are.
func requiredExactly(expression string) (clauses []clause) {
	for _, literals := range clausesOf(expression) {
		var c clause
		for _, l := range literals {
			if !l.blind || strings.ToLower(l.text) == strings.ToUpper(l.text) {
				c.texts = append(c.texts, newNeedle([]byte(l.text)))
			}
		}
		c.spell()
		if len(c.texts) == len(literals) && len(c.texts) <= 4 {
			clauses = append(clauses, c)
		}
	}
	return clauses
}

func (c *clause) spell() {
	for _, one := range c.texts {
		if !isASCII(one.text) {
			c.raw = nil
			return
		}
		var raw []byte
		for _, b := range one.text {
			spelled := canonicalRune(nil, rune(b))
			for _, letter := range spelled {
				c.letters.add(rune(letter))
			}
			if len(spelled) == 1 {
				spelled[0] = b
			}
			raw = append(raw, spelled...)
		}
		c.raw = append(c.raw, newNeedle(raw))
	}
}

// leastLength is the number of characters that whatever the expression matches has at least.
func leastLength(expression string) int {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return 0
	}
	return least(parsed)
}

func least(r *syntax.Regexp) (n int) {
	switch r.Op {
	case syntax.OpLiteral:
		return len(r.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return least(r.Sub[0])
	case syntax.OpRepeat:
		return r.Min * least(r.Sub[0])
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			n += least(sub)
		}
	case syntax.OpAlternate:
		n = least(r.Sub[0])
		for _, sub := range r.Sub[1:] {
			n = min(n, least(sub))
		}
	default: // what may match nothing
	}
	return n
}

func clausesOf(expression string) [][]literal {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	return required(parsed.Simplify())
}

func required(r *syntax.Regexp) (clauses [][]literal) {
	if all, ok := spelledOut(r); ok {
		return [][]literal{all}
	}
	switch r.Op {
	case syntax.OpCapture, syntax.OpPlus, syntax.OpConcat:
		return requiredInRow([]*syntax.Regexp{r})
	case syntax.OpRepeat:
		if r.Min > 0 {
			return required(r.Sub[0])
		}
	case syntax.OpAlternate:
		var any []literal
		for _, sub := range r.Sub {
			best := longest(required(sub))
			if best == nil {
				return nil
			}
			any = append(any, best...)
		}
		return [][]literal{any}
	default: // what may match without any text
	}
	return clauses
}

// requiredInRow joins what stands side by side: a dot and one of three quotes are three texts of two characters, which say
// more than a dot.
func requiredInRow(parts []*syntax.Regexp) (clauses [][]literal) {
	row := []literal{{}}
	flush := func() {
		if len(row[0].text) > 0 {
			clauses = append(clauses, row)
		}
		row = []literal{{}}
	}
	for _, part := range inRow(nil, parts) {
		if part == nil {
			flush()
			continue
		}
		all, ok := spelledOut(part)
		if !ok {
			flush()
			clauses = append(clauses, required(part)...)
			continue
		}
		if len(row)*len(all) > mostSpelled {
			flush()
		}
		row = joined(row, all)
	}
	flush()
	return clauses
}

// inRow lists what stands side by side. Of a part that repeats the first stands behind what is before it, the last before
// what follows; nil stands between the two.
func inRow(row, parts []*syntax.Regexp) []*syntax.Regexp {
	for _, part := range parts {
		switch part.Op {
		case syntax.OpConcat, syntax.OpCapture:
			row = inRow(row, part.Sub)
		case syntax.OpPlus:
			row = inRow(append(inRow(row, part.Sub), nil), part.Sub)
		default:
			row = append(row, part)
		}
	}
	return row
}

// mostSpelled bounds the texts that stand for a part of an expression.
const mostSpelled = 16

func joined(heads, tails []literal) (all []literal) {
	for _, head := range heads {
		for _, tail := range tails {
			all = append(all, literal{head.text + tail.text, head.blind || tail.blind})
		}
	}
	return all
}

// spelledOut are all texts that a part matches, if they are few and none is empty.
func spelledOut(r *syntax.Regexp) (all []literal, ok bool) {
	switch r.Op {
	case syntax.OpLiteral:
		return []literal{{string(r.Rune), r.Flags&syntax.FoldCase != 0}}, true
	case syntax.OpCapture:
		return spelledOut(r.Sub[0])
	case syntax.OpCharClass:
		for i := 0; i < len(r.Rune); i += 2 {
			for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
				if all = append(all, literal{text: string(c)}); len(all) > 4 {
					return nil, false
				}
			}
		}
	case syntax.OpAlternate:
		for _, sub := range r.Sub {
			some, ok := spelledOut(sub)
			if !ok || len(all)+len(some) > mostSpelled {
				return nil, false
			}
			all = append(all, some...)
		}
	default:
		return nil, false
	}
	return all, len(all) > 0
}

// longest is the clause whose shortest text is longest.
func longest(clauses [][]literal) (best []literal) {
	most := 0
	for _, clause := range clauses {
		least := len(clause[0].text)
		for _, l := range clause {
			least = min(least, len(l.text))
		}
		if least > most {
			best, most = clause, least
		}
	}
	return best
}
