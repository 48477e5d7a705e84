package sigma

import "slices"

// clause is a condition as a formula over its selections.
type clause struct {
	kind     byte // '&', '|', '!', 's' a selection, '1' or '0' what was put in its place
	kids     []*clause
	variable int
}

// truths knows the selections of a condition and which of them imply one another.
type truths struct {
	names   []string // by variable
	implied [][2]int
	valid   []uint32 // the assignments that agree with implied
}

// maxTried bounds the selections whose every combination is tried.
const maxTried = 12

// newTruths reads a condition. The formula's selections are in the order in which the condition names them.
func newTruths(condition expression) (t *truths, formula *clause, places []*clause) {
	t = &truths{}
	whole := map[string]expression{}
	formula = t.clause(condition, whole, &places)
	if len(t.names) > maxTried {
		return t, formula, places
	}
	for i, a := range t.names {
		for k, b := range t.names {
			if i != k && implies(whole[a], whole[b]) {
				t.implied = append(t.implied, [2]int{i, k})
			}
		}
	}
	for bits := range uint32(1) << len(t.names) {
		if t.agrees(bits) {
			t.valid = append(t.valid, bits)
		}
	}
	return t, formula, places
}

func (t *truths) clause(e expression, whole map[string]expression, places *[]*clause) *clause {
	made := &clause{}
	var parts []expression
	switch e := e.(type) {
	case selected:
		made.kind, made.variable = 's', t.variable(e.name)
		whole[e.name] = e
		*places = append(*places, made)
		return made
	case allOf:
		made.kind, parts = '&', e
	case anyOf:
		made.kind, parts = '|', e
	case not:
		made.kind, parts = '!', []expression{e.expression}
	}
	for _, part := range parts {
		made.kids = append(made.kids, t.clause(part, whole, places))
	}
	return made
}

func (t *truths) variable(name string) int {
	for i, known := range t.names {
		if known == name {
			return i
		}
	}
	t.names = append(t.names, name)
	return len(t.names) - 1
}

func (t *truths) agrees(bits uint32) bool {
	for _, pair := range t.implied {
		if bits>>pair[0]&1 == 1 && bits>>pair[1]&1 == 0 {
			return false
		}
	}
	return true
}

func (c *clause) eval(bits uint32) bool {
	switch c.kind {
	case '&':
		for _, kid := range c.kids {
			if !kid.eval(bits) {
				return false
			}
		}
		return true
	case '|':
		for _, kid := range c.kids {
			if kid.eval(bits) {
				return true
			}
		}
		return false
	case '!':
		return !c.kids[0].eval(bits)
	case 's':
		return bits>>c.variable&1 == 1
	}
	return c.kind == '1'
}

// column is the formula's value for each valid assignment.
func (t *truths) column(formula *clause) (values []bool) {
	for _, bits := range t.valid {
		values = append(values, formula.eval(bits))
	}
	return values
}

// idle returns the places whose selection changes nothing there, the last ones of those that stand for one another. What
// it finds stays replaced in the formula.
func (t *truths) idle(formula *clause, places []*clause, want []bool) (found []*clause) {
	for _, place := range slices.Backward(places) {
		for _, kind := range []byte{'0', '1'} {
			place.kind = kind
			if t.same(formula, want) {
				found = append(found, place)
				break
			}
			place.kind = 's'
		}
	}
	return found
}

func (t *truths) same(formula *clause, want []bool) bool {
	for i, bits := range t.valid {
		if formula.eval(bits) != want[i] {
			return false
		}
	}
	return true
}

// covers names a selection that the other one implies, or that implies it, of several the one whose name is the most
// alike; "" if there is none.
func (t *truths) covers(variable int) (name string) {
	most := -1
	for _, pair := range t.implied {
		for i := range pair {
			if pair[i] != variable {
				continue
			}
			if alike := common(t.names[variable], t.names[pair[1-i]]); alike > most {
				name, most = t.names[pair[1-i]], alike
			}
		}
	}
	return name
}

// common is the length of what two names begin with alike.
func common(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
