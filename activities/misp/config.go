package misp

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

// Config is what an operator sets. MISP is in use when URL is set.
type Config struct {
	URL     string        `yaml:"url" doc:"address of MISP 2.4 or 2.5" example:"https://misp.example.org"`
	Key     config.Secret `yaml:"key" doc:"API key of a read-only user: a reference, env:NAME, file:/path or cmd:program" example:"env:SALLYPORT_MISP_KEY"`
	Trusted []string      `yaml:"trusted" doc:"organisations whose indicators may count as malicious, by the name that MISP shows; \"*\" trusts all; the word of others is suspicious at most" example:"[CIRCL]"`
	Fresh   time.Duration `yaml:"fresh,omitempty" doc:"age up to which an indicator counts as malicious when MISP has no decaying model for it; empty: 2160h (90 days)" example:"2160h"`
	TLS     rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust as MISP"`
}

const (
	exchange     = 60 * time.Second // bounds one request: a search in a big MISP takes its time
	defaultFresh = 90 * 24 * time.Hour
)

// Validate says what is wrong, without I/O.
func (c Config) Validate() config.Faults {
	faults := config.Required("url", c.URL, "key", string(c.Key))
	if base, err := url.Parse(c.URL); c.URL != "" && (err != nil || base.Host == "" || !strings.HasPrefix(base.Scheme, "http")) {
		faults = append(faults, config.Fault{Field: "url", Problem: "is no address", Mend: "write it as https://misp.example.org"})
	}
	if len(c.Trusted) == 0 {
		faults = append(faults, config.Fault{Field: "trusted", Problem: "names no organisation", Mend: `list those whose indicators may count as malicious, or "*" for all`})
	}
	if c.Fresh < 0 {
		faults = append(faults, config.Fault{Field: "fresh", Problem: "is negative", Mend: "leave it out for 90 days"})
	}
	return faults
}

// Open resolves the key and returns MISP as a source of enrichment. It makes no request.
func Open(ctx context.Context, c Config) (*MISP, error) {
	key, err := c.Key.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("misp.key: %w", err)
	}
	api, err := rest.Open(c.URL, http.Header{"Authorization": {key}}, c.TLS, exchange) // the bare key, no scheme
	if err != nil {
		return nil, fmt.Errorf("misp: %w", err)
	}
	fresh := c.Fresh
	if fresh <= 0 {
		fresh = defaultFresh
	}
	return &MISP{client: client{api}, trusted: c.Trusted, fresh: fresh}, nil
}
