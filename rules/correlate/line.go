package correlate

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// entry is an event in the memory of one correlation.
type entry struct {
	event  *Event
	time   int64   // of the event, in nanoseconds
	member int     // which rule matched
	text   string  // what it brings to the count
	number float64 // likewise
	quiet  bool    // recalled, and no window that ends at it was looked at since
	fired  bool

	group      *group
	prev, next *entry // of one bucket of the wheel
	bucket     int
}

// compare orders entries by time. Of two at the same instant the one whose rule is named first comes first: clocks that
// count seconds can't say more, and a sequence is given the benefit of the doubt.
func (e *entry) compare(other *entry) int {
	if c := cmp.Compare(e.time, other.time); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(e.member, other.member), strings.Compare(e.event.Ref.ID, other.event.Ref.ID))
}

// line holds entries in their order. Taking the first, and adding one behind the last, costs little.
type line struct {
	all  []*entry
	head int
}

func (l *line) len() int { return len(l.all) - l.head }

func (l *line) at(i int) *entry { return l.all[l.head+i] }

// find is where an entry is, or would be.
func (l *line) find(e *entry) (at int, there bool) {
	n := l.len()
	if n == 0 || l.at(n-1).compare(e) < 0 {
		return n, false
	}
	at = sort.Search(n, func(i int) bool { return l.at(i).compare(e) >= 0 })
	return at, l.at(at).compare(e) == 0
}

func (l *line) insert(at int, e *entry) {
	if l.head > 32 && l.head > len(l.all)/2 {
		l.all = slices.Delete(l.all, 0, l.head)
		l.head = 0
	}
	if at == l.len() {
		l.all = append(l.all, e)
		return
	}
	l.all = slices.Insert(l.all, l.head+at, e)
}

// remove moves the shorter side.
func (l *line) remove(at int) {
	if at < l.len()/2 {
		copy(l.all[l.head+1:l.head+at+1], l.all[l.head:l.head+at])
		l.all[l.head] = nil
		l.head++
		return
	}
	l.all = slices.Delete(l.all, l.head+at, l.head+at+1)
}
