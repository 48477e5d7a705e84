package cortex

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Check asks Cortex for its version, and whether each analyzer that config names is enabled. The error says the mend.
func (c *Cortex) Check(ctx context.Context) (version string, err error) {
	if version, err = c.client.version(ctx); err != nil {
		return "", mended(err)
	}
	enabled, err := c.client.all(ctx)
	if err != nil {
		return version, mended(err)
	}
	var missing, names []string
	for _, want := range c.allowed {
		if !slices.ContainsFunc(enabled, func(a analyzer) bool { return a.Name == want || a.Definition == want }) {
			missing = append(missing, want)
		}
	}
	for _, a := range enabled {
		names = append(names, a.Name)
	}
	if len(missing) > 0 {
		return version, fmt.Errorf("cortex: analyzers not enabled: %s: enable them in the organisation, or correct cortex.analyzers (enabled: %s)",
			strings.Join(missing, ", "), clip(strings.Join(names, ", ")))
	}
	return version, nil
}

func mended(err error) error {
	mend := ""
	switch rest.Status(err) {
	case 403:
		mend = "the user may not: give it the role analyze in its organisation"
	case 404:
		mend = "no Cortex answers there: check cortex.url"
	case 520:
		mend = "Cortex's database is not initialised: open its web page and update it"
	}
	if mend == "" {
		return fmt.Errorf("cortex: %w", err)
	}
	return fmt.Errorf("cortex: %w: %s", err, mend)
}
