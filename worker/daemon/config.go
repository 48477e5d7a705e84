package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/telemetry"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/worker/detect"
	"github.com/sallyport-soar/sallyport/worker/gateway/inbox"
)

// Roles of a worker. Each resolves only its own secrets.
const (
	RoleDetect  = "detect"  // reads streams, matches, dispatches: parses hostile events, holds no appliance's key
	RoleRespond = "respond" // runs workflows and their steps: holds the appliances' keys
	RoleGateway = "gateway" // speaks to people: holds the chat's token
)

// Config is the whole file.
type Config struct {
	Listen     string                       `yaml:"listen" doc:"address for /metrics, /healthz, /readyz and the inbox; for senders elsewhere put a proxy with TLS before /inbox/"`
	Log        telemetry.Log                `yaml:"log" doc:"how the worker logs"`
	Roles      []string                     `yaml:"roles" doc:"what this worker does: detect, respond, gateway; an empty list runs Temporal alone (up)"`
	Temporal   Temporal                     `yaml:"temporal" doc:"the durable engine"`
	OpenSearch opensearch.Config            `yaml:"opensearch" doc:"the cluster that keeps Sallyport's state: ledger, register, audit, records"`
	Clusters   map[string]opensearch.Config `yaml:"clusters,omitempty" doc:"other clusters that streams are read from, by name"`
	Detect     detect.Config                `yaml:",inline"`
	Inbox      inbox.Config                 `yaml:"inbox,omitempty" doc:"what other systems may send; role gateway takes it, and a stream over sallyport-inbox reads it"`
	Content    []string                     `yaml:"content,omitempty" doc:"folders with your own detections, plans, policies, hunts, mappings, pipelines and lists; a later one wins over an earlier one and over what is shipped" example:"/etc/sallyport/content"`
	Systems    catalog.Config               `yaml:"systems" doc:"the systems that are asked and driven; leave out what you don't have"`
	People     policy.People                `yaml:"people" doc:"who may decide"`
	Protected  effect.ProtectedConfig       `yaml:"protected,omitempty" doc:"what is never touched automatically, beside what is discovered (gateways, name servers, directory servers, whom this machine is connected to, itself, every configured system)"`
	Keys       Keys                         `yaml:"keys" doc:"keys of this house, as sallyport key new makes them"`
	Times      Times                        `yaml:"times" doc:"times of an incident"`
}

// Keys are the house's own keys: files, mode 0600.
type Keys struct {
	Grant         string `yaml:"grant" doc:"file of the private key that signs grants; role respond alone reads it"`
	Gateway       string `yaml:"gateway,omitempty" doc:"file of the private key that vouches for people whom Slack authenticated; role gateway alone reads it"`
	GatewayPublic string `yaml:"gateway_public,omitempty" doc:"the public half of the gateway's key (sallyport key public), for role respond where it runs without the gateway"`
}

// Times are the times of an incident.
type Times struct {
	Quiet          time.Duration `yaml:"quiet" doc:"silence after which an incident closes"`
	Episode        time.Duration `yaml:"episode" doc:"an incident's longest life; then a linked new one begins"`
	ApprovalWindow time.Duration `yaml:"approval_window" doc:"how long people are asked; then silence means no"`
	HoldFor        time.Duration `yaml:"hold_for" doc:"how long mode hold contains while approval is asked"`
	Settle         time.Duration `yaml:"settle" doc:"how long an incident waits for its containments to say how they stand"`
	SourceTimeout  time.Duration `yaml:"source_timeout" doc:"how long one source of enrichment may take"`
	ScanTimeout    time.Duration `yaml:"scan_timeout" doc:"how long one scan may take"`
	ConfirmWithin  time.Duration `yaml:"confirm_within" doc:"how long an effect may take until it is read back; then it is unconfirmed"`
	ReadBack       time.Duration `yaml:"read_back" doc:"how often a containment is read back while it is held; one that has vanished is carried out again"`
	Reconcile      time.Duration `yaml:"reconcile" doc:"how often register, workflows and ledger are compared"`
	Sweep          time.Duration `yaml:"sweep" doc:"age at which an unclaimed detection is signalled again"`
}

// Defaults is the file that an operator who sets nothing has.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:9464",
		Log:    telemetry.Log{Level: "info", Format: "text"},
		Roles:  []string{RoleDetect, RoleRespond, RoleGateway},
		Temporal: Temporal{
			Address: "127.0.0.1:7233", Namespace: "default", Retention: 30 * 24 * time.Hour, Store: "sqlite", DataDir: "data", UIAddress: "127.0.0.1:8233",
		},
		OpenSearch: opensearch.Config{URL: "http://127.0.0.1:9200"},
		Keys:       Keys{Grant: "grant.key", Gateway: "gateway.key"},
		Times: Times{
			Quiet: 24 * time.Hour, Episode: 7 * 24 * time.Hour, ApprovalWindow: 4 * time.Hour, HoldFor: 30 * time.Minute, Settle: 15 * time.Minute,
			SourceTimeout: 2 * time.Minute, ScanTimeout: 2 * time.Hour, ConfirmWithin: 2 * time.Minute, ReadBack: 10 * time.Minute, Reconcile: 5 * time.Minute, Sweep: 2 * time.Minute,
		},
	}
}

// LoadConfig reads a file over the defaults. Its error names every fault with file, line and the mend.
func LoadConfig(path string) (Config, error) {
	c := Defaults()
	if err := config.Load(path, &c); err != nil {
		return c, err
	}
	c.resolvePaths(filepath.Dir(path))
	return c, config.At(path, c.streamMappings())
}

// streamMappings says which stream's mapping neither the shipped content nor the operator's has.
func (c *Config) streamMappings() (faults config.Faults) {
	known := rules.Mappings(c.Sources()...)
	for i, stream := range c.Detect.Streams {
		if !slices.Contains(known, stream.Mapping) {
			faults = append(faults, config.Fault{
				Field: fmt.Sprintf("streams[%d].mapping", i), Problem: fmt.Sprintf("no mapping is named %q", stream.Mapping),
				Mend: "write " + strings.Join(known, ", ") + ", or put your own below mappings/ of a folder in content",
			})
		}
	}
	return faults
}

// resolvePaths makes the file's relative paths count from the file's folder, wherever the command was called.
func (c *Config) resolvePaths(dir string) {
	for _, path := range []*string{&c.Keys.Grant, &c.Keys.Gateway, &c.Temporal.DataDir} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for i, folder := range c.Content {
		if !filepath.IsAbs(folder) {
			c.Content[i] = filepath.Join(dir, folder)
		}
	}
}

// Validate implements config.Validator.
func (c *Config) Validate() (faults config.Faults) {
	faults = append(faults, config.Required("listen", c.Listen)...)
	if _, err := c.Log.Logger(os.Stderr); err != nil {
		faults = append(faults, config.Fault{Field: "log", Problem: err.Error(), Mend: "see docs/config.md"})
	}
	for i, role := range c.Roles {
		if !slices.Contains([]string{RoleDetect, RoleRespond, RoleGateway}, role) {
			faults = append(faults, config.Fault{Field: fmt.Sprintf("roles[%d]", i), Problem: fmt.Sprintf("%q is no role", role), Mend: "write detect, respond or gateway"})
		}
	}
	faults = append(faults, config.Within("temporal", c.Temporal.validate())...)
	if len(c.Roles) == 0 {
		return faults // Temporal alone
	}
	faults = append(faults, config.Within("opensearch", c.OpenSearch.Validate())...)
	for name, cluster := range c.Clusters {
		faults = append(faults, config.Within("clusters."+name, cluster.Validate())...)
	}
	faults = append(faults, c.Detect.Validate()...)
	faults = append(faults, c.streamClusters()...)
	faults = append(faults, config.Within("inbox", c.Inbox.Validate())...)
	faults = append(faults, c.unreadInbox()...)
	faults = append(faults, config.Within("systems", c.Systems.Validate())...)
	faults = append(faults, config.Within("protected", c.Protected.Validate())...)
	faults = append(faults, config.Within("people", c.People.Validate())...)
	faults = append(faults, config.Within("keys", c.checkKeys())...)
	return append(faults, config.Within("times", c.Times.validate())...)
}

func (c *Config) streamClusters() (faults config.Faults) {
	for i, stream := range c.Detect.Streams {
		if _, known := c.Clusters[stream.Cluster]; stream.Cluster != "" && !known {
			faults = append(faults, config.Fault{Field: fmt.Sprintf("streams[%d].cluster", i), Problem: fmt.Sprintf("no cluster %q", stream.Cluster), Mend: "add it under clusters:, or leave it empty for opensearch:"})
		}
	}
	return faults
}

// unreadInbox says that what is sent would wait for ever. A gateway of its own need not know the streams.
func (c *Config) unreadInbox() config.Faults {
	reads := func(s detect.Stream) bool {
		return s.Cluster == "" && slices.Contains(strings.Split(s.Index, ","), opensearch.InboxIndex)
	}
	if len(c.Inbox.Hooks) == 0 || !c.has(RoleDetect) || slices.ContainsFunc(c.Detect.Streams, reads) {
		return nil
	}
	return config.Faults{{Field: "inbox.hooks", Problem: "no stream reads what is sent", Mend: "add under streams: {name: inbox, index: " + opensearch.InboxIndex + ", mapping: alertmanager, from: beginning}"}}
}

func (t Times) validate() (faults config.Faults) {
	for _, row := range []struct {
		field string
		value time.Duration
	}{
		{"quiet", t.Quiet},
		{"episode", t.Episode},
		{"approval_window", t.ApprovalWindow},
		{"hold_for", t.HoldFor},
		{"settle", t.Settle},
		{"source_timeout", t.SourceTimeout},
		{"scan_timeout", t.ScanTimeout},
		{"confirm_within", t.ConfirmWithin},
		{"read_back", t.ReadBack},
		{"reconcile", t.Reconcile},
		{"sweep", t.Sweep},
	} {
		if row.value <= 0 {
			faults = append(faults, config.Fault{Field: row.field, Problem: "is not positive", Mend: "write a duration such as 10m"})
		}
	}
	return faults
}

// settings are the times as workflows get them.
func (c *Config) settings() activities.Settings {
	t := c.Times
	return activities.Settings{
		Quiet: t.Quiet, Episode: t.Episode, ApprovalWindow: t.ApprovalWindow, HoldFor: t.HoldFor, Settle: t.Settle,
		SourceTimeout: t.SourceTimeout, ScanTimeout: t.ScanTimeout, ConfirmWithin: t.ConfirmWithin, ReadBack: t.ReadBack, UIBase: c.Temporal.UIBase,
	}
}

// checkKeys says what a role lacks to check who pressed a button.
func (c *Config) checkKeys() config.Faults {
	if c.has(RoleRespond) && !c.has(RoleGateway) && c.asksInSlack() && c.Keys.GatewayPublic == "" {
		return config.Faults{{
			Field: "gateway_public", Problem: "is missing: role respond runs without the gateway, and could check no click",
			Mend: "set it to what `sallyport key public gateway.key` prints",
		}}
	}
	return nil
}

// asksInSlack reports whether people are asked in Slack at all.
func (c *Config) asksInSlack() bool { return c.Systems.Slack != nil && c.Systems.Slack.Enabled() }

// hasInbox reports whether other systems may send to this worker.
func (c *Config) hasInbox() bool { return c.has(RoleGateway) && len(c.Inbox.Hooks) > 0 }

// has reports whether this worker has a role.
func (c *Config) has(role string) bool { return slices.Contains(c.Roles, role) }
