package detect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// silentAfter is how long a reader may save nothing before people are told that nobody reads.
const silentAfter = 2 * time.Minute

// Coverage is how a stream stands, as its readers saved it last. Times are our clock.
type Coverage struct {
	Stream    string           `json:"stream"`
	Index     string           `json:"index"`
	From      string           `json:"from,omitempty"`         // where it began: now, beginning or a time
	Started   time.Time        `json:"started,omitzero"`       // zero: nobody ever read it
	Updated   time.Time        `json:"updated,omitzero"`       // the oldest of its readers' saves
	Watermark time.Time        `json:"watermark,omitzero"`     // all that was indexed before is evaluated; zero: there is none yet
	Behind    float64          `json:"behind_seconds"`         // the watermark's age
	Unread    int64            `json:"unread"`                 // operations up to the checkpoints that were seen
	Oldest    time.Time        `json:"oldest_unread,omitzero"` // when a look first showed what is unread
	Met       opensearch.Tally `json:"met"`                    // since the first start
	Lateness  LatenessOf       `json:"lateness"`
	Shards    []ShardCoverage  `json:"shards"`  // those that hold the watermark first, bounded
	More      int              `json:"more"`    // that are not in it
	Known     int              `json:"known"`   // shards that have been read
	Stalled   int              `json:"stalled"` // shards and patterns that can't be read to their end
	Answer    *Answer          `json:"at,omitempty"`

	past [][][]opensearch.Mark // by division, by slot
}

// ShardCoverage is one shard, or with shard -1 a pattern or a reader that holds the watermark.
type ShardCoverage struct {
	Index  string           `json:"index"`
	Shard  int              `json:"shard"`
	Unread int64            `json:"unread"`
	Since  time.Time        `json:"since,omitzero"` // of what is unread, or of the stall
	Why    string           `json:"why,omitempty"`  // it can't be read to its end
	Met    opensearch.Tally `json:"met"`
}

// Answer says whether all that was indexed before a time is evaluated.
type Answer struct {
	At      time.Time `json:"at"`
	Covered bool      `json:"covered"`
	Since   time.Time `json:"since,omitzero"` // from when on, at the latest
	Why     string    `json:"why,omitempty"`  // it is not
}

// Cover reads how the named streams of a config stand from the cursors alone; no name means all. A zero at asks no
// question; most bounds the shards of each stream.
func Cover(ctx context.Context, cursors *opensearch.Cursors, c Config, names []string, at, now time.Time, most int) ([]Coverage, error) {
	streams, err := named(c, names)
	if err != nil {
		return nil, err
	}
	all := make([]Coverage, len(streams))
	for i, stream := range streams {
		if all[i], err = cover(ctx, cursors, stream, now); err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		if !at.IsZero() {
			all[i].answer(at, now)
		}
		shown := min(len(all[i].Shards), max(0, most))
		all[i].More, all[i].Shards = len(all[i].Shards)-shown, all[i].Shards[:shown]
	}
	return all, nil
}

// UnknownStreamError says that the config has no stream of that name.
type UnknownStreamError struct {
	Name  string
	Known []string
}

// Error implements error.
func (e *UnknownStreamError) Error() string {
	return fmt.Sprintf("no stream is named %q: the config has %q", e.Name, e.Known)
}

func named(c Config, names []string) (streams []Stream, err error) {
	var known []string
	for _, stream := range c.Streams {
		known = append(known, stream.Name)
		if len(names) == 0 || slices.Contains(names, stream.Name) {
			streams = append(streams, stream.withDefaults())
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, &UnknownStreamError{name, known}
		}
	}
	return streams, nil
}

func cover(ctx context.Context, cursors *opensearch.Cursors, stream Stream, now time.Time) (Coverage, error) {
	c := Coverage{Stream: stream.Name, Index: stream.Index, Shards: []ShardCoverage{}}
	head, err := cursors.Load(ctx, headOf(stream.Name))
	if err != nil || !head.Exists() || len(head.Layouts) == 0 {
		return c, err
	}
	c.Started, c.From = head.Started, cmp.Or(head.From, stream.From)
	divisions := slices.Clone(head.Layouts)
	slices.Sort(divisions)
	for _, slots := range slices.Compact(divisions) {
		division, err := division(ctx, cursors, stream.Name, slots)
		if err != nil {
			return c, err
		}
		var past [][]opensearch.Mark
		for _, held := range division {
			past, c.Met = append(past, held.Past), c.Met.Plus(held.Gone)
		}
		c.past = append(c.past, past)
		if slots == head.Layouts[len(head.Layouts)-1] {
			c.standing(division, len(head.Layouts), now)
		}
	}
	slices.SortStableFunc(c.Shards, worse)
	return c, nil
}

// standing takes how the slots of the division in use stand.
func (c *Coverage) standing(division []opensearch.Held, layouts int, now time.Time) {
	if c.Watermark = leastWatermark(division); !c.Watermark.IsZero() {
		c.Behind = now.Sub(c.Watermark).Seconds()
	}
	c.Lateness = latenessOf(division)
	for i, held := range division {
		if i == 0 || held.Updated.Before(c.Updated) {
			c.Updated = held.Updated
		}
		if silent := now.Sub(held.Updated); len(held.Layouts) < layouts || silent > silentAfter {
			c.Stalled++
			c.Shards = append(c.Shards, ShardCoverage{
				Index: c.Index, Shard: -1, Since: held.Updated,
				Why: fmt.Sprintf("the reader of slot %d of %d has saved nothing since: does a worker with role detect run, and what does its /readyz say?", i, len(division)),
			})
		}
		c.takeShards(held)
	}
}

func (c *Coverage) takeShards(held opensearch.Held) {
	stalls := map[stallKey]opensearch.Stall{}
	for _, stall := range held.Stalls {
		stalls[stallKey{stall.Index, stall.Shard}] = stall
	}
	c.Stalled += held.Stalled
	for _, p := range held.Shards {
		key := stallKey{p.Index, p.Shard}
		one := ShardCoverage{Index: p.Index, Shard: p.Shard, Unread: max(0, p.Known-p.Seq), Since: p.Unread, Met: p.Tally}
		if stall, is := stalls[key]; is {
			one.Why, one.Since = stall.Why, stall.Since
			delete(stalls, key)
		}
		c.Known, c.Unread, c.Met = c.Known+1, c.Unread+one.Unread, c.Met.Plus(p.Tally)
		if !p.Unread.IsZero() && (c.Oldest.IsZero() || p.Unread.Before(c.Oldest)) {
			c.Oldest = p.Unread
		}
		c.Shards = append(c.Shards, one)
	}
	for _, stall := range stalls { // of what was never read
		c.Shards = append(c.Shards, ShardCoverage{Index: stall.Index, Shard: stall.Shard, Since: stall.Since, Why: stall.Why})
	}
}

// worse orders shards: what can't be read, then what is unread, each the longest first.
func worse(a, b ShardCoverage) int {
	rank := func(s ShardCoverage) int {
		switch {
		case s.Why != "":
			return 0
		case s.Unread > 0:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Since.Compare(b.Since), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard))
}

// answer says from when on all that was indexed before at is evaluated, or what holds it. What one division of the stream
// had evaluated stays evaluated.
func (c *Coverage) answer(at, now time.Time) {
	c.Answer = &Answer{At: at}
	for _, slots := range c.past {
		var all time.Time
		for _, past := range slots {
			one := reached(past, at)
			if one.IsZero() {
				all = one
				break
			}
			all = later(all, one)
		}
		if !all.IsZero() && (c.Answer.Since.IsZero() || all.Before(c.Answer.Since)) {
			c.Answer.Since = all
		}
	}
	c.Answer.Why = c.uncovered(at, now)
	if c.Answer.Covered = c.Answer.Why == ""; !c.Answer.Covered {
		c.Answer.Since = time.Time{}
	}
}

func (c *Coverage) uncovered(at, now time.Time) string {
	switch {
	case c.Started.IsZero():
		return "nobody ever read this stream"
	case at.After(now):
		return "that time has not come yet"
	case c.From == FromNow && !at.After(c.Started):
		return "the stream begins at its first start: what was indexed before is not read (from: now)"
	case !c.Answer.Since.IsZero():
		return ""
	case len(c.Shards) > 0 && c.Shards[0].Why != "":
		return fmt.Sprintf("%d shards or patterns can't be read to their end", c.Stalled)
	case c.Unread > 0:
		return fmt.Sprintf("%d operations are unread", c.Unread)
	}
	return "the next look at the checkpoints will tell"
}
