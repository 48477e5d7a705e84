package opensearch_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// versioned is a template of a test: field a always, the rest as the version says.
func versioned(t *testing.T, name string, version int, fields ...string) []opensearch.Template {
	t.Helper()
	properties := make([]string, len(fields))
	for i, field := range fields {
		properties[i] = fmt.Sprintf(`"%s": {"type": "keyword"}`, field)
	}
	body := fmt.Sprintf(`{"index_patterns": ["%s-*"], "priority": 300, "version": %d, "template": {"settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
		"mappings": {"dynamic": false, "properties": {%s}}}}`, name, version, strings.Join(properties, ","))
	template, err := opensearch.ReadTemplate(name, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return []opensearch.Template{template}
}

// found writes a document to index and says whether a search finds it by its field b.
func found(t *testing.T, c *opensearch.Client, index, id string) bool {
	t.Helper()
	if _, err := c.Put(t.Context(), index, id, map[string]string{"a": "x", "b": id}, opensearch.Absent()); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	n, err := c.Count(t.Context(), index, map[string]any{"term": map[string]any{"b": id}})
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// TestTemplatesGoUpOnly starts an older, a newer and again the older program on the same cluster.
func TestTemplatesGoUpOnly(t *testing.T) {
	t.Run("stand-in", func(t *testing.T) { goesUpOnly(t, opensearchtest.NewServer(t).URL, "it-notes") })
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		t.Cleanup(func() { removeTemplate(t, address, prefix+"notes") })
		goesUpOnly(t, address, prefix+"notes")
	})
}

func goesUpOnly(t *testing.T, address, name string) {
	t.Helper()
	c := open(t, address)
	older, newer := versioned(t, name, 1, "a"), versioned(t, name, 2, "a", "b")
	expect := func(what string, list []opensearch.Template, want opensearch.Ensured) {
		t.Helper()
		if got, err := c.Ensure(t.Context(), list); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	expect("the older, first", older, opensearch.Ensured{Put: []string{name}})
	if found(t, c, name+"-1", "before") {
		t.Fatal("b is searched before its template came")
	}
	expect("the newer", newer, opensearch.Ensured{Put: []string{name}})
	if !found(t, c, name+"-1", "after") || !found(t, c, name+"-2", "new") {
		t.Error("an upgrade reaches the indices that are there, or new ones, not")
	}
	expect("the newer again", newer, opensearch.Ensured{})
	expect("the older beside it", older, opensearch.Ensured{Newer: []string{name}})
	if !found(t, c, name+"-3", "kept") {
		t.Error("the older program took the newer template back")
	}

	clash := versioned(t, name, 3, "a")
	clash[0].Mappings = []byte(`{"properties": {"a": {"type": "long"}}}`)
	if done, err := c.Ensure(t.Context(), clash); err == nil || len(done.Put) > 0 {
		t.Errorf("a mapping that does not fit: %+v, %v", done, err)
	}
	expect("after it", newer, opensearch.Ensured{}) // still version 2
}

// A newer template on the cluster is a fault of check, with both versions; nothing is changed by looking.
func TestCheckNamesANewerTemplate(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	if _, err := c.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), "sallyport-cursors", "x", map[string]any{}, opensearch.Absent()); err != nil {
		t.Fatal(err)
	}
	if faults := c.CheckState(t.Context()); len(faults) > 0 {
		t.Errorf("all is well, but check says %v", faults)
	}
	list, err := opensearch.Templates()
	if err != nil {
		t.Fatal(err)
	}
	ours := list[0].Version
	list[0].Body = bytes.Replace(list[0].Body, fmt.Appendf(nil, `"version": %d,`, ours), []byte(`"version": 99,`), 1)
	list[0].Version = 99
	if done, err := c.Ensure(t.Context(), list); err != nil || len(done.Put) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	faults := c.CheckState(t.Context())
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), fmt.Sprintf("%s has version 99, this program brings %d", list[0].Name, ours)) {
		t.Errorf("check says %v", faults)
	}
	if n := len(server.Documents("sallyport-cursors")); n != 1 {
		t.Errorf("check left %d documents", n)
	}
}

// removeTemplate leaves a real server as it was; the client itself deletes no template.
func removeTemplate(t *testing.T, address, name string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodDelete, address+"/_index_template/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}
