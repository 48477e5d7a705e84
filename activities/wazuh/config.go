// Package wazuh asks Wazuh 4 (server API and indexer) what it knows of hosts, their vulnerabilities and their open ports,
// and blocks addresses on agents through our own program, sallyport-response, whose result is read back as an alert.
// What it rests on was recorded from a 4.14.7 server and agent.
package wazuh

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// System is Wazuh's name as a source, in actions and in config.
const System = "wazuh"

// Defaults of Config.
const (
	DefaultProgram      = "sallyport-response"
	DefaultAlerts       = "wazuh-alerts-4.x-*"
	DefaultStates       = "wazuh-states-vulnerabilities-*"
	DefaultResultWithin = 30 * time.Second
)

// maxResultWithin is how long a result may take at most: one change of an agent asks it up to three times, and each time
// the server API may say for another minute that it is busy.
const maxResultWithin = 2 * time.Minute

// Config is one Wazuh 4: its server API and its indexer.
type Config struct {
	URL             string        `yaml:"url" doc:"address of the Wazuh server API" example:"https://wazuh.example:55000"`
	User            string        `yaml:"user" doc:"API user, with the few rights that deploy/wazuh/README.md names" example:"sallyport"`
	Password        config.Secret `yaml:"password" doc:"its password, by reference" example:"file:/etc/sallyport/wazuh"`
	TLS             rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust; a fresh Wazuh is self-signed"`
	Indexer         Indexer       `yaml:"indexer" doc:"the Wazuh indexer: vulnerabilities, and the results of blocks on agents"`
	ResponseProgram string        `yaml:"response_program,omitempty" doc:"file name of our program in active-response/bin on agents; empty: sallyport-response" example:"sallyport-response"`
	ResultWithin    time.Duration `yaml:"result_within,omitempty" doc:"how long an agent's result may take to be found in the indexer; empty: 30s" example:"30s"`
}

// Indexer is where Wazuh keeps alerts and states: an OpenSearch.
type Indexer struct {
	URL      string        `yaml:"url" doc:"address of the Wazuh indexer" example:"https://indexer.example:9200"`
	User     string        `yaml:"user,omitempty" doc:"user that may read wazuh-alerts-4.x-* and wazuh-states-*; empty: none" example:"sallyport"`
	Password config.Secret `yaml:"password,omitempty" doc:"its password, by reference" example:"file:/etc/sallyport/indexer"`
	TLS      rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust"`
	Alerts   string        `yaml:"alerts,omitempty" doc:"index pattern of alerts; empty: wazuh-alerts-4.x-*" example:"wazuh-alerts-4.x-*"`
	States   string        `yaml:"states,omitempty" doc:"index pattern of open vulnerabilities; empty: wazuh-states-vulnerabilities-*" example:"wazuh-states-vulnerabilities-*"`
}

var (
	programName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	indexPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._*:-]{0,127}$`)
)

// Validate implements config.Validator.
func (c Config) Validate() config.Faults {
	c = c.withDefaults()
	faults := config.Required("url", c.URL, "user", c.User, "password", string(c.Password), "indexer.url", c.Indexer.URL)
	for _, field := range []string{"url", "indexer.url"} {
		address := map[string]string{"url": c.URL, "indexer.url": c.Indexer.URL}[field]
		if parsed, err := url.Parse(address); address != "" && (err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.User != nil) {
			faults = append(faults, config.Fault{Field: field, Problem: "is no address", Mend: "write it as https://host:port, without a user"})
		}
	}
	if (c.Indexer.User == "") != (c.Indexer.Password == "") {
		faults = append(faults, config.Fault{Field: "indexer.user", Problem: "user and password belong together", Mend: "set both or neither"})
	}
	if !programName.MatchString(c.ResponseProgram) || strings.Contains(c.ResponseProgram, "..") {
		faults = append(faults, config.Fault{Field: "response_program", Problem: "is no file name", Mend: "use the name that it has in active-response/bin"})
	}
	for _, index := range []struct{ field, pattern, usual string }{{"indexer.alerts", c.Indexer.Alerts, DefaultAlerts}, {"indexer.states", c.Indexer.States, DefaultStates}} {
		if !indexPattern.MatchString(index.pattern) {
			faults = append(faults, config.Fault{Field: index.field, Problem: "is no index pattern", Mend: "use " + index.usual})
		}
	}
	if c.ResultWithin < time.Second || c.ResultWithin > maxResultWithin {
		faults = append(faults, config.Fault{Field: "result_within", Problem: "is out of bounds", Mend: "use 1s to 2m"})
	}
	return faults
}

func (c Config) withDefaults() Config {
	if c.ResponseProgram == "" {
		c.ResponseProgram = DefaultProgram
	}
	if c.Indexer.Alerts == "" {
		c.Indexer.Alerts = DefaultAlerts
	}
	if c.Indexer.States == "" {
		c.Indexer.States = DefaultStates
	}
	if c.ResultWithin == 0 {
		c.ResultWithin = DefaultResultWithin
	}
	return c
}

// Exchanges are bounded: the server API gives up after 10 s by itself, whatever became of the work.
const (
	apiTimeout     = 30 * time.Second
	indexerTimeout = 30 * time.Second
)

// Wazuh is a source of enrichment, an inventory, and a driver.
type Wazuh struct {
	api     *client
	indexer *indexer
	program string
	within  time.Duration
}

// Open resolves the secrets that c names and returns its Wazuh. It asks it nothing yet.
func Open(ctx context.Context, c Config) (*Wazuh, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("wazuh: %w", faults)
	}
	c = c.withDefaults()
	password, err := c.Password.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("wazuh: password: %w", err)
	}
	api, err := rest.Open(c.URL, nil, c.TLS, apiTimeout)
	if err != nil {
		return nil, fmt.Errorf("wazuh: %w", err)
	}
	found, err := openIndexer(ctx, c.Indexer)
	if err != nil {
		return nil, fmt.Errorf("wazuh: indexer: %w", err)
	}
	return &Wazuh{
		api:     &client{api: api, login: basic(c.User, password)},
		indexer: found, program: c.ResponseProgram, within: c.ResultWithin,
	}, nil
}

func openIndexer(ctx context.Context, c Indexer) (*indexer, error) {
	header := http.Header{}
	if c.User != "" {
		password, err := c.Password.Resolve(ctx)
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		header.Set("Authorization", basic(c.User, password))
	}
	api, err := rest.Open(c.URL, header, c.TLS, indexerTimeout)
	if err != nil {
		return nil, err
	}
	return &indexer{api: api, alerts: c.Alerts, states: c.States}, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
