package engine

import "bytes"

// names remembers where the names that events have lead to, in as many places as there are hashes: a name met before
// costs one look at one line of memory. The order of names tells nothing: each shipper, and each kind of event, has its
// own.
type names struct {
	known [1 << nameBits]named
	plain []byte
	fold  []byte
}

const nameBits = 10

// named is a name under a node; one longer than there is room for is not remembered.
type named struct {
	nodes
	node int32 // plus one; 0 for none
	size int32
	name [48]byte
}

// nodes are what a name leads to, by its spelling and without regard to case; -1 if to nothing.
type nodes struct{ exact, folded int32 }

// name reads a name that begins there, and returns where it ends and what it leads to.
func (s *scanner) name(i int, node int32) (end int, at nodes, wrong string) {
	end = s.marks.quote(i)
	if end < 0 || node < 0 {
		end, _, wrong = s.text(i)
		return end, nodes{-1, -1}, wrong
	}
	name := s.in[i:end]
	k := &s.names.known[hash(node, name)>>(32-nameBits)]
	if k.node == node+1 && int(k.size) == len(name) && string(k.name[:k.size]) == string(name) {
		return end, k.nodes, ""
	}
	return s.learn(i, node, k)
}

// learn reads a name that is not known; one that is spelled simply becomes so.
func (s *scanner) learn(i int, node int32, k *named) (end int, at nodes, wrong string) {
	end, how, wrong := s.text(i)
	if wrong != "" {
		return end, nodes{-1, -1}, wrong
	}
	name := s.in[i:end]
	if how != simple || bytes.IndexByte(name, '\\') >= 0 {
		s.names.plain = unescape(s.names.plain[:0], name)
		return end, s.lookUp(node, s.names.plain), ""
	}
	at = s.lookUp(node, name)
	if len(name) <= len(k.name) {
		*k = named{nodes: at, node: node + 1, size: int32(len(name))}
		copy(k.name[:], name)
	}
	return end, at, ""
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
