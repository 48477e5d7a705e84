package rules

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// Live is a library that follows its sources: what changed is compiled beside the rules in use, which are swapped between
// two events.
type Live struct {
	sources []fs.FS
	current atomic.Pointer[Library]
	print   uint64 // of the sources, as last loaded
	costs   costs
}

// NewLive loads the sources.
func NewLive(sources ...fs.FS) (*Live, *Report) {
	l := &Live{sources: sources, print: fingerprint(sources)}
	library, report := Load(sources...)
	l.current.Store(library)
	return l, report
}

// Library is the one in use.
func (l *Live) Library() *Library { return l.current.Load() }

// Follow looks at the sources every so often and loads them anew when they have changed, until the context ends. A file
// that is refused leaves the rules in use that it held before. told hears of each load.
func (l *Live) Follow(ctx context.Context, every time.Duration, told func(*Library, *Report)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := fingerprint(l.sources); now != l.print {
			l.print = now
			library, report := load(l.current.Load(), l.sources...)
			l.current.Store(library)
			told(library, report)
		}
	}
}

// fingerprint changes with any file of the sources: its name, size or time.
func fingerprint(sources []fs.FS) uint64 {
	sum := fnv.New64a()
	for _, source := range sources {
		_ = fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				fmt.Fprintln(sum, name, err)
				return nil
			}
			if entry.IsDir() || path.Ext(name) != ".yaml" && path.Ext(name) != ".yml" {
				return nil
			}
			if info, err := fs.Stat(source, name); err == nil { // of what a link leads to
				fmt.Fprintln(sum, name, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return sum.Sum64()
}

// For returns a matcher of a stream that follows the library. It is safe for concurrent use.
func (l *Live) For(mapping string) (*LiveMatcher, error) {
	m := &LiveMatcher{live: l, mapping: mapping}
	return m, m.renew(l.current.Load())
}

// LiveMatcher evaluates the library in use on the events of one stream.
type LiveMatcher struct {
	// Faulted is told of each rule whose condition fails on an event. It may be nil; set it before the first event.
	Faulted func(rule string, err error)
	// Absent is told of each field whose value is not of its type. It may be nil; set it before the first event.
	Absent func(field string)

	live    *Live
	mapping string
	mu      sync.Mutex
	of      atomic.Pointer[Matcher]
}

func (m *LiveMatcher) renew(library *Library) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if made := m.of.Load(); made != nil && made.library == library {
		return nil
	}
	made, err := library.For(m.mapping)
	if err == nil {
		made.costs = &m.live.costs
		made.Faulted = func(rule string, err error) {
			if m.Faulted != nil {
				m.Faulted(rule, err)
			}
		}
		made.Absent = func(field string) {
			if m.Absent != nil {
				m.Absent(field)
			}
		}
		m.of.Store(made)
	}
	return err
}

// Match returns the rules that match a document's source, by id.
func (m *LiveMatcher) Match(source []byte) ([]Match, error) {
	if library := m.live.current.Load(); m.of.Load().library != library {
		if err := m.renew(library); err != nil {
			return nil, err
		}
	}
	return m.of.Load().Match(source)
}

// MatchAlone is Match for an event on which Match panicked.
func (m *LiveMatcher) MatchAlone(source []byte) ([]Match, error) {
	return m.of.Load().MatchAlone(source)
}
