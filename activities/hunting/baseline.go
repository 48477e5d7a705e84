package hunting

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// saves is how often a baseline is merged into what another run of the same hunt saved meanwhile.
const saves = 5

const day = 24 * time.Hour

// baseline is what a hunt for new things has seen before. It outlives the indices that it was made from.
type baseline struct {
	Hunt  string           `json:"hunt"`
	Shape string           `json:"shape"` // of the hunt that it belongs to; another query begins anew
	Until time.Time        `json:"until"` // what came before was looked at
	Known map[string]int64 `json:"known"` // hash of a combination, to the day on which it was last seen

	document opensearch.Document
	stored   bool
}

// hash keeps a combination's identity, not its text: the baseline of accounts is no list of accounts.
func hash(by string) string {
	sum := sha256.Sum256([]byte(by))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (b *baseline) has(by string) bool {
	_, known := b.Known[hash(by)]
	return known
}

// see notes that the rows were seen by then, and forgets what was not for the length of the hunt's baseline.
func (b *baseline) see(h hunt.Hunt, rows []row, at time.Time) {
	for _, r := range rows {
		b.note(hash(r.by(h)), at)
	}
	oldest := at.Add(-h.Baseline).Unix() / int64(day/time.Second)
	for key, last := range b.Known {
		if last < oldest {
			delete(b.Known, key)
		}
	}
}

func (b *baseline) note(key string, at time.Time) {
	b.Known[key] = max(b.Known[key], at.Unix()/int64(day/time.Second))
}

// baselines keeps them, one per hunt.
type baselines struct{ client *opensearch.Client }

func baselineID(h hunt.Hunt) string { return "baseline-" + h.ID }

// load returns the stored baseline, or an empty one if there is none of the hunt's shape.
func (s baselines) load(ctx context.Context, h hunt.Hunt) (*baseline, error) {
	b := &baseline{Hunt: h.ID, Shape: h.Shape(), Known: map[string]int64{}}
	document, found, err := s.client.Get(ctx, outcomes, baselineID(h))
	if err != nil || !found {
		return b, err
	}
	var stored baseline
	if err := json.Unmarshal(document.Source, &stored); err != nil {
		return nil, fmt.Errorf("the baseline of hunt %s is not readable: delete document %s of %s", h.ID, baselineID(h), outcomes)
	}
	b.document = document
	if stored.Shape == b.Shape && stored.Known != nil {
		b.Until, b.Known, b.stored = stored.Until, stored.Known, true
	}
	return b, nil
}

// save writes the baseline; what another run saved meanwhile stays in it.
func (s baselines) save(ctx context.Context, h hunt.Hunt, b *baseline, at time.Time) error {
	for range saves {
		when := opensearch.Absent()
		if b.document.ID != "" {
			when = opensearch.Unchanged(b.document)
		}
		_, err := s.client.Put(ctx, outcomes, baselineID(h), b, when)
		if !errors.Is(err, opensearch.ErrConflict) {
			return err
		}
		other, err := s.load(ctx, h)
		if err != nil {
			return err
		}
		for key, last := range other.Known {
			b.Known[key] = max(b.Known[key], last)
		}
		b.document, b.Until = other.document, later(b.Until, other.Until)
	}
	return fmt.Errorf("saved by others %d times in a row at %s", saves, at.Format(time.TimeOnly))
}

// learn makes what a run proved known: the next run does not prove it again.
func (s baselines) learn(ctx context.Context, h hunt.Hunt, o activities.HuntOutcome) error {
	b, err := s.load(ctx, h)
	if err != nil {
		return err
	}
	for _, p := range o.Proofs {
		parts := make([]string, len(h.Analysis.By))
		for i, field := range h.Analysis.By {
			parts[i] = p.Values[field]
		}
		b.note(hash(strings.Join(parts, "\x00")), o.To)
	}
	if len(o.Proofs) < maxProofs { // else there may be more of them
		b.Until = later(b.Until, o.To)
	}
	return s.save(ctx, h, b, o.To)
}

// known is the stored baseline, or at first one that is made of the events before the window; reason says why there is none.
func (s search) known(ctx context.Context, o activities.HuntOutcome) (b *baseline, reason string, err error) {
	if b, err = s.baselines.load(ctx, s.hunt); err != nil || b.stored {
		return b, "", err
	}
	before, err := s.stack(ctx, o.From.Add(-s.hunt.Baseline), o.From)
	if err != nil {
		return b, "", err
	}
	if reason := s.tooLittle(before, "the baseline"); reason != "" {
		return b, reason, nil
	}
	for _, r := range before.rows {
		b.note(hash(r.by(s.hunt)), o.From)
	}
	return b, "", nil
}
