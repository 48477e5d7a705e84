package cortex

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Config is what an operator sets. Cortex is in use when URL is set.
type Config struct {
	URL       string        `yaml:"url" doc:"address of Cortex 3 or 4" example:"https://cortex.example.org"`
	Key       config.Secret `yaml:"key" doc:"API key of a user with role analyze: a reference, env:NAME, file:/path or cmd:program" example:"env:SALLYPORT_CORTEX_KEY"`
	Analyzers []string      `yaml:"analyzers" doc:"names of the analyzers that may be asked, as Cortex shows them; what they ask leaves the house" example:"[VirusTotal_GetReport_3_1, AbuseIPDB_2_0]"`
	Patience  time.Duration `yaml:"patience,omitempty" doc:"how long one question to Cortex may take, all its jobs together; empty: 100s" example:"100s"`
	TLS       rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust as Cortex"`
}

const (
	exchange        = 30 * time.Second // bounds one request; a long poll waits at most longPoll of it
	longPoll        = 5 * time.Second
	defaultPatience = 100 * time.Second // below the two minutes that a source of enrichment has
)

// Validate says what is wrong, without I/O.
func (c Config) Validate() config.Faults {
	faults := config.Required("url", c.URL, "key", string(c.Key))
	if base, err := url.Parse(c.URL); c.URL != "" && (err != nil || base.Host == "" || !strings.HasPrefix(base.Scheme, "http")) {
		faults = append(faults, config.Fault{Field: "url", Problem: "is no address", Mend: "write it as https://cortex.example.org"})
	}
	if len(c.Analyzers) == 0 {
		faults = append(faults, config.Fault{Field: "analyzers", Problem: "names no analyzer", Mend: "list those that may be asked; none is asked unnamed"})
	}
	if c.Patience < 0 {
		faults = append(faults, config.Fault{Field: "patience", Problem: "is negative", Mend: "leave it out for 100s"})
	}
	return faults
}

// Open resolves the key and returns Cortex as a source of enrichment. It makes no request.
func Open(ctx context.Context, c Config) (*Cortex, error) {
	key, err := c.Key.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("cortex.key: %w", err)
	}
	api, err := rest.Open(c.URL, http.Header{"Authorization": {"Bearer " + key}}, c.TLS, exchange)
	if err != nil {
		return nil, fmt.Errorf("cortex: %w", err)
	}
	patience := c.Patience
	if patience <= 0 {
		patience = defaultPatience
	}
	return &Cortex{client: client{api}, allowed: c.Analyzers, patience: patience}, nil
}
