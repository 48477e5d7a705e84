package engine

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// grams finds many texts inside a value. Of each text four neighbouring runs of four bytes are in a bitmap, so a look at
// every fourth place of the value meets one of them wherever the text lies. Texts too short for that have two neighbouring
// pairs of bytes in another, for a look at every second place, and the shortest one pair, for every place.
type grams struct {
	wide  gramTable
	pairs [2]*pairTable // for every place, for every second
}

// stride is the distance of places looked at for runs.
const stride = 4

// gramTable finds runs: a bit per hash says that there may be one, the table which texts have it, and where.
type gramTable struct {
	bits  []uint64
	shift uint32
	mask  uint32
	slots []int32
	runs  []run
	texts []byte
}

// pairTable finds pairs by a bit for each.
type pairTable struct {
	set   [1 << 10]uint64
	table gramTable
}

// run is one run of bytes of a text, in lower case as folding by one bit has it. Four more bytes of the text, so far from
// the run, tell most texts apart without a look at them, which would be one more place in memory.
type run struct {
	gram, more  uint32
	cover       uint32 // of more: nothing if the text has no four bytes beside the run
	away        int32  // from the run's begin
	at, length  int32  // of the run in the text, and of the text
	from, probe int32  // of the text among texts
}

const (
	blank     = 0x20202020
	blankPair = 0x2020
)

func gramAt(text []byte, i int) uint32 { return binary.LittleEndian.Uint32(text[i:]) | blank }

func pairAt(text []byte, i int) uint32 {
	return uint32(binary.LittleEndian.Uint16(text[i:]) | blankPair)
}

func gramHash(gram uint32) uint32 { return gram * 0x9E3779B1 }

// rarity says how common runs and pairs are in the events seen.
type rarity struct{ runs, pairs [1 << 16]uint32 }

func (r *rarity) learn(event []byte) {
	for i := 0; i+4 <= len(event); i++ {
		r.runs[gramHash(gramAt(event, i))>>16]++
		r.pairs[pairAt(event, i)]++
	}
}

func (r *rarity) run(text []byte, i int) uint64 {
	if r == nil {
		return 0
	}
	return uint64(r.runs[gramHash(gramAt(text, i))>>16])
}

func (r *rarity) pair(text []byte, i int) uint64 {
	if r == nil {
		return 0
	}
	return uint64(r.pairs[pairAt(text, i)])
}

// rarest is where so many neighbouring runs begin that are rarest together.
func rarest(text []byte, runs, width int, common func([]byte, int) uint64) (best int) {
	least := ^uint64(0)
	for i := 0; i+runs-1+width <= len(text); i++ {
		var sum uint64
		for k := range runs {
			sum += common(text, i+k)
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return best
}

func (g *grams) add(text []byte, probe int32, common *rarity) {
	if len(text) >= longEnough {
		g.wide.add(text, rarest(text, stride, 4, common.run), stride, 4, probe)
		return
	}
	step := min(2, len(text)-1)
	if g.pairs[step-1] == nil {
		g.pairs[step-1] = &pairTable{}
	}
	p := g.pairs[step-1]
	at := rarest(text, step, 2, common.pair)
	for i := at; i < at+step; i++ {
		p.set[pairAt(text, i)>>6] |= 1 << (pairAt(text, i) & 63)
	}
	p.table.add(text, at, step, 2, probe)
}

// add takes neighbouring runs of a text.
func (t *gramTable) add(text []byte, at, runs, width int, probe int32) {
	for i := at; i < at+runs; i++ {
		r := run{at: int32(i), length: int32(len(text)), from: int32(len(t.texts)), probe: probe}
		if r.gram = pairAt(text, i); width == 4 {
			r.gram = gramAt(text, i)
		}
		switch {
		case i+width+4 <= len(text):
			r.cover, r.away = ^uint32(0), int32(width)
		case i >= 4:
			r.cover, r.away = ^uint32(0), -4
		}
		if r.cover != 0 {
			r.more = gramAt(text, i+int(r.away))
		}
		t.runs = append(t.runs, r)
	}
	t.texts = append(t.texts, text...)
}

func (t *gramTable) seal() {
	if len(t.runs) == 0 {
		return
	}
	size, wide := 16, 10
	for size < 4*len(t.runs) {
		size *= 2
	}
	slices.SortStableFunc(t.runs, func(a, b run) int { return cmp.Compare(a.gram, b.gram) })
	for 1<<wide < 32*len(t.runs) && wide < 20 || 1<<wide < 512*len(t.runs) && wide < 16 {
		wide++
	}
	t.mask, t.slots, t.shift, t.bits = uint32(size-1), make([]int32, size), uint32(32-wide), make([]uint64, 1<<(wide-6))
	for i, r := range t.runs {
		h := gramHash(r.gram)
		t.bits[h>>t.shift>>6] |= 1 << (h >> t.shift & 63)
		if i > 0 && t.runs[i-1].gram == r.gram {
			continue // it stands behind the first of its kind
		}
		at := h >> 7 & t.mask
		for t.slots[at] != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = int32(i + 1)
	}
}

func (g *grams) look(m *Matcher, s *sieve, value []byte) {
	if g.wide.slots != nil && len(value) >= longEnough {
		g.wide.stride(m, s, value)
	}
	for i, p := range g.pairs {
		if p != nil {
			p.look(m, s, value, i+1)
		}
	}
}

func (p *pairTable) look(m *Matcher, s *sieve, value []byte, step int) {
	for i := 0; i+2 <= len(value); i += step {
		pair := binary.LittleEndian.Uint16(value[i:]) | blankPair
		if p.set[pair>>6]>>(pair&63)&1 != 0 {
			p.table.verify(m, s, value, i, uint32(pair))
		}
	}
}

func (t *gramTable) may(gram uint32) bool {
	h := gramHash(gram) >> t.shift
	return t.bits[h>>6]>>(h&63)&1 != 0
}

// stride looks at every fourth place, four at a time.
func (t *gramTable) stride(m *Matcher, s *sieve, value []byte) {
	i, shift, set := 0, t.shift&31, t.bits
	for ; i+16 <= len(value); i += 16 {
		x, y := binary.LittleEndian.Uint64(value[i:])|blank<<32|blank, binary.LittleEndian.Uint64(value[i+8:])|blank<<32|blank
		a, b := gramHash(uint32(x))>>shift, gramHash(uint32(x>>32))>>shift
		c, d := gramHash(uint32(y))>>shift, gramHash(uint32(y>>32))>>shift
		hit := set[a>>6]>>(a&63)&1 | set[b>>6]>>(b&63)&1<<1 | set[c>>6]>>(c&63)&1<<2 | set[d>>6]>>(d&63)&1<<3
		for ; hit != 0; hit &= hit - 1 {
			at := i + 4*bits.TrailingZeros64(hit)
			t.verify(m, s, value, at, binary.LittleEndian.Uint32(value[at:])|blank)
		}
	}
	for ; i+4 <= len(value); i += stride {
		if gram := binary.LittleEndian.Uint32(value[i:]) | blank; t.may(gram) {
			t.verify(m, s, value, i, gram)
		}
	}
}

// verify wakes the texts that have the run and lie there.
func (t *gramTable) verify(m *Matcher, s *sieve, value []byte, i int, gram uint32) {
	at := gramHash(gram) >> 7 & t.mask
	for t.slots[at] != 0 && t.runs[t.slots[at]-1].gram != gram {
		at = (at + 1) & t.mask
	}
	if t.slots[at] == 0 {
		return
	}
	for k := int(t.slots[at]) - 1; k < len(t.runs) && t.runs[k].gram == gram; k++ {
		r := &t.runs[k]
		from := i - int(r.at)
		if from < 0 || from+int(r.length) > len(value) || r.cover != 0 && gramAt(value, i+int(r.away)) != r.more {
			continue
		}
		if sameFolded(t.texts[r.from:r.from+r.length], value[from:from+int(r.length)]) {
			m.wake(s, r.probe)
		}
	}
}
