package wazuh

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Check says what Wazuh is, and what is missing: its version, the API user's rights. Whether our program lies on an agent
// can't be known from here: the first block there tells. CheckIndexer looks at the rest.
func (w *Wazuh) Check(ctx context.Context) (string, error) {
	version, err := w.api.about(ctx)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(version, "4.") {
		return "", fmt.Errorf("server API %.20s: Sallyport speaks to Wazuh 4.x; Wazuh 5 has no active response by API", version)
	}
	rights, err := w.api.rights(ctx)
	if err != nil {
		return "", err
	}
	all, err := w.agents(ctx)
	if err != nil {
		return "", err
	}
	active := len(pick(all, func(a agent) bool { return a.Status == "active" && isAgent(a.ID) }))
	line := fmt.Sprintf("Wazuh %.20s, %d active agents; whether %s is on an agent shows at the first block there", version, active, w.program)
	if rights["active-response:command"]["agent:id:*"] == "allow" {
		line += "; the API user may start programs on every agent: better allow active-response:command on those in question only"
	}
	return line, missing(rights)
}

// missing names the rights that the API user lacks altogether. Wazuh answers a list without rights with an empty one, so
// this is the only place where it shows.
func missing(rights map[string]map[string]string) (err error) {
	for _, action := range []string{"agent:read", "syscollector:read", "active-response:command"} {
		allowed := false
		for _, effect := range rights[action] {
			allowed = allowed || effect == "allow"
		}
		if !allowed {
			err = errors.Join(err, fmt.Errorf("the API user lacks %s: give it a policy that allows it on the agents in question", action))
		}
	}
	return err
}

// CheckIndexer tries what is read in the indexer.
func (w *Wazuh) CheckIndexer(ctx context.Context) (string, error) {
	for _, pattern := range []string{w.indexer.alerts, w.indexer.states} {
		if _, err := w.indexer.search(ctx, pattern, object{"size": 0, "query": object{"match_all": object{}}}); err != nil {
			return "", err
		}
	}
	return w.indexer.alerts + " and " + w.indexer.states + " can be read", nil
}
