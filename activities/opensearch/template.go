package opensearch

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:embed templates/*.json
var templates embed.FS

// Template is an index template of ours. Its version counts up with each change.
type Template struct {
	Name     string
	Patterns []string
	Version  int
	Mappings json.RawMessage
	Body     json.RawMessage // as it is sent
}

// Templates lists the templates of every index that Sallyport keeps, as this program brings them.
func Templates() ([]Template, error) {
	names, err := fs.Glob(templates, "templates/*.json")
	if err != nil {
		return nil, err
	}
	list := make([]Template, len(names))
	for i, name := range names {
		body, err := templates.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if list[i], err = ReadTemplate(strings.TrimSuffix(path.Base(name), ".json"), body); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ReadTemplate reads a template as it is sent; it must have a version.
func ReadTemplate(name string, body []byte) (Template, error) {
	var parsed struct {
		Patterns []string `json:"index_patterns"`
		Version  int      `json:"version"`
		Template struct {
			Mappings json.RawMessage `json:"mappings"`
		} `json:"template"`
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		return Template{}, fmt.Errorf("template %s: %w", name, err)
	}
	if parsed.Version < 1 || len(parsed.Patterns) == 0 || len(parsed.Template.Mappings) == 0 {
		return Template{}, fmt.Errorf("template %s: want patterns, mappings and a version", name)
	}
	return Template{Name: name, Patterns: parsed.Patterns, Version: parsed.Version, Mappings: parsed.Template.Mappings, Body: body}, nil
}

// Ensured says what became of templates, by name.
type Ensured struct {
	Put   []string // installed or upgraded
	Newer []string // of a newer program: left as they are
}

// EnsureTemplates is Ensure for the templates that this program brings.
func (c *Client) EnsureTemplates(ctx context.Context) (Ensured, error) {
	list, err := Templates()
	if err != nil {
		return Ensured{}, err
	}
	return c.Ensure(ctx, list)
}

// Ensure installs every template that the cluster lacks or has in a lower version, and widens the mappings of the
// indices that are there already. A higher version, of a newer program, stays: its indices hold what we don't know of.
func (c *Client) Ensure(ctx context.Context, list []Template) (done Ensured, err error) {
	for _, t := range list {
		there, err := c.templateVersion(ctx, t.Name)
		if err != nil {
			return done, err
		}
		if there > t.Version {
			done.Newer = append(done.Newer, t.Name)
		}
		if there >= t.Version {
			continue
		}
		if err := c.putTemplate(ctx, t); err != nil {
			return done, err
		}
		done.Put = append(done.Put, t.Name)
	}
	return done, nil
}

// templateVersion returns the version of the template on the cluster; 0 if there is none, or none with a version.
func (c *Client) templateVersion(ctx context.Context, name string) (int, error) {
	var answer struct {
		Templates []struct {
			Template struct {
				Version int `json:"version"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := c.call(ctx, "get template "+name, http.MethodGet, pathTo("_index_template", name), nil, nil, &answer)
	var fault *Fault
	if errors.As(err, &fault) && fault.Status == http.StatusNotFound {
		return 0, nil
	}
	if err != nil || len(answer.Templates) == 0 {
		return 0, err
	}
	return answer.Templates[0].Template.Version, nil
}

// putTemplate widens the indices that are there first: when that fails, the old version stays and the next start tries again.
func (c *Client) putTemplate(ctx context.Context, t Template) error {
	params := url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}
	err := c.call(ctx, "widen mapping of "+t.Name, http.MethodPut, pathTo(strings.Join(t.Patterns, ","), "_mapping"), params, t.Mappings, nil)
	if err != nil && !Gone(err) {
		return err
	}
	return c.call(ctx, "put template "+t.Name, http.MethodPut, pathTo("_index_template", t.Name), nil, t.Body, nil)
}
