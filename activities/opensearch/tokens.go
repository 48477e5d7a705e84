package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// tokensID is the document of the bucket that new incidents pass, beside the cursors.
const tokensID = "new-incidents"

// otherClocks is how far ahead another machine's clock may be: if each of two filled the bucket up to its own time, it
// would be filled again whenever they take turns.
const otherClocks = time.Hour

// Tokens is the bucket that every new incident passes, whoever starts it: the dispatcher, or the sweep in another
// process. It is a document, so that a restart fills it no more than time does.
type Tokens struct {
	client *Client
	most   float64
	each   time.Duration // fills one token
	now    func() time.Time
}

// NewTokens returns the bucket that the cluster keeps: burst tokens at most, perHour more each hour.
func NewTokens(c *Client, burst, perHour int, now func() time.Time) *Tokens {
	return &Tokens{client: c, most: float64(burst), each: time.Hour / time.Duration(perHour), now: now}
}

// bucket is how many tokens were left at a time.
type bucket struct {
	Left   float64   `json:"left"`
	Filled time.Time `json:"filled"`
}

// Take takes tokens, at most so many and as many as are left.
func (t *Tokens) Take(ctx context.Context, most int) (taken int, err error) {
	err = t.change(ctx, func(b *bucket) bool {
		taken = min(most, int(b.Left))
		b.Left -= float64(taken)
		return taken > 0
	})
	if err != nil {
		return 0, err
	}
	return taken, nil
}

// GiveBack returns tokens that were not used.
func (t *Tokens) GiveBack(ctx context.Context, tokens int) error {
	return t.change(ctx, func(b *bucket) bool { b.Left = min(t.most, b.Left+float64(tokens)); return true })
}

// change fills the bucket up to now, lets change alter it, and writes it by compare-and-set if change says so.
func (t *Tokens) change(ctx context.Context, change func(*bucket) bool) error {
	for range changeAttempts {
		document, found, err := t.client.Get(ctx, cursorsIndex, tokensID)
		if err != nil {
			return fmt.Errorf("tokens of new incidents: %w", err)
		}
		now, when := t.now().UTC(), Absent()
		b := bucket{Left: t.most, Filled: now}
		if found {
			when = Unchanged(document)
			if err := json.Unmarshal(document.Source, &b); err != nil {
				return errors.New("tokens of new incidents: the document is not one that Sallyport wrote")
			}
		}
		since := now.Sub(b.Filled)
		b.Left = min(t.most, b.Left+float64(max(0, since))/float64(t.each))
		back := since < -otherClocks // the clock was set back: it counts from here
		if since > 0 || back {
			b.Filled = now
		}
		if !change(&b) && !back {
			return nil
		}
		if _, err = t.client.Put(ctx, cursorsIndex, tokensID, b, when); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return errors.New("tokens of new incidents: changed by others again and again")
}
