package engine

import (
	"regexp/syntax"
	"slices"
)

// step makes what follows a state when a class of characters is read.
func (a *automaton) step(from int32, class int) int32 {
	s, r := a.states[int(from)/len(a.samples)], a.samples[class]
	w := walker{prog: a.prog, context: syntax.EmptyOpContext(s.last, r), seen: make([]bool, len(a.prog.Inst))}
	for _, pc := range s.at {
		w.reach(pc)
	}
	if !a.anchored {
		w.reach(uint32(a.prog.Start))
	}
	if w.matched {
		return matched
	}
	var at []uint32
	for _, pc := range w.waiting {
		if inst := &a.prog.Inst[pc]; r >= 0 && inst.MatchRune(r) {
			at = append(at, inst.Out)
		}
	}
	if r < 0 || a.anchored && len(at) == 0 {
		return failed
	}
	slices.Sort(at)
	return a.state(slices.Compact(at), kindOf(r))
}

// kindOf is a character of the same kind, as far as anchors and word borders tell.
func kindOf(r rune) rune {
	switch {
	case r == '\n':
		return r
	case syntax.IsWordChar(r):
		return 'a'
	}
	return ' '
}

// walker follows an expression's instructions that read nothing.
type walker struct {
	prog    *syntax.Prog
	context syntax.EmptyOp
	seen    []bool
	waiting []uint32
	matched bool
}

func (w *walker) reach(pc uint32) {
	if w.seen[pc] {
		return
	}
	w.seen[pc] = true
	switch inst := &w.prog.Inst[pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		w.reach(inst.Out)
		w.reach(inst.Arg)
	case syntax.InstCapture, syntax.InstNop:
		w.reach(inst.Out)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(inst.Arg)&^w.context == 0 {
			w.reach(inst.Out)
		}
	case syntax.InstMatch:
		w.matched = true
	case syntax.InstFail:
	default:
		w.waiting = append(w.waiting, pc)
	}
}
