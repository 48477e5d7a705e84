package opensearch_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/audit"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestTheStateRoleReachesEveryIndexOfOurs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shared.Root(t), "deploy", "opensearch", "roles.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var roles struct {
		Meta  any `yaml:"_meta"`
		State struct {
			Cluster []string `yaml:"cluster_permissions"`
			Index   []struct {
				Patterns []string `yaml:"index_patterns"`
				Actions  []string `yaml:"allowed_actions"`
			} `yaml:"index_permissions"`
		} `yaml:"sallyport_state"`
		Reader   any `yaml:"sallyport_reader"`
		Backtest any `yaml:"sallyport_backtest"`
	}
	if err := yaml.UnmarshalWithOptions(text, &roles, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	templates, err := opensearch.Templates()
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range templates {
		for _, pattern := range template.Patterns {
			if fits, err := path.Match(roles.State.Index[0].Patterns[0], strings.ReplaceAll(pattern, "*", "x")); err != nil || !fits {
				t.Errorf("the role does not reach %s", pattern)
			}
		}
	}
	for _, permission := range roles.State.Index {
		if strings.Contains(strings.Join(permission.Actions, " "), "delete") && strings.Contains(strings.Join(permission.Patterns, " "), "audit") {
			t.Error("the role may delete the audit log")
		}
	}
}

// TestMappingsNameWhatIsWritten holds the templates to the documents: a mapped field that no document has is a mistake.
func TestMappingsNameWhatIsWritten(t *testing.T) {
	documents := map[string]any{
		"sallyport-detections": soar.Detection{}, "sallyport-matches": soar.Detection{}, "sallyport-audit": audit.Entry{},
	}
	templates, err := opensearch.Templates()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, template := range templates {
		document, ok := documents[template.Name]
		if !ok {
			continue
		}
		checked++
		var mapping struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(template.Mappings, &mapping); err != nil {
			t.Fatal(err)
		}
		fields := fieldsOf(document)
		for name := range mapping.Properties {
			if !fields[name] {
				t.Errorf("%s maps %s, which no document has", template.Name, name)
			}
		}
		for name := range fields {
			if _, mapped := mapping.Properties[name]; !mapped {
				t.Errorf("%s does not map %s", template.Name, name)
			}
		}
	}
	if checked != len(documents) {
		t.Errorf("checked %d of %d", checked, len(documents))
	}
}

func fieldsOf(document any) map[string]bool {
	fields := map[string]bool{}
	for field := range reflect.TypeOf(document).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = true
	}
	return fields
}
