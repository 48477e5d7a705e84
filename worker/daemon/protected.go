package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/effect"
)

// How often it is looked again what must not be touched; sooner, while a part of it can't be looked up.
const (
	discoverEvery = time.Hour
	discoverAgain = time.Minute
)

// protected discovers what must not be touched, now and every hour. A discovery that fails is told and tried again each
// minute; without a whole one, or when that is older than a day, everything is denied.
func (d *daemon) protected(ctx context.Context) (*effect.Protected, error) {
	protected, err := d.config.typedProtected()
	if err != nil {
		return nil, err
	}
	discover := func() time.Duration {
		err := protected.Discover(ctx, effect.Here(d.config.addresses()))
		if err == nil || ctx.Err() != nil {
			return discoverEvery
		}
		d.log.ErrorContext(ctx, "protected assets not discovered: without a discovery within 24 hours every effect is refused", "error", err)
		return discoverAgain
	}
	timer := time.NewTimer(discover())
	go func() {
		for {
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
				timer.Reset(discover())
			}
		}
	}()
	return protected, nil
}

// typedProtected is what the config names: networks, hosts, accounts, agents, and people's own machines.
func (c *Config) typedProtected() (*effect.Protected, error) {
	typed := c.Protected
	for _, person := range c.People {
		typed.Networks = append(typed.Networks, person.Machines...)
	}
	return effect.NewProtected(typed, time.Now)
}

// addresses are those of everything that the config names, by its place there.
func (c *Config) addresses() map[string]string {
	all := c.Systems.Addresses()
	all["temporal"], all["opensearch"] = c.Temporal.Address, c.OpenSearch.URL
	for name, cluster := range c.Clusters {
		all["cluster "+name] = cluster.URL
	}
	return all
}

// checkProtected tries the discovery, and shows what came of it: one host that can't be looked up denies every effect.
func (c *Config) checkProtected(ctx context.Context) (string, error) {
	protected, err := c.typedProtected()
	if err != nil {
		return "", err
	}
	if err := protected.Discover(ctx, effect.Here(c.addresses())); err != nil {
		return "", fmt.Errorf("%w (every effect is refused until each of them can be looked up: mend the name server, or the address in the config)", err)
	}
	list := protected.List()
	return fmt.Sprintf("%d assets are never touched: %s", len(list), strings.Join(list, ", ")), nil
}
