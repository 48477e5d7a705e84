package wazuh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

var _ activities.Driver = (*Wazuh)(nil)

// Verbs of sallyport-response.
const (
	verbBlock   = "block"
	verbUnblock = "unblock"
	verbStatus  = "status"
)

// Observe asks the program on each agent how the target stands, and waits for its answer in the indexer. No answer in
// time is an error: we don't know.
func (w *Wazuh) Observe(ctx context.Context, batch []soar.Action) ([]activities.Observation, error) {
	targets, err := check(batch)
	if err != nil {
		return nil, err
	}
	seen := make([]activities.Observation, len(batch))
	for i, action := range batch {
		said, answered, err := w.ask(ctx, verbStatus, action, targets[i])
		if err != nil {
			return nil, err
		}
		if !answered {
			return nil, fmt.Errorf("agent %s said nothing within %s: is %s in its active-response/bin, are decoder and rules of deploy/wazuh on the manager, and does the indexer keep its alerts?", action.On, w.within, w.program)
		}
		if err := faultOfResult(said, action); err != nil {
			return nil, err
		}
		seen[i] = activities.Observation{InForce: said.InForce == "true", Ours: said.Ours == "true", Shared: said.Shared == "true", Left: said.until()}
	}
	return seen, nil
}

// Apply has the program hold each target for the action, with the kernel's timeout as a net below our own release. The
// program knows the action's id: asking again changes nothing more. A result that says no is an error; no result yet
// is none, since Observe tells.
func (w *Wazuh) Apply(ctx context.Context, batch []soar.Action) error {
	return w.change(ctx, verbBlock, batch)
}

// Undo has the program let the action's hold go. The target stays while another action holds it, or an administrator.
func (w *Wazuh) Undo(ctx context.Context, batch []soar.Action) error {
	return w.change(ctx, verbUnblock, batch)
}

// change goes agent by agent: one that has dropped off the network holds up the server's only worker.
func (w *Wazuh) change(ctx context.Context, verb string, batch []soar.Action) error {
	targets, err := check(batch)
	if err != nil {
		return err
	}
	for i, action := range batch {
		said, answered, err := w.ask(ctx, verb, action, targets[i])
		if err == nil && answered {
			err = faultOfResult(said, action)
		}
		if err != nil && i > 0 {
			return activities.Asked(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// order is the body of an active response. "!" starts the program by its file name, so that no timeout of ossec.conf
// has a say, and arguments come to it as parameters.extra_args.
type order struct {
	Command   string   `json:"command"`
	Arguments []string `json:"arguments"`
	Alert     alert    `json:"alert"`
}

type alert struct {
	Data struct {
		Srcip string `json:"srcip"`
	} `json:"data"`
}

// ask sends one verb to the action's agent and waits for the program's result. answered is false when none was found
// in time.
func (w *Wazuh) ask(ctx context.Context, verb string, action soar.Action, target netip.Addr) (said result, answered bool, err error) {
	nonce := strings.ToLower(rand.Text()) // one word in lower case: found whether the field is a keyword or text
	seconds := int64(0)
	if verb == verbBlock {
		seconds = int64((action.For + time.Second - 1) / time.Second)
	}
	o := order{Command: "!" + w.program, Arguments: []string{verb, strconv.FormatInt(seconds, 10), action.ID, nonce}}
	o.Alert.Data.Srcip = target.String()
	if err := w.api.respond(ctx, action.On, o); err != nil {
		return result{}, false, nothingSent(err)
	}
	return w.await(ctx, action, verb, target, nonce)
}

// How often the indexer is asked for a result: soon at first, then once a second, which is as fast as Wazuh is.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = time.Second
)

func (w *Wazuh) await(ctx context.Context, action soar.Action, verb string, target netip.Addr, nonce string) (result, bool, error) {
	deadline := time.Now().Add(w.within)
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		said, there, err := w.indexer.resultOf(ctx, action.On, nonce)
		switch {
		case err != nil:
			return result{}, false, err
		case there && said.Error == "bad-request": // the program did not get as far as the verb
			return said, true, nil
		case there && (string(said.Verb) != verb || string(said.Action) != action.ID || string(said.Target) != target.String() && said.Target != ""):
			return result{}, false, fmt.Errorf("agent %s answered another question than ours", action.On)
		case there:
			return said, true, nil
		case time.Now().Add(pause).After(deadline):
			return result{}, false, nil
		}
		if err := wait(ctx, pause); err != nil {
			return result{}, false, err
		}
	}
}

// faultOfResult turns the program's error word into ours. Its own text is not repeated: it comes from the agent.
func faultOfResult(said result, action soar.Action) error {
	switch said.Error {
	case "":
		return nil
	case "refused-special", "refused-own", "refused-gateway", "refused-resolver", "refused-manager":
		reason := map[text]string{
			"refused-special": "it is no single host's address", "refused-own": "it is the agent's own address",
			"refused-gateway": "it is the agent's default gateway", "refused-resolver": "it is the agent's name server",
			"refused-manager": "it is the agent's Wazuh manager",
		}[said.Error]
		return activities.Permanent(fmt.Errorf("agent %s refuses to block the target: %s", action.On, reason))
	case "refused-unknown":
		return fmt.Errorf("agent %s could not look up what it must not block: see its active-responses.log", action.On)
	case "filter-failed":
		return fmt.Errorf("agent %s could not change or read nftables: run `sallyport-response -check` there", action.On)
	case "state-failed":
		return fmt.Errorf("agent %s could not read or write its holders' file: see its active-responses.log", action.On)
	case "bad-request":
		return activities.Permanent(fmt.Errorf("agent %s did not understand the request: install the sallyport-response of this version there", action.On))
	}
	return fmt.Errorf("agent %s reports an error that we don't know", action.On)
}

var actionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// maxFor is the longest hold that the program takes.
const maxFor = 30 * 24 * time.Hour

// check refuses a batch that is not blocks of single addresses on single agents, and returns the addresses.
func check(batch []soar.Action) ([]netip.Addr, error) {
	if err := activities.CheckBatch(batch); err != nil {
		return nil, err
	}
	targets := make([]netip.Addr, len(batch))
	for i, action := range batch {
		address, err := netip.ParseAddr(action.Target)
		switch {
		case action.Kind != soar.BlockAddress:
			return nil, activities.Permanent(fmt.Errorf("wazuh can't %s", action.Kind))
		case !isAgent(action.On):
			return nil, activities.Permanent(fmt.Errorf("action %s names no agent: want its id, three digits or more, and never 000", action.ID))
		case !actionID.MatchString(action.ID):
			return nil, activities.Permanent(errors.New("action id is no plain word"))
		case action.For <= 0 || action.For > maxFor:
			return nil, activities.Permanent(fmt.Errorf("action %s: every block ends: want 1s to %s", action.ID, maxFor))
		case err != nil || address.Zone() != "" || address.IsUnspecified() || address.IsLoopback() || address.IsMulticast() || address.IsLinkLocalUnicast():
			return nil, activities.Permanent(fmt.Errorf("action %s: target is no single host's address", action.ID))
		}
		targets[i] = address.Unmap()
	}
	return targets, nil
}
