package correlate

// buckets is into how many parts a wheel divides the time for which entries are kept.
const buckets = 128

// wheel finds the entries whose time is over, by when they were read. An entry goes with its bucket: whether it is still
// there is a function of its own read time and the newest one, whatever the order in which events came.
type wheel struct {
	width int64 // of a bucket, in nanoseconds
	keep  int64
	first int64               // the oldest bucket that is kept
	heads [buckets + 3]*entry // of each bucket, in the order of arrival
	tails [buckets + 3]*entry
}

func newWheel(keep int64) *wheel { return &wheel{width: max(1, keep/buckets), keep: keep} }

// oldest is the first bucket that is kept when events were read up to newest.
func (w *wheel) oldest(newest int64) int64 { return (newest - w.keep) / w.width }

// put takes an entry; it must not be older than the oldest bucket, nor younger than the newest one.
func (w *wheel) put(e *entry, read int64) {
	e.bucket = int(read / w.width % int64(len(w.heads)))
	e.prev, e.next = w.tails[e.bucket], nil
	if w.tails[e.bucket] = e; e.prev == nil {
		w.heads[e.bucket] = e
	} else {
		e.prev.next = e
	}
}

func (w *wheel) drop(e *entry) {
	if e.prev == nil {
		w.heads[e.bucket] = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		w.tails[e.bucket] = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

// turn goes on to newest and hands over every entry whose time is over.
func (w *wheel) turn(newest int64, over func(*entry)) {
	oldest := w.oldest(newest)
	if oldest <= w.first {
		return
	}
	for b := max(w.first, oldest-int64(len(w.heads))); b < oldest; b++ {
		for e := w.heads[b%int64(len(w.heads))]; e != nil; e = w.heads[b%int64(len(w.heads))] {
			over(e)
		}
	}
	w.first = oldest
}
