package opensearchtest

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strings"
)

// wanting says which indices a request means.
type wanting struct {
	strict       bool // a plain name that is not there, or may not be closed, is an error
	open, closed bool // which ones a pattern finds
	readsClosed  bool // a plain name may be that of a closed one
}

// wantingOf reads a request's parameters.
func wantingOf(in *call, readsClosed bool) wanting {
	w := wanting{strict: in.param("ignore_unavailable") != "true", readsClosed: readsClosed}
	for word := range strings.SplitSeq(cmp.Or(in.param("expand_wildcards"), "open"), ",") {
		w.open = w.open || word == "open" || word == "all"
		w.closed = w.closed || word == "closed" || word == "all"
	}
	return w
}

// resolve finds the indices that a name, pattern, alias or comma list means, ordered by name. Closed ones are hidden
// behind patterns. strict: a plain name that is not there is an error.
func (c *Cluster) resolve(expression string, strict bool) (found []*index, err error) {
	return c.find(expression, wanting{strict: strict, open: true})
}

func (c *Cluster) find(expression string, w wanting) (found []*index, err error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(expression, ",") {
		names, isPattern := c.expand(part)
		if len(names) == 0 && w.strict && !isPattern {
			return nil, failure{refuse(http.StatusNotFound, "index_not_found_exception", "no such index ["+part+"]")}
		}
		for _, name := range names {
			in := c.indices[name]
			if wanted := in.closed && w.closed || !in.closed && w.open; isPattern && !wanted {
				continue
			}
			if in.closed && !isPattern && !w.readsClosed {
				if w.strict {
					return nil, failure{refuse(http.StatusBadRequest, "index_closed_exception", "closed")}
				}
				continue
			}
			if !seen[name] {
				seen[name] = true
				found = append(found, in)
			}
		}
	}
	slices.SortFunc(found, func(a, b *index) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

func (c *Cluster) expand(part string) (names []string, isPattern bool) {
	if part == "_all" {
		part = "*"
	}
	isPattern = strings.Contains(part, "*")
	for _, name := range sortedKeys(c.indices) {
		if matches(part, name) {
			names = append(names, name)
		}
	}
	for _, alias := range sortedKeys(c.aliases) {
		if matches(part, alias) {
			names = append(names, sortedKeys(c.aliases[alias])...)
		}
	}
	return names, isPattern
}

// matches compares with wildcards; * stands for any text.
func matches(pattern, name string) bool {
	hit, err := path.Match(strings.NewReplacer("[", `\[`, `\`, `\\`, "?", `\?`).Replace(pattern), name)
	return err == nil && hit
}
