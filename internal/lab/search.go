package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// startSearch brings up the cluster: the office's Wazuh indexer, and where Sallyport keeps its state.
func (l *Lab) startSearch(ctx context.Context) (err error) {
	l.searchURL = l.options.OpenSearch
	if l.searchURL == "" {
		l.Search = opensearchtest.NewCluster(opensearchtest.WithRefresh(cmp.Or(l.options.Refresh, 500*time.Millisecond)))
		if l.searchURL, err = l.serve(ctx, l.Search); err != nil {
			return err
		}
		if l.gateURL, err = l.serve(ctx, l.gate.Wrap(l.Search)); err != nil {
			return err
		}
	} else {
		l.gateURL = l.searchURL
	}
	if l.state, err = opensearch.Open(ctx, opensearch.Config{URL: l.searchURL}); err != nil {
		return err
	}
	used, err := l.state.Count(ctx, "sallyport-*", nil)
	if err != nil {
		return fmt.Errorf("%s: %w", l.searchURL, err)
	}
	if used > 0 {
		return fmt.Errorf("%s holds %d documents of a Sallyport already: give an empty one", l.searchURL, used)
	}
	l.ours = true // whatever is called as ours from here on was made by this run
	return l.mapAsWazuh(ctx)
}

// mapAsWazuh gives the lab's indices, and no others, the types that Wazuh's own templates give them.
func (l *Lab) mapAsWazuh(ctx context.Context) error {
	api, err := rest.Open(l.searchURL, nil, rest.TLS{}, 20*time.Second)
	if err != nil {
		return err
	}
	for name, text := range wazuhtest.Templates() {
		var template struct {
			Patterns []string        `json:"index_patterns"`
			Priority int             `json:"priority"`
			Template json.RawMessage `json:"template"`
		}
		if err := json.Unmarshal(text, &template); err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
		for i, pattern := range template.Patterns {
			template.Patterns[i] = strings.TrimSuffix(pattern, "*") + l.suffix + "*"
		}
		template.Priority = 1000 // above those of a Wazuh that is there already
		if err := api.Do(ctx, http.MethodPut, "/_index_template/"+l.templateName(name), template, nil); err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
	}
	return nil
}

// templateName is this run's own: a cluster may have a Wazuh's.
func (l *Lab) templateName(name string) string { return name + "-" + l.suffix }

// cleanSearch deletes what this run made in a real OpenSearch: its own indices and templates, by name.
func (l *Lab) cleanSearch() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	api, err := rest.Open(l.options.OpenSearch, nil, rest.TLS{}, 20*time.Second)
	if err != nil {
		return err
	}
	var indices []struct {
		Index string `json:"index"`
	}
	pattern := "sallyport-*,wazuh-alerts-4.x-" + l.suffix + "-*," + l.statesIndex() + "*"
	if err := api.Do(ctx, http.MethodGet, "/_cat/indices/"+pattern+"?format=json&h=index&expand_wildcards=all", nil, &indices); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	var faults []error
	for _, index := range indices {
		faults = append(faults, api.Do(ctx, http.MethodDelete, "/"+index.Index, nil, nil))
	}
	templates, err := opensearch.Templates()
	if err != nil {
		return err
	}
	var names []string
	for name := range wazuhtest.Templates() {
		names = append(names, l.templateName(name))
	}
	for _, template := range templates {
		names = append(names, template.Name)
	}
	for _, name := range names {
		if err := api.Do(ctx, http.MethodDelete, "/_index_template/"+name, nil, nil); rest.Status(err) != http.StatusNotFound {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
