package opensearch

import (
	"net/url"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Config is one cluster as an operator names it.
type Config struct {
	URL        string        `yaml:"url" doc:"address of the cluster; a load balancer is fine" example:"https://indexer.example:9200"`
	User       string        `yaml:"user,omitempty" doc:"user of HTTP basic authentication; empty: none"`
	Password   config.Secret `yaml:"password,omitempty" doc:"its password, by reference" example:"file:/etc/sallyport/opensearch"`
	TLS        rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust"`
	ClientCert string        `yaml:"client_cert,omitempty" doc:"file with our certificate (PEM), where the cluster asks for one"`
	ClientKey  string        `yaml:"client_key,omitempty" doc:"file with its key (PEM, unencrypted)"`
}

// Validate implements config.Validator.
func (c Config) Validate() (faults config.Faults) {
	address, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		faults = append(faults, config.Fault{Field: "url", Problem: "is empty", Mend: "set the cluster's address, as https://indexer.example:9200"})
	case err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https"):
		faults = append(faults, config.Fault{Field: "url", Problem: "is no address", Mend: "write it as https://host:9200"})
	case address.User != nil:
		faults = append(faults, config.Fault{Field: "url", Problem: "holds a user or password", Mend: "set user and password instead"})
	case address.RawQuery != "" || address.Fragment != "" || strings.Contains(c.URL, ","):
		faults = append(faults, config.Fault{Field: "url", Problem: "holds more than one address", Mend: "write one address, as https://host:9200"})
	}
	if (c.User == "") != (c.Password == "") {
		faults = append(faults, config.Fault{Field: "user", Problem: "user and password belong together", Mend: "set both or neither"})
	}
	if (c.ClientCert == "") != (c.ClientKey == "") {
		faults = append(faults, config.Fault{Field: "client_cert", Problem: "client_cert and client_key belong together", Mend: "set both or neither"})
	}
	return faults
}
