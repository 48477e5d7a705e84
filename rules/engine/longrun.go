package engine

import (
	"regexp/syntax"
	"unicode/utf8"
)

// longRun is a row of so many characters of one set that whatever the expression matches has. A look at every so many
// bytes tells most texts that have none.
type longRun struct {
	set    alphabet
	length int
}

// requiredRun is the longest such row of at least eight, of characters that events need not escape.
func requiredRun(expression string) (best longRun) {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return best
	}
	parts := []*syntax.Regexp{parsed}
	if parsed.Op == syntax.OpConcat {
		parts = parsed.Sub
	}
	for _, r := range parts {
		if r.Op != syntax.OpRepeat || r.Min < max(8, best.length) || r.Sub[0].Op != syntax.OpCharClass {
			continue
		}
		run := longRun{length: r.Min}
		for i := 0; i < len(r.Sub[0].Rune); i += 2 {
			for c := r.Sub[0].Rune[i]; c <= min(r.Sub[0].Rune[i+1], utf8.RuneSelf); c++ {
				if run.set.add(c); c < ' ' || c == '"' || c == '\\' || c == utf8.RuneSelf {
					run.length = 0
				}
			}
		}
		if run.length > best.length {
			best = run
		}
	}
	return best
}

func (r *longRun) in(text []byte) bool {
	if r.length == 0 {
		return true
	}
	for i := r.length - 1; i < len(text); i += r.length {
		if !r.set.has(text[i]) {
			continue
		}
		from, to := i, i+1
		for from > 0 && r.set.has(text[from-1]) {
			from--
		}
		for to < len(text) && r.set.has(text[to]) {
			to++
		}
		if to-from >= r.length {
			return true
		}
	}
	return false
}
