package engine

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
)

// grams finds many texts inside a value. Of each text some neighbouring runs of bytes are in a table, as many as the
// distance of the places of the value that are looked at, so that one of them is met wherever the text lies. Texts of one
// table have about one length: the longer they are, the fewer places.
type grams struct {
	tables  [lengths]*gramTable
	chars   []added  // texts of one character, which is no letter
	letters alphabet // of all texts
}

// lengths are the tables' lengths of texts: 2, 3 to 6, 7 and more.
const lengths = 3

// gramTable finds runs: a bit per hash says that there may be one, the table which texts have it, and where.
type gramTable struct {
	bits   bitmap
	fold   uint32 // of the bitmap's words: a table of few runs has its bits in few lines of memory
	mask   uint32 // the bytes of a run
	blank  uint32 // the bit that folds them
	width  int
	stride int      // between places looked at
	bucket []uint32 // by hash: where its runs begin
	narrow uint32   // from a hash to its bucket
	runs   []run
	texts  []byte
	added  []added
}

// bitmap has a bit for each hash of a run. That its size does not vary spares half of the instructions of a look.
type bitmap [1 << (bitmapBits - 6)]uint64

const bitmapBits = 17

func (b *bitmap) has(gram, fold uint32) bool {
	h := gramHash(gram) >> (32 - bitmapBits)
	return b[h>>6&fold]&(1<<(h&63)) != 0
}

// added is a text before the table is sealed.
type added struct {
	text  string
	probe int32
}

// run is one run of bytes of a text, in lower case as folding by one bit has it. Four more bytes of the text, so far from
// the run, tell most texts apart without a look at them, which would be one more place in memory.
type run struct {
	gram, more uint32
	from       uint32 // of the text among texts
	probe      int32
	at, length uint8 // of the run in the text, and of the text
	away       int8  // of more, from the run's begin; 0 if the text has no four bytes beside the run
}

// lookedFor is the length of what is looked for of a longer text.
const lookedFor = 120

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

// rarest is where so many neighbouring runs begin that are rarest together, among them those that few texts share: how
// many may share one bounds what a hostile value costs.
func (t *gramTable) rarest(text []byte, common *rarity, shared map[uint32]int) (best int) {
	least := ^uint64(0)
	for i := 0; i+t.stride-1+t.width <= len(text); i++ {
		var sum uint64
		for k := i; k < i+t.stride; k++ {
			sum += 4 * common.count(text, k, t.width)
			if n := shared[t.gram(text, k)]; n >= crowded {
				sum += 1 << 40
			} else {
				sum += uint64(n)
			}
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return best
}

// crowded is the number of texts from which on another run is taken, if a text has one.
const crowded = 16

func (r *rarity) count(text []byte, i, width int) uint64 {
	switch {
	case r == nil:
		return 0
	case width == 2:
		return uint64(r.pairs[pairAt(text, i)])
	case width == 3:
		return uint64(min(r.pairs[pairAt(text, i)], r.pairs[pairAt(text, i+1)]))
	}
	return uint64(r.runs[gramHash(gramAt(text, i))>>16])
}

func (g *grams) add(text []byte, probe int32) {
	text = text[:min(len(text), lookedFor)]
	for _, c := range text {
		g.letters.add(rune(c))
	}
	if len(text) == 1 {
		g.chars = append(g.chars, added{string(text), probe})
		return
	}
	of := [...]int{0, 0, 0, 1, 1, 1, 1, 2}[min(len(text), longEnough)]
	if g.tables[of] == nil {
		g.tables[of] = &gramTable{}
	}
	g.tables[of].added = append(g.tables[of].added, added{string(text), probe})
}

// gram is the run of the table's width that begins there.
func (t *gramTable) gram(text []byte, i int) uint32 {
	if i+4 <= len(text) {
		return binary.LittleEndian.Uint32(text[i:])&t.mask | t.blank
	}
	var x uint32
	for k := min(t.width, len(text)-i) - 1; k >= 0; k-- {
		x = x<<8 | uint32(text[i+k])
	}
	return x | t.blank
}

func (g *grams) seal(common *rarity) {
	if g == nil {
		return
	}
	for _, t := range g.tables {
		if t != nil {
			t.seal(common)
		}
	}
}

// stepOf is the distance of the places where a text of that length is looked for.
func stepOf(length int) int {
	switch {
	case length >= 11:
		return 8
	case length >= 9:
		return 6
	case length >= longEnough:
		return 4
	case length >= 4:
		return 2
	}
	return 1
}

// seal chooses each text's runs and sorts them by hash.
func (t *gramTable) seal(common *rarity) {
	least := lookedFor
	for _, a := range t.added {
		least = min(least, len(a.text))
	}
	t.width = map[bool]int{true: 4, false: min(3, least)}[least >= longEnough]
	t.stride = stepOf(least)
	t.mask, t.blank = ^uint32(0)>>(32-8*t.width), blank>>(32-8*t.width)
	slices.SortStableFunc(t.added, func(a, b added) int { return cmp.Compare(len(a.text), len(b.text)) }) // the shorter has less choice
	for {
		t.runs, t.texts = t.runs[:0], t.texts[:0]
		shared := map[uint32]int{}
		for _, a := range t.added {
			t.take(a, t.rarest([]byte(a.text), common, shared), shared)
		}
		if t.stride == 1 || slices.Max(slices.Collect(maps.Values(shared))) <= 4*crowded {
			break
		}
		t.stride = map[int]int{8: 4, 6: 4, 4: 2, 2: 1}[t.stride] // fewer runs, and with them those that few texts share
	}
	t.added = nil
	slices.SortStableFunc(t.runs, func(a, b run) int {
		return cmp.Or(cmp.Compare(gramHash(a.gram), gramHash(b.gram)), cmp.Compare(a.length, b.length))
	})
	t.index()
}

// take adds neighbouring runs of a text.
func (t *gramTable) take(a added, at int, shared map[uint32]int) {
	text := []byte(a.text)
	for i := at; i < at+t.stride; i++ {
		r := run{gram: t.gram(text, i), from: uint32(len(t.texts)), probe: a.probe, at: uint8(i), length: uint8(len(text))}
		switch {
		case i+t.width+4 <= len(text):
			r.away = int8(t.width)
		case i >= 4:
			r.away = -4
		}
		if r.away != 0 {
			r.more = gramAt(text, i+int(r.away))
		}
		shared[r.gram]++
		t.runs = append(t.runs, r)
	}
	t.texts = append(t.texts, text...)
}

// index makes the bits and the buckets.
func (t *gramTable) index() {
	narrow := bits.Len(uint(len(t.runs)))
	t.narrow, t.bucket = uint32(32-narrow), make([]uint32, 1<<narrow+1)
	t.fold = uint32(min(len(t.bits), max(16, 1<<narrow)) - 1)
	for _, r := range t.runs {
		h := gramHash(r.gram)
		t.bits[h>>(32-bitmapBits)>>6&t.fold] |= 1 << (h >> (32 - bitmapBits) & 63)
		t.bucket[h>>t.narrow+1]++
	}
	for i := range t.bucket[1:] {
		t.bucket[i+1] += t.bucket[i]
	}
}
