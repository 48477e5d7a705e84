package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/rules"
)

// Check tries everything that the config names, in the order in which an operator would mend it.
func Check(ctx context.Context, c Config) (checked []catalog.Checked) {
	one := func(name string, check func(context.Context) (string, error)) {
		checked = append(checked, catalog.CheckOne(ctx, name, check))
	}
	one("temporal", c.checkTemporal)
	one("opensearch", func(ctx context.Context) (string, error) { return checkCluster(ctx, c.OpenSearch, "") })
	for _, stream := range c.Detect.Streams {
		cluster := c.OpenSearch
		if stream.Cluster != "" {
			cluster = c.Clusters[stream.Cluster]
		}
		one("stream "+stream.Name, func(ctx context.Context) (string, error) { return checkCluster(ctx, cluster, stream.Index) })
	}
	one("rules", c.checkRules)
	one("policy", c.checkPolicy)
	one("protected assets", c.checkProtected)
	one("grant key", func(context.Context) (string, error) {
		_, err := policy.LoadPrivateKey(c.Keys.Grant)
		return "there", err
	})
	if c.Systems.Slack != nil && c.Systems.Slack.Enabled() {
		one("slack", c.checkSlack)
	}
	systems, err := catalog.Open(ctx, c.Systems)
	if err != nil {
		one("systems", func(context.Context) (string, error) { return "", err })
	}
	return append(checked, systems.Check(ctx)...)
}

// DialOnce opens a client, or says at once that nobody answers.
func (t Temporal) DialOnce(ctx context.Context, logger *slog.Logger) (client.Client, error) {
	options, err := t.options(ctx, logger, nil)
	if err != nil {
		return nil, err
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("temporal at %s does not answer: %w (is it running, and does temporal.address name it?)", t.Address, err)
	}
	return c, nil
}

func (c Config) checkSlack(ctx context.Context) (string, error) {
	api, err := c.Systems.Slack.API(ctx)
	if err != nil {
		return "", err
	}
	return slack.New(api, c.Systems.Slack.Channel, nil).Check(ctx)
}

func (c Config) checkTemporal(ctx context.Context) (string, error) {
	temporal, err := c.Temporal.DialOnce(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer temporal.Close()
	if _, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return "", err
	}
	return c.Temporal.Address + ", namespace " + c.Temporal.Namespace, nil
}

func checkCluster(ctx context.Context, c opensearch.Config, pattern string) (string, error) {
	cluster, err := opensearch.Open(ctx, c)
	if err != nil {
		return "", err
	}
	info, err := cluster.Ping(ctx)
	if err != nil {
		return "", err
	}
	if pattern == "" {
		return fmt.Sprintf("%s %s, cluster %s", info.Distribution, info.Version, info.Name), nil
	}
	return pattern + " can be read", errors.Join(cluster.CheckStream(ctx, pattern)...)
}

func (c Config) checkRules(context.Context) (string, error) {
	library, report := rules.Load(c.Sources()...)
	var faults []error
	for _, fault := range report.Refused {
		faults = append(faults, errors.New(fault.Error()))
	}
	if err := errors.Join(faults...); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d rules, %d warnings (sallyport rules check)", library.Len(), len(report.Warnings)), nil
}

func (c Config) checkPolicy(context.Context) (string, error) {
	people := &policy.Policy{Sources: c.Sources(), People: c.People}
	faults, err := people.Check()
	if err != nil {
		return "", err
	}
	if len(faults) > 0 {
		return "", errors.New(strings.Join(faults, "; "))
	}
	return fmt.Sprintf("%d people can satisfy it", len(c.People)), nil
}
