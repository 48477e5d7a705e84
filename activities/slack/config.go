// Package slack asks people in a Slack channel and tells them what happened. The message is a projection of an
// incident's state, newest revision wins; the decision is the Update Decide, which worker/gateway sends for a click.
package slack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Config is what an operator sets. Without a bot token nothing is asked in Slack; the command line always works.
type Config struct {
	BotToken config.Secret `yaml:"bot_token,omitempty" doc:"bot token with chat:write, and channels:history or, for a private channel, groups:history" example:"env:SLACK_BOT_TOKEN"`
	AppToken config.Secret `yaml:"app_token,omitempty" doc:"app-level token with connections:write, for Socket Mode" example:"env:SLACK_APP_TOKEN"`
	Channel  string        `yaml:"channel,omitempty" doc:"id of the channel that approvals and news go to" example:"C0123456789"`
	APIURL   string        `yaml:"api_url,omitempty" doc:"address of the API, with a slash at its end; empty: Slack's own"`
	TLS      rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust"`
}

// Enabled reports whether Slack is configured at all.
func (c Config) Enabled() bool { return c.BotToken != "" }

// Validate says what is wrong with c.
func (c Config) Validate() config.Faults {
	if !c.Enabled() {
		return nil
	}
	return config.Required("app_token", string(c.AppToken), "channel", c.Channel)
}

// API opens the Web API (and with the app token Socket Mode). It resolves both tokens.
func (c Config) API(ctx context.Context) (*slack.Client, error) {
	bot, err := c.BotToken.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("slack bot_token: %w", err)
	}
	app, err := c.AppToken.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("slack app_token: %w", err)
	}
	transport, err := rest.Transport(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	options := []slack.Option{
		slack.OptionAppLevelToken(app),
		slack.OptionHTTPClient(&http.Client{Transport: rest.Bounded(transport), Timeout: 20 * time.Second}),
		slack.OptionRetryConfig(slack.RetryConfig{MaxRetries: 3, RetryAfterDuration: time.Second, RetryAfterJitter: time.Second}),
	}
	if c.APIURL != "" {
		options = append(options, slack.OptionAPIURL(c.APIURL))
	}
	return slack.New(bot, options...), nil
}

// Dialer opens Socket Mode's connection, whose address Slack names, with the same trust and the same way there.
func (c Config) Dialer() (*websocket.Dialer, error) {
	trust, err := c.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return &websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 10 * time.Second, TLSClientConfig: trust}, nil
}
