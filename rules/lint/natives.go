package lint

import (
	"github.com/sallyport-soar/sallyport/rules/document"
)

// natives looks at native rules: their fields, types and events were checked when they were loaded.
func (c *checker) natives() {
	for _, rule := range c.library.Native() {
		if !rule.Asks() {
			c.warn(seen{rule.File, document.Place{Line: rule.Line, Column: 1}, rule.ID}, Eventless, "the condition asks nothing of the event", "compare a field of mapping "+rule.Mapping)
		}
	}
}
