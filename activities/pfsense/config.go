// Package pfsense blocks addresses at the perimeter: in one alias that a standing rule of the firewall drops. It speaks
// the REST API package (pfrest) v2; what it rests on was read in that package's code and description, v2.7.1 and v2.10.
package pfsense

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Defaults of Config.
const (
	DefaultAlias       = "SALLYPORT_BLOCK"
	DefaultPlaceholder = "192.0.2.255" // of TEST-NET-1: nobody's
)

// Config is one firewall as an operator names it. The alias must exist, be of type host and hold the placeholder:
// pfSense won't empty an alias.
type Config struct {
	URL         string        `yaml:"url" doc:"address of the firewall's web interface, which serves the REST API package v2" example:"https://firewall.example"`
	Key         config.Secret `yaml:"key" doc:"API key, by reference; of a user with api-v2-firewall-aliases-get, -firewall-alias-patch, -firewall-apply-get, -firewall-apply-post, -firewall-states-get, -firewall-states-delete, -diagnostics-table-get and -system-version-get, never page-all" example:"file:/etc/sallyport/pfsense"`
	Alias       string        `yaml:"alias,omitempty" doc:"alias of type host that a standing block rule drops, for this Sallyport alone: another one would take its entries for strays; empty: SALLYPORT_BLOCK" example:"SALLYPORT_BLOCK"`
	Placeholder string        `yaml:"placeholder,omitempty" doc:"address that keeps the alias from being empty; empty: 192.0.2.255" example:"192.0.2.255"`
	TLS         rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust"`
}

var aliasName = regexp.MustCompile(`^[A-Za-z0-9_]{1,31}$`)

// Validate implements config.Validator.
func (c Config) Validate() config.Faults {
	faults := config.Required("url", c.URL, "key", string(c.Key))
	address, err := url.Parse(c.URL)
	if c.URL != "" && (err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" || address.User != nil) {
		faults = append(faults, config.Fault{Field: "url", Problem: "is no address", Mend: "write it as https://firewall.example"})
	}
	if !aliasName.MatchString(c.withDefaults().Alias) {
		faults = append(faults, config.Fault{Field: "alias", Problem: "is no alias name", Mend: "use 1 to 31 letters, digits and underscores"})
	}
	if _, err := netip.ParseAddr(c.withDefaults().Placeholder); err != nil {
		faults = append(faults, config.Fault{Field: "placeholder", Problem: "is no address", Mend: "use one that nobody has, as " + DefaultPlaceholder})
	}
	return faults
}

func (c Config) withDefaults() Config {
	if c.Alias == "" {
		c.Alias = DefaultAlias
	}
	if c.Placeholder == "" {
		c.Placeholder = DefaultPlaceholder
	}
	return c
}

// requestTimeout bounds one exchange: a write waits up to 60 s for pfSense's configuration lock before it gives up.
const requestTimeout = 90 * time.Second

// Open returns a driver for the firewall that c names. It resolves the key and asks the firewall nothing yet.
func Open(ctx context.Context, c Config) (*Driver, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("pfsense: %w", faults)
	}
	c = c.withDefaults()
	key, err := c.Key.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("pfsense: key: %w", err)
	}
	api, err := rest.Open(c.URL, http.Header{"X-Api-Key": {key}}, c.TLS, requestTimeout)
	if err != nil {
		return nil, fmt.Errorf("pfsense: %w", err)
	}
	placeholder, _ := netip.ParseAddr(c.Placeholder) // Validate parsed it
	return &Driver{client: &client{api: api, alias: c.Alias}, placeholder: placeholder}, nil
}
