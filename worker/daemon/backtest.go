package daemon

import "github.com/sallyport-soar/sallyport/activities/effect"

// TypedProtected is what the config alone protects. It was never discovered, so its Check denies everything: ask CheckTyped.
func (c *Config) TypedProtected() (*effect.Protected, error) { return c.typedProtected() }
