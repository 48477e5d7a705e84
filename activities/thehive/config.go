package thehive

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

// Config is what an operator sets. TheHive is in use when URL is set.
type Config struct {
	URL          string        `yaml:"url" doc:"address of TheHive 5, as its users open it" example:"https://thehive.example.org"`
	Key          config.Secret `yaml:"key" doc:"API key of a service account of the organisation (profile analyst): a reference, env:NAME, file:/path or cmd:program" example:"env:SALLYPORT_THEHIVE_KEY"`
	Organisation string        `yaml:"organisation,omitempty" doc:"organisation in which cases are kept; empty: the account's own"`
	TLS          rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust as TheHive"`
}

// Validate says what is wrong, without I/O.
func (c Config) Validate() config.Faults {
	faults := config.Required("url", c.URL, "key", string(c.Key))
	if base, err := url.Parse(c.URL); c.URL != "" && (err != nil || base.Host == "" || !strings.HasPrefix(base.Scheme, "http")) {
		faults = append(faults, config.Fault{Field: "url", Problem: "is no address", Mend: "write it as https://thehive.example.org"})
	}
	return faults
}

// exchange bounds one request. TheHive answers in well under a second; a case with many observables takes longer.
const exchange = 30 * time.Second

// Open resolves the key and returns TheHive's activities. It makes no request.
func Open(ctx context.Context, c Config) (*Hive, error) {
	key, err := c.Key.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("thehive.key: %w", err)
	}
	header := http.Header{"Authorization": {"Bearer " + key}}
	if c.Organisation != "" {
		header.Set("X-Organisation", c.Organisation)
	}
	api, err := rest.Open(c.URL, header, c.TLS, exchange)
	if err != nil {
		return nil, fmt.Errorf("thehive: %w", err)
	}
	return &Hive{client: client{api}, ui: strings.TrimSuffix(c.URL, "/")}, nil
}
