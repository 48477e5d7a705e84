package correlate

import "slices"

// group is the memory of one group of a correlation: its events in their order, and the window that ends at one of them.
type group struct {
	store   *store
	key     string
	values  []Value
	line    line
	places  []line // of temporal_ordered: the same entries by the rule that matched
	lo, hi  int    // the window is entries lo to hi-1 of the line
	window  window
	firings []firing

	older, newer *group
}

// firing is when a correlation fired for a group.
type firing struct{ time, read int64 }

// retreat moves the window back, so that it ends before entry at: an event is about to come in there.
func (g *group) retreat(at int) {
	if at >= g.hi {
		return
	}
	for g.hi > at {
		g.hi--
		if g.hi >= g.lo {
			g.window.remove(g.line.at(g.hi))
		}
	}
	g.lo = min(g.lo, g.hi)
}

func (g *group) span() int64 { return int64(g.store.rule.Timespan) }

// advance moves the window on to the newest entry, and looks at it wherever the entry at changes it: where it ends at
// that entry, or later but still holds it.
func (g *group) advance(at int, fired []Firing) []Firing {
	until := g.line.at(at).time + g.span()
	for g.hi < g.line.len() {
		last := g.line.at(g.hi)
		g.window.add(last)
		g.hi++
		g.settle(last.time - g.span())
		newest := g.store.rule.risk == nil || g.hi == g.line.len() // a risk is told as it stands now
		if g.hi > at && last.time <= until && newest {
			fired = g.look(last, fired)
		}
	}
	return fired
}

// settle makes the window begin at that time: it was moved on or back, or lost its end.
func (g *group) settle(since int64) {
	for g.lo > 0 && g.line.at(g.lo-1).time >= since {
		g.lo--
		g.window.add(g.line.at(g.lo))
	}
	for g.line.at(g.lo).time < since {
		g.window.remove(g.line.at(g.lo))
		g.lo++
	}
}

// join puts a late entry into a window that ends at the newest one, without moving it: nobody asks how a risk stood.
func (g *group) join(at int, e *entry, loud bool, fired []Firing) []Firing {
	g.line.insert(at, e)
	if g.hi++; at < g.lo {
		g.lo++
	} else {
		g.window.add(e)
	}
	last := g.line.at(g.hi - 1)
	g.settle(last.time - g.span())
	if !loud {
		return fired
	}
	return g.look(last, fired)
}

// look fires if the correlation holds for the window that ends at last. That a window fired is only kept where nothing
// depends on it: a memory that is rebuilt does not know it, and must go on alike.
func (g *group) look(last *entry, fired []Firing) []Firing {
	rule := g.store.rule
	value, holds := rule.judge(g, last)
	if !holds {
		return fired
	}
	silent := g.silent(last.time)
	if silent || rule.Suppress == 0 {
		if last.fired {
			return fired
		}
		last.fired = true
	}
	switch {
	case !silent:
		g.note(last.time, g.store.newest)
	case !rule.Feeds:
		g.store.counts.Silent++
		return fired
	default:
		g.store.counts.Silent++
	}
	return append(fired, g.fire(last, value, silent))
}

// judge counts, and says whether the condition holds.
func (r *Rule) judge(g *group, last *entry) (value float64, holds bool) {
	if r.order != nil {
		value = float64(g.inOrder(last))
		return value, r.holds(value)
	}
	value = g.window.value(last)
	if r.Extended != nil {
		return value, r.Extended.Holds(g.window.(*kinds).seen)
	}
	return value, r.holds(value)
}

func (g *group) fire(last *entry, value float64, silent bool) Firing {
	made := Firing{Rule: g.store.rule, Group: g.values, Value: value, Count: g.hi - g.lo, Trigger: last.event, Time: utc(last.time), ReadAt: utc(g.store.newest), Silent: silent}
	for i := max(g.lo, g.hi-MaxFrom); i < g.hi; i++ {
		made.Events = append(made.Events, g.line.at(i).event)
	}
	if d, ok := g.window.(*decay); ok {
		made.Parts = d.parts(last.time)
	}
	return made
}

// silent reports whether the correlation fired for the group so short before or after that it says nothing now.
func (g *group) silent(time int64) (silent bool) {
	g.forgetFirings()
	for _, f := range g.firings {
		apart := max(time-f.time, f.time-time)
		silent = silent || apart < int64(g.store.rule.Suppress)
	}
	return silent
}

// forgetFirings forgets what fired too long ago to matter.
func (g *group) forgetFirings() {
	g.firings = slices.DeleteFunc(g.firings, func(f firing) bool { return f.read < g.store.oldFiring() })
}

// note keeps that the correlation fired. Without a silence there is nothing to keep.
func (g *group) note(time, read int64) {
	if g.store.rule.Suppress == 0 {
		return
	}
	for _, f := range g.firings {
		if f.time == time {
			return
		}
	}
	g.firings = append(g.firings, firing{time, read})
}

// take takes an entry out of the line, and out of the window if it is there.
func (g *group) take(e *entry) {
	at, there := g.line.find(e)
	if !there {
		return
	}
	switch {
	case at < g.lo:
		g.lo--
		g.hi--
	case at < g.hi:
		g.window.remove(e)
		g.hi--
	}
	g.line.remove(at)
	if g.places != nil {
		if at, there = g.places[e.member].find(e); there {
			g.places[e.member].remove(at)
		}
	}
}
