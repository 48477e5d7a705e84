package engine

import (
	"encoding/binary"
	"strings"
)

// tree holds the places of an event that rules ask for. An edge leads from a node by a name to another node; node 0 is
// the event itself.
type tree struct {
	nodes []node
	edges []edge // edge 0 is none
	table []int32
	mask  uint32
}

// node is one place. Places that only lead on hold no value that a rule sees.
type node struct {
	inner   bool  // edges lead on from here
	lists   bool  // a list here stands for its elements
	many    bool  // several names lead here
	doubled bool  // values here are escaped once more than JSON asks
	blind   int32 // where edges by names in lower case begin, -1 if there are none
	spaced  int32 // where edges by names without their spaces begin, -1 if there are none
	any     int32 // where every other name leads, -1 if nowhere
}

type edge struct {
	parent, child int32
	name          string
}

func newTree() *tree {
	t := &tree{edges: make([]edge, 1)}
	t.add()
	return t
}

func (t *tree) add() int32 {
	t.nodes = append(t.nodes, node{blind: -1, spaced: -1, any: -1})
	return int32(len(t.nodes) - 1)
}

// lead returns the node behind a name, and makes it if there is none.
func (t *tree) lead(from int32, name string) int32 {
	t.nodes[from].inner = true
	for i := 1; i < len(t.edges); i++ {
		if t.edges[i].parent == from && t.edges[i].name == name {
			return t.edges[i].child
		}
	}
	made := t.add()
	t.edges = append(t.edges, edge{from, made, name})
	return made
}

// side returns the node where a node's other edges begin.
func (t *tree) side(from int32, which func(*node) *int32) int32 {
	t.nodes[from].inner = true
	if at := *which(&t.nodes[from]); at >= 0 {
		return at
	}
	made := t.add()
	*which(&t.nodes[from]) = made
	return made
}

func blind(n *node) *int32  { return &n.blind }
func spaced(n *node) *int32 { return &n.spaced }
func other(n *node) *int32  { return &n.any }

// folded is the node behind a name whose case does not count.
func (t *tree) folded(from int32, name string) int32 {
	return t.lead(t.side(from, blind), strings.ToLower(name))
}

// rest is the node behind all names that no folded edge has.
func (t *tree) rest(from int32) int32 {
	made := t.side(from, other)
	t.nodes[made].many = true
	return made
}

// seal makes the table of edges. The tree grows no more.
func (t *tree) seal() {
	size := 64
	for size < 4*len(t.edges) {
		size *= 2
	}
	t.table, t.mask = make([]int32, size), uint32(size-1)
	for i := 1; i < len(t.edges); i++ {
		at := hash(t.edges[i].parent, []byte(t.edges[i].name)) & t.mask
		for t.table[at] != 0 {
			at = (at + 1) & t.mask
		}
		t.table[at] = int32(i)
	}
}

// find returns the edge of a name, 0 if there is none.
func (t *tree) find(from int32, name []byte) int32 {
	at := hash(from, name) & t.mask
	for {
		i := t.table[at]
		if i == 0 || t.edges[i].parent == from && t.edges[i].name == string(name) {
			return i
		}
		at = (at + 1) & t.mask
	}
}

// hash mixes a name's length, its first and its last eight bytes: names of one event differ there.
func hash(from int32, name []byte) uint32 {
	n := len(name)
	var a, b uint64
	switch {
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		a = uint64(name[0]) | uint64(name[n>>1])<<8 | uint64(name[n-1])<<16
	}
	h := (a ^ b*0x9E3779B97F4A7C15 ^ uint64(n)<<56 ^ uint64(from)<<32) * 0xff51afd7ed558ccd
	return uint32(h >> 32)
}
