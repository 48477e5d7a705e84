package inbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/sallyport-soar/sallyport/internal/config"
)

// Kinds of hooks.
const (
	KindAlertmanager = "alertmanager" // Prometheus Alertmanager's webhook, version 4
	KindJSON         = "json"         // any JSON object
)

// Config says who may send. Without hooks there is no inbox.
type Config struct {
	Hooks []Hook `yaml:"hooks,omitempty" doc:"who may send, each to an address of its own: /inbox/NAME"`
}

// Hook is one sender.
type Hook struct {
	Name   string        `yaml:"name" doc:"its name, the end of its address and source of its events" example:"prometheus"`
	Kind   string        `yaml:"kind" doc:"alertmanager (each alert of a notification becomes an event) or json (the object that was sent is the event)" example:"alertmanager"`
	Token  config.Secret `yaml:"token,omitempty" doc:"bearer token that the sender shows; for alertmanager, which signs nothing (http_config.authorization)" example:"env:INBOX_TOKEN"`
	Secret config.Secret `yaml:"secret,omitempty" doc:"key of the HMAC-SHA256 over the body; for json" example:"file:/etc/sallyport/inbox.key"`
	Header string        `yaml:"header,omitempty" doc:"header that carries the HMAC in hex, with or without sha256= before it (default X-Hub-Signature-256)"`
}

// leastSecret is how short a token or key may be, in bytes: what is guessed opens incidents.
const leastSecret = 16

// usualHeader is where GitHub, GitLab's successors and most senders put the HMAC.
const usualHeader = "X-Hub-Signature-256"

var (
	hookName   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
)

// Validate implements config.Validator.
func (c Config) Validate() (faults config.Faults) {
	names := map[string]bool{}
	for i, hook := range c.Hooks {
		at := fmt.Sprintf("hooks[%d]", i)
		faults = append(faults, config.Within(at, hook.Validate())...)
		if names[hook.Name] {
			faults = append(faults, config.Fault{Field: at + ".name", Problem: fmt.Sprintf("hook %q is there twice", hook.Name), Mend: "give it another name"})
		}
		names[hook.Name] = true
	}
	return faults
}

// Validate implements config.Validator.
func (h Hook) Validate() (faults config.Faults) {
	wrong := func(field, problem, mend string) {
		faults = append(faults, config.Fault{Field: field, Problem: problem, Mend: mend})
	}
	if !hookName.MatchString(h.Name) {
		wrong("name", fmt.Sprintf("%q is no name", h.Name), "use small letters, digits, - and _, a letter first")
	}
	switch h.Kind {
	case KindAlertmanager:
		if h.Token == "" || h.Secret != "" {
			wrong("token", "is what an alertmanager shows, and nothing else", "set token, and the same in its http_config.authorization; leave secret out")
		}
	case KindJSON:
		if h.Secret == "" || h.Token != "" {
			wrong("secret", "is what signs a json hook, and nothing else", "set secret, and the same at the sender; leave token out")
		}
	default:
		wrong("kind", fmt.Sprintf("is %q", h.Kind), "write alertmanager or json")
	}
	if h.Header != "" && !headerName.MatchString(h.Header) {
		wrong("header", fmt.Sprintf("%q is no header", h.Header), "write one such as "+usualHeader)
	}
	return faults
}

// open resolves the hook's secret.
func (h Hook) open(ctx context.Context) (*hook, error) {
	reference := h.Secret
	if h.Kind == KindAlertmanager {
		reference = h.Token
	}
	secret, err := reference.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("inbox hook %s: %w", h.Name, err)
	}
	if len(secret) < leastSecret {
		return nil, fmt.Errorf("inbox hook %s: its secret is shorter than %d bytes: make one with `openssl rand -hex 32`", h.Name, leastSecret)
	}
	made := &hook{name: h.Name, secret: []byte(secret), read: readJSON, header: http.CanonicalHeaderKey(cmp.Or(h.Header, usualHeader)), room: make(chan struct{}, maxAtOnce)}
	if h.Kind == KindAlertmanager {
		made.bearer, made.read = true, readAlertmanager
	}
	return made, nil
}
