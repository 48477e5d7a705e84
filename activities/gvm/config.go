package gvm

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Config is what an operator sets. GVM is in use when Address is set.
type Config struct {
	Address    string        `yaml:"address" doc:"GMP of gvmd: host:port for TLS, or the path of its unix socket" example:"gvm.example.org:9390"`
	User       string        `yaml:"user" doc:"account that may create targets and tasks" example:"sallyport"`
	Password   config.Secret `yaml:"password" doc:"its password: a reference, env:NAME, file:/path or cmd:program" example:"env:SALLYPORT_GVM_PASSWORD"`
	TLS        rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust as gvmd; its own certificate has no usable name, so set sha256"`
	ScanConfig string        `yaml:"scan_config,omitempty" doc:"name or id of the scan config; empty: Full and fast"`
	PortList   string        `yaml:"port_list,omitempty" doc:"name or id of the port list; empty: All IANA assigned TCP"`
	Scanner    string        `yaml:"scanner,omitempty" doc:"name or id of the scanner; empty: OpenVAS Default"`
	AliveTest  string        `yaml:"alive_test,omitempty" doc:"how GVM tells that a host is up; empty: Consider Alive, since many hosts ignore pings"`
	MinQoD     int           `yaml:"min_qod,omitempty" doc:"quality of detection in percent below which a result does not count; 0: 70, as GVM has it"`
	Poll       time.Duration `yaml:"poll,omitempty" doc:"how often a running scan is looked at; 0: 5s"`
	Keep       time.Duration `yaml:"keep,omitempty" doc:"how long ended scans of ours stay in GVM; 0: for ever" example:"720h"`
}

// What Greenbone's own feed and scanner have, by their well-known ids.
const (
	fullAndFast    = "daba56c8-73ec-11df-a475-002264764cea"
	allIANATCP     = "33d0cd82-57c6-11e1-8ed1-406186ea4fc5"
	openVASDefault = "08b69003-5fc2-4037-a479-93b440211c73"
)

// Validate says what is wrong, without I/O.
func (c Config) Validate() config.Faults {
	faults := config.Required("address", c.Address, "user", c.User, "password", string(c.Password))
	if c.Address != "" && !c.local() {
		if host, port, err := net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
			faults = append(faults, config.Fault{Field: "address", Problem: "is neither host:port nor a path", Mend: "write it as gvm.example.org:9390 or /run/gvmd/gvmd.sock"})
		}
	}
	if c.MinQoD < 0 || c.MinQoD > 100 {
		faults = append(faults, config.Fault{Field: "min_qod", Problem: "is no percentage", Mend: "set 0 to 100"})
	}
	for field, value := range map[string]time.Duration{"poll": c.Poll, "keep": c.Keep} {
		if value < 0 {
			faults = append(faults, config.Fault{Field: field, Problem: "is negative", Mend: "write it as 5s or 720h"})
		}
	}
	return faults
}

// local reports whether gvmd is reached by a unix socket.
func (c Config) local() bool { return strings.HasPrefix(c.Address, "/") }

func (c Config) withDefaults() Config {
	for field, value := range map[*string]string{
		&c.ScanConfig: fullAndFast, &c.PortList: allIANATCP, &c.Scanner: openVASDefault, &c.AliveTest: "Consider Alive",
	} {
		if *field == "" {
			*field = value
		}
	}
	if c.MinQoD == 0 {
		c.MinQoD = 70
	}
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	return c
}

// Open resolves the password and reads the CA file. It makes no connection.
func Open(ctx context.Context, c Config) (*Scanner, error) {
	password, err := c.Password.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("gvm.password: %w", err)
	}
	gmp := client{address: c.Address, user: c.User, password: password}
	if !c.local() {
		if gmp.trust, err = c.TLS.Config(); err != nil {
			return nil, fmt.Errorf("gvm: %w", err)
		}
	}
	return &Scanner{gmp: gmp, config: c.withDefaults(), door: make(chan struct{}, 1)}, nil
}
