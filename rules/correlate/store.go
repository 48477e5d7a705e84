package correlate

// store is the memory of one correlation.
type store struct {
	rule    *Rule
	limits  Limits
	groups  map[string]*group
	lately  *group // used most recently
	longago *group // used least recently
	wheel   *wheel
	free    *entry // entries to be used again, by next
	entries int
	weight  int // of the entries
	counts  Counts
	key     []byte
	newest  int64 // read time of the newest event
}

func newStore(rule *Rule, limits Limits) *store {
	limits = Limits{Groups: max(1, limits.Groups), Entries: max(2, limits.Entries), PerGroup: max(2, limits.PerGroup)}
	return &store{rule: rule, limits: limits, groups: map[string]*group{}, wheel: newWheel(int64(rule.keep))}
}

// take puts an event into its group and looks at every window that it changes.
func (t *store) take(e *Event, member int, newest int64, loud bool, fired []Firing) []Firing {
	t.newest = newest
	t.wheel.turn(newest, t.over)
	read := e.read()
	if read < 0 || read/t.wheel.width < t.wheel.oldest(newest) {
		t.counts.Late++
		return fired
	}
	text, number, ok := t.rule.measure(e, &t.rule.members[member])
	if !ok {
		return fired
	}
	g := t.group(e, &t.rule.members[member])
	if g == nil {
		return fired
	}
	made := t.entry()
	*made = entry{event: e, time: e.at(), member: member, text: text, number: number, quiet: !loud, group: g}
	at, there := g.line.find(made)
	if there {
		t.release(made)
		if made = g.line.at(at); !made.quiet || !loud {
			return fired
		}
		made.quiet = false
		g.retreat(at)
		return g.advance(at, fired)
	}
	for g.line.len() >= t.limits.PerGroup || t.weight >= t.limits.Entries {
		if g.line.len() < t.limits.PerGroup && t.evict(g) {
			continue
		}
		if g.line.len() < 2 { // it stays, so that the group does
			break
		}
		t.counts.Evicted++
		t.over(g.line.at(0))
		at = max(0, at-1)
	}
	t.wheel.put(made, read)
	t.entries++
	t.weight += e.weight()
	if t.rule.risk != nil && at < g.line.len() && g.hi == g.line.len() {
		return g.join(at, made, loud, fired)
	}
	g.retreat(at)
	g.line.insert(at, made)
	if g.places != nil {
		place, _ := g.places[member].find(made)
		g.places[member].insert(place, made)
	}
	if !loud {
		return fired
	}
	return g.advance(at, fired)
}

// group finds the group of an event, or makes it; nil if the event does not name one.
func (t *store) group(e *Event, m *member) *group {
	var ok bool
	if t.key, ok = joined(t.key[:0], e, m.group); !ok {
		return nil
	}
	g := t.groups[string(t.key)]
	if g != nil {
		t.use(g)
		return g
	}
	if len(t.groups) >= t.limits.Groups {
		t.evict(nil)
	}
	g = &group{store: t, key: string(t.key), window: t.rule.window()}
	for i, field := range m.group {
		g.values = append(g.values, Value{t.rule.GroupBy[i], e.value(field)})
	}
	if t.rule.order != nil {
		g.places = make([]line, len(t.rule.members))
	}
	t.groups[g.key] = g
	t.use(g)
	return g
}

// use makes a group the one that was used most recently.
func (t *store) use(g *group) {
	if t.lately == g {
		return
	}
	t.unlink(g)
	if g.older = t.lately; g.older != nil {
		g.older.newer = g
	}
	t.lately = g
	if t.longago == nil {
		t.longago = g
	}
}

func (t *store) unlink(g *group) {
	if g.newer != nil {
		g.newer.older = g.older
	}
	if g.older != nil {
		g.older.newer = g.newer
	}
	if t.longago == g {
		t.longago = g.newer
	}
	if t.lately == g {
		t.lately = g.older
	}
	g.newer, g.older = nil, nil
}

// evict puts the least recently used group out, and counts it if it still mattered. It reports whether there was one
// beside but.
func (t *store) evict(but *group) bool {
	g := t.longago
	if g == nil || g == but {
		return false
	}
	g.forgetFirings()
	t.counts.Evicted += uint64(max(g.line.len(), len(g.firings)))
	for g.line.len() > 0 {
		t.over(g.line.at(g.line.len() - 1))
	}
	t.forget(g)
	return true
}

func (t *store) forget(g *group) {
	if t.groups[g.key] == g {
		t.unlink(g)
		delete(t.groups, g.key)
	}
}

// over takes an entry out; its group goes with its last entry, unless it has to keep a silence.
func (t *store) over(e *entry) {
	g := e.group
	t.wheel.drop(e)
	g.take(e)
	t.entries--
	t.weight -= e.event.weight()
	t.release(e)
	if g.line.len() == 0 && len(g.firings) == 0 {
		t.forget(g)
	}
}

func (t *store) entry() *entry {
	e := t.free
	if e == nil {
		return &entry{}
	}
	t.free = e.next
	return e
}

func (t *store) release(e *entry) {
	*e = entry{next: t.free}
	t.free = e
}

// remember notes a firing of this correlation that the ledger has.
func (t *store) remember(e *Event, newest int64) {
	t.newest = newest
	read := e.read()
	if read < t.oldFiring() {
		return
	}
	m := &member{group: t.rule.GroupBy}
	if g := t.group(e, m); g != nil {
		g.note(e.at(), read)
	}
}

// oldFiring is the read time before which a firing matters no more.
func (t *store) oldFiring() int64 { return t.newest - int64(t.rule.quiet()) }
