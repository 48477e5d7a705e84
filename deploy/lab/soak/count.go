package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
)

// The ledger, as its readers see it from outside: its indices have one shard each.
const (
	ledger   = "sallyport-detections-*"
	lossRule = "sallyport-loss"
	pageSize = 10_000
)

// detection is what is counted of a document of the ledger.
type detection struct {
	Rule struct {
		ID string `json:"id"`
	} `json:"rule"`
	Event struct {
		Index string `json:"index"`
		ID    string `json:"id"`
	} `json:"event"`
}

// count holds the writers' list against the ledger.
func count(ctx context.Context, c *cluster, list *acknowledged) (o outcome, err error) {
	open := list.all()
	o.Written = len(open)
	seen := map[string]bool{}
	err = c.eachDetection(ctx, func(d detection) {
		key := d.Event.Index + "/" + d.Event.ID
		switch {
		case d.Rule.ID == lossRule:
			o.LossIncidents++
		case seen[key]:
			o.Duplicates++
		default:
			seen[key] = true
			if open[key] {
				o.Evaluated++
				delete(open, key)
			}
		}
	})
	o.Lost = len(open)
	for key := range open {
		log.Printf("lost: %s", key)
		if o.Lost > 20 {
			log.Printf("and %d more", o.Lost-1)
			break
		}
	}
	return o, err
}

func (c *cluster) eachDetection(ctx context.Context, visit func(detection)) error {
	if err := c.ask(ctx, http.MethodPost, "/"+ledger+"/_refresh", nil, nil); err != nil {
		return err
	}
	var months map[string]any
	if err := c.ask(ctx, http.MethodGet, "/"+ledger+"/_settings?filter_path=*.settings.index.uuid", nil, &months); err != nil {
		return err
	}
	for month := range months {
		if err := c.eachOf(ctx, month, visit); err != nil {
			return fmt.Errorf("ledger %s: %w", month, err)
		}
	}
	return nil
}

func (c *cluster) eachOf(ctx context.Context, month string, visit func(detection)) error {
	for after := int64(-1); ; {
		var page struct {
			Shards struct{ Failed int } `json:"_shards"`
			Hits   struct {
				Hits []struct {
					Seq    int64     `json:"_seq_no"`
					Source detection `json:"_source"`
				}
			} `json:"hits"`
		}
		body := map[string]any{
			"size": pageSize, "seq_no_primary_term": true, "_source": []string{"rule.id", "event.index", "event.id"}, "sort": []any{map[string]string{"_seq_no": "asc"}},
			"query": map[string]any{"range": map[string]any{"_seq_no": map[string]int64{"gt": after}}},
		}
		if err := c.ask(ctx, http.MethodPost, "/"+month+"/_search?allow_partial_search_results=false", body, &page); err != nil {
			return err
		}
		for _, hit := range page.Hits.Hits {
			visit(hit.Source)
			after = hit.Seq
		}
		if len(page.Hits.Hits) < pageSize {
			return nil
		}
	}
}
