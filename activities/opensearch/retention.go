package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// matchesPattern is what rules matched that only feed correlations.
const matchesPattern = matchesIndex + "*"

// InboxIndex is where events are kept that other systems sent.
const InboxIndex = "sallyport-inbox"

// How long the ledger, the matches and the inbox are kept, and how much one call forgets at most. An event that is sent
// again after its time in the inbox is a new one: an alert that fires for a month is told every month.
const (
	ledgerKept   = 90 * 24 * time.Hour
	matchesKept  = 48 * time.Hour
	inboxKept    = 30 * 24 * time.Hour
	monthsAtOnce = 12
	matchPages   = 20
)

// DropMonths deletes the months of the ledger that nobody needs: over for 90 days, nothing written to them within 90
// days, and none of the watched indices, closed ones included, made in that month, since an event that is read again
// must meet its own detection. watched is asked only if a month is old enough.
func (l *Ledger) DropMonths(ctx context.Context, now time.Time, watched func(context.Context) ([]Index, error)) (dropped []string, err error) {
	months, err := l.client.Indices(ctx, LedgerPattern)
	if err != nil {
		return nil, err
	}
	months = slices.DeleteFunc(months, func(i Index) bool {
		begin, err := time.Parse(month, strings.TrimPrefix(i.Name, ledgerPrefix))
		return err != nil || begin.AddDate(0, 1, 0).Add(ledgerKept).After(now)
	})
	if len(months) == 0 {
		return nil, nil
	}
	indices, err := watched(ctx)
	if err != nil {
		return nil, fmt.Errorf("watched indices: %w", err)
	}
	for _, old := range months[:min(len(months), monthsAtOnce)] {
		needed, err := l.needed(ctx, old, now, indices)
		if err != nil {
			return dropped, err
		}
		if needed {
			continue
		}
		if err := l.client.call(ctx, "drop "+old.Name, http.MethodDelete, pathTo(old.Name), nil, nil, nil); err != nil && !Gone(err) {
			return dropped, err
		}
		dropped = append(dropped, old.Name)
	}
	return dropped, nil
}

// needed reports whether a month of the ledger must stay.
func (l *Ledger) needed(ctx context.Context, old Index, now time.Time, watched []Index) (bool, error) {
	if old.Closed || slices.ContainsFunc(watched, func(i Index) bool { return ledgerPrefix+i.Created.UTC().Format(month) == old.Name }) {
		return true, nil
	}
	if err := l.client.Refresh(ctx, old.Name); err != nil {
		return true, err
	}
	young, err := l.client.Count(ctx, old.Name, map[string]any{"range": map[string]any{"read_at": map[string]any{
		"gte": now.Add(-ledgerKept).UTC().Format(time.RFC3339Nano),
	}}})
	return young > 0, err
}

// DropMatches deletes matches that were read over 48 hours ago, so many at most in one call.
func (l *Ledger) DropMatches(ctx context.Context, now time.Time) (dropped int, err error) {
	if dropped, err = l.dropOlder(ctx, matchesPattern, "read_at", now.Add(-matchesKept)); err != nil {
		return dropped, fmt.Errorf("old matches: %w", err)
	}
	return dropped, nil
}

// DropInbox deletes events that were sent over 30 days ago, so many at most in one call.
func (l *Ledger) DropInbox(ctx context.Context, now time.Time) (dropped int, err error) {
	if dropped, err = l.dropOlder(ctx, InboxIndex+"*", "received", now.Add(-inboxKept)); err != nil {
		return dropped, fmt.Errorf("old inbox: %w", err)
	}
	return dropped, nil
}

// dropOlder deletes documents whose field is before a time, oldest first.
func (l *Ledger) dropOlder(ctx context.Context, pattern, field string, before time.Time) (dropped int, err error) {
	old := map[string]any{"range": map[string]any{field: map[string]any{"lt": before.UTC().Format(time.RFC3339Nano)}}}
	body := map[string]any{"size": scanPage, "_source": false, "seq_no_primary_term": true, "query": old, "sort": []any{map[string]string{field: "asc"}}}
	for range matchPages {
		var page Result
		if err := l.client.Search(ctx, pattern, body, &page); err != nil {
			return dropped, err
		}
		if len(page.Hits.Hits) == 0 {
			return dropped, nil
		}
		n, err := l.deleteAll(ctx, page.Documents())
		if dropped += n; err != nil {
			return dropped, err
		}
		if err := l.client.Refresh(ctx, pattern); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

func (l *Ledger) deleteAll(ctx context.Context, documents []Document) (deleted int, err error) {
	var body bytes.Buffer
	for _, d := range documents {
		action, err := json.Marshal(map[string]any{"delete": map[string]any{
			"_index": d.Index, "_id": d.ID, "if_seq_no": d.SeqNo, "if_primary_term": d.PrimaryTerm,
		}})
		if err != nil {
			return 0, fmt.Errorf("encode deletion: %w", err)
		}
		body.Write(action)
		body.WriteByte('\n')
	}
	items, err := l.client.bulk(ctx, "delete documents", body.Bytes(), len(documents))
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		switch {
		case item.Fault == nil:
			deleted++
		case item.Status != http.StatusNotFound && !errors.Is(item.Fault, ErrConflict):
			return deleted, item.Fault
		}
	}
	return deleted, nil
}
