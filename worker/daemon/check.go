package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/rules"
)

// Check tries everything that the config names, or what is asked for by name, in the order in which an operator would
// mend it. A name that is no line of it is a fault of its own.
func Check(ctx context.Context, c Config, only ...string) (checked []catalog.Checked) {
	asked := func(name string) bool { return len(only) == 0 || slices.Contains(only, name) }
	for _, part := range c.parts() {
		if asked(part.name) {
			checked = append(checked, catalog.CheckOne(ctx, part.name, part.at, part.check))
		}
	}
	systems, err := catalog.Open(ctx, c.Systems)
	if err != nil {
		checked = append(checked, catalog.Checked{Name: "systems", Fault: err.Error()})
	}
	checked = append(checked, systems.Check(ctx, asked)...)
	for _, name := range only {
		if !slices.ContainsFunc(checked, func(line catalog.Checked) bool { return line.Name == name }) {
			checked = append(checked, catalog.Checked{Name: name, Fault: "nothing of that name is configured", Mend: "`sallyport check` alone lists what is"})
		}
	}
	return checked
}

// part is one line of Check: its name, where its settings stand in the config, and what tries it.
type part struct {
	name, at string
	check    func(context.Context) (string, error)
}

func (c Config) parts() []part {
	list := []part{
		{"temporal", "temporal", c.checkTemporal},
		{"opensearch", "opensearch", func(ctx context.Context) (string, error) { return checkCluster(ctx, c.OpenSearch, "") }},
	}
	for _, stream := range c.Detect.Streams {
		cluster, at := c.OpenSearch, "opensearch"
		if stream.Cluster != "" {
			cluster, at = c.Clusters[stream.Cluster], "clusters."+stream.Cluster
		}
		list = append(list, part{"stream " + stream.Name, at, func(ctx context.Context) (string, error) { return checkCluster(ctx, cluster, stream.Index) }})
	}
	list = append(list, part{"rules", "content", c.checkRules}, part{"policy", "people", c.checkPolicy},
		part{"protected assets", "protected", c.checkProtected}, part{"grant key", "keys.grant", c.checkGrantKey})
	if c.asksInSlack() {
		list = append(list, part{"gateway key", "keys", c.checkGatewayKey}, part{"slack", "systems.slack", c.checkSlack})
	}
	return list
}

func (c Config) checkGrantKey(context.Context) (string, error) {
	_, err := policy.LoadPrivateKey(c.Keys.Grant)
	return "there", err
}

// DialOnce opens a client, or says at once that nobody answers.
func (t Temporal) DialOnce(ctx context.Context, logger *slog.Logger) (client.Client, error) {
	options, err := t.options(ctx, logger, nil)
	if err != nil {
		return nil, err
	}
	c, err := client.DialContext(ctx, options)
	if err == nil {
		return c, nil
	}
	if refused := t.tryTLS(ctx); refused != nil {
		err = refused
	}
	return nil, fmt.Errorf("temporal at %s does not answer: %w (is it running, and does temporal.address name it? `sallyport-allinone up` brings one)", t.Address, err)
}

func (c Config) checkSlack(ctx context.Context) (string, error) {
	api, err := c.Systems.Slack.API(ctx)
	if err != nil {
		return "", err
	}
	return slack.New(api, c.Systems.Slack.Channel, nil).Check(ctx)
}

// checkGatewayKey reads what this config has of the gateway's key: the private half, the public one, or both.
func (c Config) checkGatewayKey(context.Context) (string, error) {
	if c.Keys.GatewayPublic != "" {
		if _, err := policy.ParsePublicKey(c.Keys.GatewayPublic); err != nil {
			return "", fmt.Errorf("keys.gateway_public: %w", err)
		}
	}
	if !c.has(RoleGateway) && c.Keys.GatewayPublic != "" {
		return "its public half is there", nil
	}
	_, err := policy.LoadPrivateKey(c.Keys.Gateway)
	return "there", err
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
		return fmt.Sprintf("%s %s, cluster %s", info.Distribution, info.Version, info.Name), errors.Join(cluster.CheckState(ctx)...)
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
	if c.asksInSlack() && !slices.ContainsFunc(c.People, func(p policy.Person) bool { return p.Slack != "" }) {
		faults = append(faults, "nobody in people has a Slack id, so whoever presses a button is refused: add slack to the people who may")
	}
	if len(faults) > 0 {
		return "", errors.New(strings.Join(faults, "; "))
	}
	return fmt.Sprintf("%d people can satisfy it", len(c.People)), nil
}
