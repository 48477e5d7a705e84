package opensearch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Load bounds what reading a History costs the cluster: one search at a time, so many documents at most in one answer, and
// on average so many a second at most.
type Load struct {
	Page   int // at most 10,000
	Rate   int // documents a second
	Now    func() time.Time
	Wait   func(context.Context, time.Duration) error // sleeps, and returns early with the context's error
	Waited func(err error, pause time.Duration)       // hears of each failure that is tried again; may be nil
}

// How a failing search is tried again: ever later, and a server that asks for less is left alone for longer than a
// connection that broke. Each time for half as many documents.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
	brokenPause  = 2 * time.Second
	maxFailures  = 16 // in a row
)

// Read hands every page to take until the window is at its end. Its error says why it ended earlier: the context's, what
// take said, or what the cluster did for longer than is tried again. A document that can't be had by itself, for its size
// or for what is in it, comes without its source.
func (h *History) Read(ctx context.Context, load Load, take func([]Past) error) error {
	r := reading{history: h, load: load, page: min(load.Page, load.Rate, maxResult)}
	for {
		began := load.Now()
		found, err := r.next(ctx)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		if err := take(found); err != nil {
			return err
		}
		due := began.Add(time.Duration(len(found)) * time.Second / time.Duration(load.Rate))
		if err := r.until(ctx, due); err != nil {
			return err
		}
	}
}

type reading struct {
	history *History
	load    Load
	page    int // is halved at a failure, and grows back
	fails   int
}

// next asks until it is answered.
func (r *reading) next(ctx context.Context) ([]Past, error) {
	for {
		found, err := r.history.Next(ctx, r.page, false)
		if err == nil {
			r.fails, r.page = 0, min(r.page+max(1, r.page/4), r.load.Page, r.load.Rate, maxResult)
			return found, nil
		}
		fault, answered := errors.AsType[*Fault](err)
		if ctx.Err() != nil || answered && fault.Permanent() {
			return nil, errors.Join(ctx.Err(), err)
		}
		if r.fails++; r.page == 1 && !answered && r.fails > 1 {
			if found, bareErr := r.history.Next(ctx, 1, true); bareErr == nil {
				r.fails = 0
				return found, nil
			}
		}
		if r.fails >= maxFailures {
			return nil, fmt.Errorf("%d times in a row: %w", r.fails, err)
		}
		if err := r.backOff(ctx, err, answered); err != nil {
			return nil, err
		}
	}
}

func (r *reading) backOff(ctx context.Context, cause error, answered bool) error {
	longest := longestPause
	if !answered {
		longest = brokenPause
	}
	r.page = max(1, r.page/2)
	pause := min(longest, firstPause<<min(r.fails-1, 10))
	pause = pause/2 + rand.N(pause/2)
	if r.load.Waited != nil {
		r.load.Waited(cause, pause)
	}
	return r.until(ctx, r.load.Now().Add(pause))
}

func (r *reading) until(ctx context.Context, due time.Time) error {
	if left := due.Sub(r.load.Now()); left > 0 {
		return r.load.Wait(ctx, left)
	}
	return ctx.Err()
}
