package engine

import "bytes"

// names remembers where the names that events have lead to. Events of one kind have their names in one order, so the
// name that followed another last time is tried first, by a comparison of bytes: that finds nearly all.
type names struct {
	known []named
	table []int32 // hash table of known
	last  int32   // the one met last
	fold  []byte
	plain []byte
}

// named is a name under a node. The first one is none.
type named struct {
	nodes
	node int32
	next int32 // what followed last time
	name string
}

// nodes are what a name leads to, by its spelling and without regard to case; -1 if to nothing.
type nodes struct{ exact, folded int32 }

// manyKnown bounds what is remembered: names are an event's text.
const manyKnown = 1 << 13

func newNames() names { return names{known: []named{{node: -2}}, table: make([]int32, 4*manyKnown)} }

// name reads a name that begins there, and returns where it ends and what it leads to.
func (s *scanner) name(i int, node int32) (end int, at nodes, wrong string) {
	if node >= 0 {
		guess := &s.names.known[s.names.known[s.names.last].next]
		end = i + len(guess.name)
		if guess.node == node && end < len(s.in) && s.in[end] == '"' && string(s.in[i:end]) == guess.name {
			s.names.last = s.names.known[s.names.last].next
			return end, guess.nodes, ""
		}
	}
	end, how, wrong := s.text(i)
	if wrong != "" || node < 0 {
		return end, nodes{-1, -1}, wrong
	}
	name := s.in[i:end]
	if how != simple || bytes.IndexByte(name, '\\') >= 0 {
		s.names.plain = unescape(s.names.plain[:0], name)
		return end, s.lookUp(node, s.names.plain), ""
	}
	return end, s.remember(node, name), ""
}

// remember finds a name among those known, or looks it up and keeps it.
func (s *scanner) remember(node int32, name []byte) nodes {
	n := &s.names
	mask := uint32(len(n.table) - 1)
	slot := hash(node, name) & mask
	for n.table[slot] != 0 {
		if k := &n.known[n.table[slot]]; k.node == node && k.name == string(name) {
			n.known[n.last].next = n.table[slot]
			n.last = n.table[slot]
			return k.nodes
		}
		slot = (slot + 1) & mask
	}
	found := s.lookUp(node, name)
	if len(n.known) < manyKnown {
		n.table[slot] = int32(len(n.known))
		n.known = append(n.known, named{found, node, 0, string(name)})
	}
	return found
}

// lookUp follows the tree's edges.
func (s *scanner) lookUp(from int32, name []byte) nodes {
	found := nodes{-1, -1}
	if edge := s.tree.find(from, name); edge > 0 {
		found.exact = s.tree.edges[edge].child
	}
	n := &s.tree.nodes[from]
	found.folded = n.any
	if n.blind >= 0 {
		s.names.fold = lower(s.names.fold[:0], name)
		if edge := s.tree.find(n.blind, s.names.fold); edge > 0 {
			found.folded = s.tree.edges[edge].child
		}
	}
	if n.spaced >= 0 && bytes.IndexByte(name, ' ') >= 0 {
		s.names.fold = append(s.names.fold[:0], bytes.ReplaceAll(name, []byte(" "), nil)...)
		if edge := s.tree.find(n.spaced, s.names.fold); edge > 0 {
			found.folded = s.tree.edges[edge].child
		}
	}
	return found
}
