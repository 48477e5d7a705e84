package thehive

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
)

// How a case's parts are read: all of them, page by page. The bound keeps one broken answer from turning for ever.
const (
	pageSize = 200
	maxPages = 50
)

// stage is one step of TheHive's query language.
type stage map[string]any

// casesTagged are the cases that bear the tag. TheHive's answer is not believed: a filter that it misunderstands must
// never make a stranger's case ours.
func (c client) casesTagged(ctx context.Context, tag string) ([]hiveCase, error) {
	var found []hiveCase
	query := map[string][]stage{"query": {
		{"_name": "listCase"},
		{"_name": "filter", "_eq": map[string]string{"_field": "tags", "_value": tag}},
		{"_name": "page", "from": 0, "to": pageSize},
	}}
	if err := c.do(ctx, http.MethodPost, "/api/v1/query", query, &found); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errNotTheHive
	}
	return slices.DeleteFunc(found, func(one hiveCase) bool { return one.ID == "" || !slices.Contains(one.Tags, tag) }), nil
}

// each calls keep with every part ("comments", "observables") of a case, oldest first.
func each[T any](ctx context.Context, c client, caseID, part string, keep func(T)) error {
	for page := range maxPages {
		var items []T
		query := map[string][]stage{"query": {
			{"_name": "getCase", "idOrName": caseID},
			{"_name": part},
			{"_name": "page", "from": page * pageSize, "to": (page + 1) * pageSize},
		}}
		if err := c.do(ctx, http.MethodPost, "/api/v1/query", query, &items); err != nil {
			return err
		}
		if items == nil {
			return errNotTheHive
		}
		for _, item := range items {
			keep(item)
		}
		if len(items) < pageSize {
			return nil
		}
	}
	return activities.Permanent(fmt.Errorf("case %s has more than %d %s", caseID, maxPages*pageSize, part))
}

// messages are the texts of a case's comments.
func (c client) messages(ctx context.Context, caseID string) (texts []string, err error) {
	err = each(ctx, c, caseID, "comments", func(one struct{ Message string }) { texts = append(texts, one.Message) })
	return texts, err
}

// observables are those that a case has.
func (c client) observables(ctx context.Context, caseID string) (have []observable, err error) {
	err = each(ctx, c, caseID, "observables", func(one observable) { have = append(have, one) })
	return have, err
}
