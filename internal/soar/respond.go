package soar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Mode is how an action comes to be carried out.
type Mode string

// Modes. Silence carries out auto and hold, and nothing else.
const (
	Auto    Mode = "auto"    // at once: reversible, short, unprotected, verdict above threshold, within limits
	Hold    Mode = "hold"    // at once for a short time while approval is asked; silence lets it expire
	Ask     Mode = "ask"     // only when approved
	Suggest Mode = "suggest" // never by us: shown to people
)

// Kinds of action.
const (
	BlockAddress = "block_address" // keep packets of an address out
	Patch        = "patch"         // remediate an exposed asset by a playbook
)

// Action is one planned response on one target.
type Action struct {
	ID     string `json:"id"`   // incident id + "-" + number: every outside key of the action is made from it
	Kind   string `json:"kind"` // BlockAddress, Patch
	System string `json:"system"`
	Target string `json:"target"`       // what it acts on: an address, a host
	On     string `json:"on,omitempty"` // where, if the system has many places: a Wazuh agent's id
	OnName string `json:"on_name,omitempty"`
	// Address is the observed address of the host of ours that it changes: of the agent, or of the host that is patched.
	Address string        `json:"address,omitempty"`
	For     time.Duration `json:"for"` // every containment ends
	Mode    Mode          `json:"mode"`
	Reason  string        `json:"reason"`
	// Playbook is the remediation's playbook, by the name that the system's config gives it.
	Playbook string `json:"playbook,omitempty"`
	// RequiresPeople is how many distinct people must approve; 0 for mode auto.
	RequiresPeople int `json:"requires_people,omitempty"`
	// Groups are the approver groups of which at least one person must approve; empty means any approver.
	Groups []string `json:"groups,omitempty"`
}

// Place is the system and the spot on it, for people: "wazuh agent web-01".
func (a Action) Place() string {
	if a.OnName != "" {
		return a.System + " agent " + a.OnName
	}
	if a.On != "" {
		return a.System + " agent " + a.On
	}
	return a.System
}

// String is the action's line on the analysts' screen.
func (a Action) String() string { return a.Kind + " " + a.Target + " on " + a.Place() }

// Key names the target on its system: the register has one entry for it, which lists its holders.
func (a Action) Key() string { return a.System + "/" + a.On + "/" + a.Target }

// Digest names exactly this action.
func (a Action) Digest() string { return digest(a) }

// Plan is a snapshot: what to do in one incident, and by which versions of the content.
type Plan struct {
	Incident      string   `json:"incident"`
	Key           string   `json:"key"`  // the incident's key
	Name          string   `json:"name"` // the plan's file
	Version       string   `json:"version"`
	PolicyVersion string   `json:"policy_version"`
	Revision      int      `json:"revision"` // counts re-plans of one incident
	Actions       []Action `json:"actions"`
}

// Approvers are the distinct people who approved.
func (g Grant) Approvers() (names []string) {
	for _, d := range g.Decisions {
		if d.Approve && !slices.Contains(names, d.By) {
			names = append(names, d.By)
		}
	}
	return names
}

// Digest names exactly this plan; people approve a digest, never "the latest".
func (p Plan) Digest() string { return digest(p) }

// Find returns the plan's action with that id.
func (p Plan) Find(id string) (Action, bool) {
	for _, a := range p.Actions {
		if a.ID == id {
			return a, true
		}
	}
	return Action{}, false
}

func digest(v any) string {
	text, _ := json.Marshal(v) // a struct of strings and numbers cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// State is where a containment stands.
type State string

// States. Unconfirmed never counts as success.
const (
	Planned     State = "planned"     // in the register, not yet asked of the system
	Contained   State = "contained"   // read back from the system
	Unconfirmed State = "unconfirmed" // asked for, not seen: shown and escalated
	Refused     State = "refused"     // by the envelope; nothing was done
	Released    State = "released"    // read back as gone
)

// Containment is an effect with an expiry and a release. It is a document of the register.
type Containment struct {
	Action      Action     `json:"action"`
	Incident    string     `json:"incident"`
	IncidentKey string     `json:"incident_key"`
	Grant       Grant      `json:"grant"`
	State       State      `json:"state"`
	Reason      string     `json:"reason,omitempty"` // why refused or unconfirmed
	Receipt     string     `json:"receipt,omitempty"`
	Expires     time.Time  `json:"expires"`
	AppliedAt   *time.Time `json:"applied_at,omitempty"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
	ReleasedAt  *time.Time `json:"released_at,omitempty"`
	ReleasedBy  string     `json:"released_by,omitempty"` // a person, or "expiry"
}

// Live reports whether something may be in force for it still.
func (c Containment) Live() bool { return c.State != Refused && c.State != Released }

// Outcome is how a request for approval ended.
type Outcome string

// Outcomes; the empty one is pending.
const (
	Approved Outcome = "approved"
	Denied   Outcome = "denied"
	Expired  Outcome = "expired"
)

// Decision is one person's answer to one request. Who signed it says how the person was authenticated: "cli" carries
// the person's own key, "slack" the gateway's, which vouches for the Slack user.
type Decision struct {
	Request   string    `json:"request"` // the approval's id
	Digest    string    `json:"digest"`  // of what was asked
	By        string    `json:"by"`      // the person's name in config
	Approve   bool      `json:"approve"`
	Method    string    `json:"method"` // cli, slack
	Reason    string    `json:"reason,omitempty"`
	SignedAt  time.Time `json:"signed_at"`
	Override  bool      `json:"override,omitempty"` // --override-protected; only by cli
	Signature []byte    `json:"signature,omitempty"`
}

// Signed returns the bytes that the signature covers.
func (d Decision) Signed() []byte {
	d.Signature = nil
	d.SignedAt = d.SignedAt.UTC()
	text, _ := json.Marshal(d) // a struct of strings and a time cannot fail
	return append([]byte("sallyport decision v1\n"), text...)
}

// Grant is the permission to carry out one action: without one the envelope refuses. It is signed by the grant key of
// role respond, after the decisions were checked, or, for mode auto, after the policy was asked again.
type Grant struct {
	ActionDigest string     `json:"action_digest"`
	Incident     string     `json:"incident"`
	Mode         Mode       `json:"mode"`
	Decisions    []Decision `json:"decisions,omitempty"`
	Override     bool       `json:"override,omitempty"` // two people overrode the protected list
	At           time.Time  `json:"at"`
	NotAfter     time.Time  `json:"not_after"` // an effect that has not begun by then needs another grant
	Until        time.Time  `json:"until"`     // the latest expiry that it permits
	Signature    []byte     `json:"signature,omitempty"`
}

// Signed returns the bytes that the signature covers.
func (g Grant) Signed() []byte {
	g.Signature = nil
	g.At, g.NotAfter, g.Until = g.At.UTC(), g.NotAfter.UTC(), g.Until.UTC()
	text, _ := json.Marshal(g) // a struct of strings and a time cannot fail
	return append([]byte("sallyport grant v1\n"), text...)
}
