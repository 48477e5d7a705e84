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
			if len(l.text) >= 3 {
				texts = append(texts, l.text)
			}
		}
		if len(texts) == len(clause) && len(clause) <= 64 {
			clauses = append(clauses, texts)
		}
	}
	return clauses
}

// requiredExactly are lists of texts that are to be found as they are in what the expression matches.
func requiredExactly(expression string) (clauses [][][]byte) {
	for _, clause := range clausesOf(expression) {
		var texts [][]byte
		for _, l := range clause {
			if !l.blind || strings.ToLower(l.text) == strings.ToUpper(l.text) {
				texts = append(texts, []byte(l.text))
			}
		}
		if len(texts) == len(clause) && len(clause) <= 4 {
			clauses = append(clauses, texts)
		}
	}
	return clauses
}

func clausesOf(expression string) [][]literal {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	return required(parsed.Simplify())
}

func required(r *syntax.Regexp) (clauses [][]literal) {
	switch r.Op {
	case syntax.OpLiteral:
		return [][]literal{{{string(r.Rune), r.Flags&syntax.FoldCase != 0}}}
	case syntax.OpCapture, syntax.OpPlus:
		return required(r.Sub[0])
	case syntax.OpRepeat:
		if r.Min > 0 {
			return required(r.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			clauses = append(clauses, required(sub)...)
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
