package lint

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/rules/document"
)

var (
	uuid     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	statuses = []string{"stable", "test", "experimental", "deprecated", "unsupported"} // of the specification of rules, "Status"
)

// head looks at what a Sigma rule says of itself.
func (c *checker) head(name string, tree *document.Node) {
	id, title := tree.Word("id"), tree.Word("title")
	here := seen{name, tree.Place, id}
	at := func(key string) seen { return seen{name, placeOf(tree, key), id} }
	switch {
	case id == "":
		here.rule = title
		c.warn(here, MissingID, "the rule has no id; its title stands for it, so that a new title makes it another rule", "add id: with a random UUID")
	case !uuid.MatchString(id):
		c.warn(at("id"), BadID, "the id "+id+" is no UUID, so another's rule may have it too", "write a random UUID")
	}
	if tree.Word("level") == "" {
		c.warn(here, MissingLevel, "the rule has no level and counts as medium", "add level: informational, low, medium, high or critical")
	}
	if status := tree.Word("status"); status != "" && !slices.Contains(statuses, status) {
		c.warn(at("status"), BadStatus, "unknown status "+status, "use "+strings.Join(statuses, ", "))
	} else if status == "deprecated" || status == "unsupported" {
		c.warn(at("status"), BadStatus, "the rule is "+status+" by its own word, and loaded all the same", "take it out, or use the one that replaces it")
	}
	for _, key := range []string{"date", "modified"} {
		if day := tree.Word(key); day != "" {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				c.warn(at(key), BadDate, key+" "+day+" is no date", "write it as 2026-01-31")
			}
		}
	}
	if tree.Child("generate") != nil {
		c.warn(at("generate"), UselessGenerate, "generate means something in a correlation only", "take it out")
	}
	c.named(here, tree.Word("name"), at("name"))
}

// named notices a name that two rules have; correlations call rules by it.
func (c *checker) named(here seen, name string, at seen) {
	if name == "" {
		return
	}
	at.rule = here.rule
	if other, taken := c.names[name]; taken {
		c.warn(at, DuplicateName, "the name "+name+" is that of "+other.file+" too: a correlation that names it means both", "give one of the two another name")
		return
	}
	c.names[name] = at
}

func placeOf(tree *document.Node, key string) document.Place {
	for _, child := range tree.Keys {
		if child.Text == key {
			return child.Place
		}
	}
	return tree.Place
}
