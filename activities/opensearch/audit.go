package opensearch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/audit"
)

const (
	auditIndices = "sallyport-audit-*"
	auditPrefix  = "sallyport-audit-"
	month        = "2006.01"
	// auditAttempts is how often an entry may lose its place to another writer's before it is given up as busy.
	auditAttempts = 100
)

// Audits are the chains of the audit log. A chain lies in one index: the month of its first entry.
type Audits struct{ client *Client }

// NewAudits returns the chains that the cluster keeps.
func NewAudits(c *Client) *Audits { return &Audits{client: c} }

// Audit carries out the step of that name. Place and order are made by op_type=create on chain and number: who loses
// the place reads the winner and goes behind it. A retry finds its own entry by its cause.
func (a *Audits) Audit(ctx context.Context, e activities.AuditEntry) (activities.None, error) {
	if e.Chain == "" || e.Cause == "" || e.What == "" || e.At.IsZero() {
		return activities.None{}, activities.Permanent(errors.New("audit entry without chain, cause, time or deed"))
	}
	entry := audit.Entry{Chain: e.Chain, At: e.At, Cause: searchable(e.Cause), Actor: e.Actor, What: e.What, Subject: e.Subject}
	if e.Chain == activities.HouseChain { // one chain per month, each in its month's index
		entry.Chain += "-" + e.At.UTC().Format(month)
	}
	if e.Detail != nil {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return activities.None{}, activities.Permanent(fmt.Errorf("audit detail: %w", err))
		}
		entry.Detail = detail
	}
	if err := a.append(ctx, entry); err != nil {
		return activities.None{}, fmt.Errorf("audit %s: %w", e.What, err)
	}
	return activities.None{}, nil
}

// maxKeyword is how long a text the audit template searches as a keyword.
const maxKeyword = 1024

// searchable keeps a cause that could not be searched for by its hash.
func searchable(cause string) string {
	if len(cause) <= maxKeyword {
		return cause
	}
	sum := sha256.Sum256([]byte(cause))
	return hex.EncodeToString(sum[:])
}

func (a *Audits) append(ctx context.Context, entry audit.Entry) error {
	index, head, written, err := a.visible(ctx, entry)
	if err != nil || written {
		return err
	}
	for range auditAttempts {
		sealed, err := audit.Next(head, entry)
		if err != nil {
			return activities.Permanent(err)
		}
		_, err = a.client.Create(ctx, index, auditID(sealed), sealed)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		winner, found, err := a.read(ctx, index, sealed)
		if err != nil {
			return err
		}
		if !found {
			return errors.New("the entry that took the place is not there")
		}
		if winner.Cause == entry.Cause {
			return nil
		}
		head = &winner
	}
	return fmt.Errorf("lost its place %d times in a row", auditAttempts)
}

// visible is what one search sees of the chain: its last entry, or nil, the index that the chain lies in, and whether an
// entry with this cause is written. One that is not visible yet is met by append on its way from there to the end; with a
// search for each a refresh between the two would hide it from both.
func (a *Audits) visible(ctx context.Context, entry audit.Entry) (index string, head *audit.Entry, written bool, err error) {
	var found struct {
		Result
		Aggregations struct {
			Written struct {
				Count int64 `json:"doc_count"`
			} `json:"written"`
		} `json:"aggregations"`
	}
	err = a.client.Search(ctx, auditIndices, map[string]any{
		"size": 1, "sort": []any{map[string]any{"seq": "desc"}}, "query": map[string]any{"term": map[string]any{"chain": entry.Chain}},
		"aggs": map[string]any{"written": map[string]any{"filter": map[string]any{"term": map[string]any{"cause": entry.Cause}}}},
	}, &found)
	if err != nil {
		return "", nil, false, err
	}
	if len(found.Hits.Hits) == 0 {
		index, err = a.birthplace(ctx, entry)
		return index, nil, false, err
	}
	last, head := found.Hits.Hits[0], &audit.Entry{}
	if err := json.Unmarshal(last.Source, head); err != nil {
		return "", nil, false, fmt.Errorf("audit entry %s is not readable: %w", last.ID, err)
	}
	return last.Index, head, found.Aggregations.Written.Count > 0, nil
}

// birthplace is the index of a chain of which no search sees anything: that of its first entry, if it was written a
// moment ago, else the month of this one.
func (a *Audits) birthplace(ctx context.Context, entry audit.Entry) (index string, err error) {
	at := entry.At.UTC()
	first := audit.Entry{Chain: entry.Chain, Seq: 1}
	earlier := auditPrefix + time.Date(at.Year(), at.Month(), 0, 0, 0, 0, 0, time.UTC).Format(month)
	if _, found, err := a.read(ctx, earlier, first); err != nil || found {
		return earlier, err
	}
	return auditPrefix + at.Format(month), nil
}

func (a *Audits) read(ctx context.Context, index string, at audit.Entry) (e audit.Entry, found bool, err error) {
	d, found, err := a.client.Get(ctx, index, auditID(at))
	if err != nil || !found {
		return e, false, err
	}
	if err := json.Unmarshal(d.Source, &e); err != nil {
		return e, false, fmt.Errorf("audit entry %s is not readable: %w", d.ID, err)
	}
	return e, true, nil
}

func auditID(e audit.Entry) string { return fmt.Sprintf("%s-%d", e.Chain, e.Seq) }

// ChainReport is how one chain stands.
type ChainReport struct {
	Chain   string `json:"chain"`
	Entries int    `json:"entries"`
	Head    string `json:"head"`             // hash of the last entry: kept elsewhere, it proves that nothing was cut off
	Broken  string `json:"broken,omitempty"` // names the first entry that is not as it was written; "" for a whole chain
}

// Verify checks one chain, or with chain "" all, in the order of their names. A chain that has no entry is reported
// with none.
func (a *Audits) Verify(ctx context.Context, chain string) (reports []ChainReport, err error) {
	var entries []audit.Entry
	judge := func() {
		if len(entries) > 0 {
			reports = append(reports, reportOn(entries))
			entries = nil
		}
	}
	err = a.each(ctx, chain, func(e audit.Entry) {
		if len(entries) > 0 && entries[0].Chain != e.Chain {
			judge()
		}
		entries = append(entries, e)
	})
	if err != nil {
		return nil, err
	}
	judge()
	if chain != "" && len(reports) == 0 {
		reports = append(reports, ChainReport{Chain: chain})
	}
	return reports, nil
}

// Entries returns a chain, in its order.
func (a *Audits) Entries(ctx context.Context, chain string) (entries []audit.Entry, err error) {
	if chain == "" {
		return nil, errors.New("which chain?")
	}
	return entries, a.each(ctx, chain, func(e audit.Entry) { entries = append(entries, e) })
}

func (a *Audits) each(ctx context.Context, chain string, visit func(audit.Entry)) error {
	query := map[string]any{"match_all": map[string]any{}}
	if chain != "" {
		query = map[string]any{"term": map[string]any{"chain": chain}}
	}
	if err := a.client.Refresh(ctx, auditIndices); err != nil {
		return err
	}
	return a.client.scan(ctx, auditIndices, query, []string{"chain", "seq"}, func(d Document) error {
		var e audit.Entry
		if err := json.Unmarshal(d.Source, &e); err != nil {
			return err
		}
		visit(e)
		return nil
	})
}

func reportOn(entries []audit.Entry) ChainReport {
	report := ChainReport{Chain: entries[0].Chain, Entries: len(entries), Head: entries[len(entries)-1].Hash}
	if err := audit.Verify(report.Chain, entries); err != nil {
		report.Broken = err.Error()
	}
	return report
}
