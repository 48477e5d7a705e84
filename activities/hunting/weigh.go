package hunting

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// maxBehind is how old a watermark may be when silence is to prove something.
const maxBehind = 15 * time.Minute

// run asks, counts and weighs. Only an answer to the whole question is an outcome other than inconclusive.
func (s search) run(ctx context.Context, o activities.HuntOutcome) (activities.HuntOutcome, error) {
	indices, err := s.stream.Cluster.Created(ctx, s.stream.Index)
	if err != nil {
		return o, err
	}
	if len(indices) == 0 {
		return inconclusive(o, "no index matches %s", s.stream.Index), nil
	}
	var known *baseline
	if s.hunt.Analysis.Method == hunt.NewTerms {
		var reason string
		if known, reason, err = s.known(ctx, o); err != nil || reason != "" {
			return inconclusive(o, "%s", reason), err
		}
		if !known.Until.IsZero() && known.Until.Before(o.From) { // nobody hunted for a while: look at that too
			o.From = later(known.Until, o.To.Add(-s.hunt.Baseline))
		}
	}
	missing, err := s.missingFields(ctx, o.From, o.To)
	if err != nil {
		return o, err
	}
	if len(missing) > 0 {
		return inconclusive(o, "no document since %s has %s", o.From.Format(time.DateTime), strings.Join(missing, ", ")), nil
	}
	now, err := s.stack(ctx, o.From, o.To)
	if err != nil {
		return o, err
	}
	o.Documents = now.documents
	few := s.tooLittle(now, "the window")
	switch {
	case now.truncated, known == nil && few != "": // what is rare among few is not rare
		return inconclusive(o, "%s", few), nil
	case known == nil:
		return s.conclude(ctx, o, s.rare(now.rows))
	}
	s.silent = cmp.Or(s.silent, few)
	return s.concludeNew(ctx, o, now.rows, known)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s search) tooLittle(k stack, what string) string {
	switch {
	case k.truncated:
		return fmt.Sprintf("%s has more than %d combinations: narrow the query", what, maxRows)
	case k.documents < s.hunt.MinDocs:
		return fmt.Sprintf("%s holds %d documents, and fewer than %d prove nothing", what, k.documents, s.hunt.MinDocs)
	}
	return ""
}

// rare are the rows whose by-fields occur at most max_count times, over all entities together: what every host does is
// not rare because one does it once.
func (s search) rare(rows []row) []row {
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.by(s.hunt)] += r.count
	}
	return slices.DeleteFunc(rows, func(r row) bool { return counts[r.by(s.hunt)] > s.hunt.Analysis.MaxCount })
}

// concludeNew weighs what is not known yet, and keeps in mind that the rest was seen again.
func (s search) concludeNew(ctx context.Context, o activities.HuntOutcome, rows []row, known *baseline) (activities.HuntOutcome, error) {
	var fresh, again []row
	for _, r := range rows {
		if known.has(r.by(s.hunt)) {
			again = append(again, r)
		} else {
			fresh = append(fresh, r)
		}
	}
	o, err := s.conclude(ctx, o, fresh)
	if err != nil || o.Outcome == activities.Inconclusive {
		return o, err
	}
	known.see(s.hunt, again, o.To)
	if len(fresh) == 0 { // else the window is done with when what it proves is recorded
		known.Until = o.To
	}
	if err := s.baselines.save(ctx, s.hunt, known, o.To); err != nil {
		return o, fmt.Errorf("baseline: %w", err)
	}
	return o, nil
}

// conclude says what the rows that are left mean. What was found is a proof whatever else is missing; silence is one
// only when everything is known.
func (s search) conclude(ctx context.Context, o activities.HuntOutcome, rows []row) (activities.HuntOutcome, error) {
	if len(rows) == 0 {
		if s.silent != "" {
			return inconclusive(o, "%s", s.silent), nil
		}
		o.Outcome, o.Reason = activities.Disproved, fmt.Sprintf("nothing among %d documents", o.Documents)
		return o, nil
	}
	o.Outcome, o.Reason = activities.Proved, fmt.Sprintf("%d of them among %d documents", len(rows), o.Documents)
	if len(rows) > maxProofs {
		o.Reason += fmt.Sprintf("; the first %d are kept", maxProofs)
	}
	for _, r := range rows[:min(len(rows), maxProofs)] {
		proof, err := s.proof(ctx, o, r)
		if err != nil {
			return o, err
		}
		o.Proofs = append(o.Proofs, proof)
	}
	return o, nil
}

// summary is the proof in one line, at most 300 bytes.
func summary(h hunt.Hunt, p activities.HuntProof) string {
	parts := make([]string, 0, len(h.Analysis.By))
	for _, field := range h.Analysis.By {
		parts = append(parts, p.Values[field])
	}
	line := strings.ToValidUTF8(fmt.Sprintf("%s: %s (%d times)", h.Title, strings.Join(parts, " -> "), p.Count), "?")
	return strings.ToValidUTF8(line[:min(len(line), 300)], "")
}
