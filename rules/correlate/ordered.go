package correlate

// inOrder is how many of the rules led up to last one after the other, in their order, within the timespan. If the
// condition says that others must not come between, one that does makes it none.
func (g *group) inOrder(last *entry) int {
	order := g.store.rule.order
	first := make([]*entry, len(order)+1) // by length: the chain that begins last
	place := len(order)
	for i, member := range order {
		if member == last.member {
			first[1], place = last, i
		}
	}
	for i := place - 1; i >= 0; i-- {
		for length := place - i; length >= 1; length-- {
			g.prolong(first, length, &g.places[order[i]], last.time-g.span())
		}
	}
	longest := 0
	for length, begin := range first {
		if begin != nil && !g.between(begin, last) {
			longest = length
		}
	}
	return longest
}

// prolong looks for the last entry of a rule before the chain of that length begins.
func (g *group) prolong(first []*entry, length int, of *line, since int64) {
	if first[length] == nil {
		return
	}
	at, _ := of.find(first[length])
	if at == 0 {
		return
	}
	if before := of.at(at - 1); before.time >= since && (first[length+1] == nil || first[length+1].compare(before) < 0) {
		first[length+1] = before
	}
}

// between reports whether a rule that must not match did so between two entries.
func (g *group) between(begin, last *entry) bool {
	for _, member := range g.store.rule.without {
		of := &g.places[member]
		from, _ := of.find(begin)
		to, _ := of.find(last)
		if from < to {
			return true
		}
	}
	return false
}
