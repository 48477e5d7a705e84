package response

import (
	"encoding/json"
	"time"
)

// Result is what became of a request: one line in the agent's active-responses.log, which the shipped decoder and rules
// turn into an alert with data.sallyport.*. It says what was seen in the packet filter after the work, not what was wanted.
type Result struct {
	Version int    `json:"version"` // of this form
	Verb    string `json:"verb"`
	Action  string `json:"action"`
	Nonce   string `json:"nonce"`
	Target  string `json:"target"`
	InForce bool   `json:"in_force"` // packets from the target are dropped now, whoever wanted it
	Ours    bool   `json:"ours"`     // this action holds the target
	Shared  bool   `json:"shared"`   // another action, or an administrator, wants it too
	Holders int    `json:"holders"`  // how many actions hold the target
	Left    int    `json:"left"`     // seconds until the kernel lifts it; 0: never, or not in force
	Error   string `json:"error,omitempty"`
	Detail  string `json:"detail,omitempty"` // for administrators, at most 200 bytes
	At      string `json:"at"`               // the agent's clock
}

// Version is the form of Result.
const Version = 1

// Words of Result.Error.
const (
	BadRequest      = "bad-request"
	RefusedSpecial  = "refused-special"  // loopback, unspecified, broadcast, multicast, link-local
	RefusedOwn      = "refused-own"      // an address of the agent itself
	RefusedGateway  = "refused-gateway"  // its default gateway
	RefusedResolver = "refused-resolver" // its name server
	RefusedManager  = "refused-manager"  // its Wazuh manager
	RefusedUnknown  = "refused-unknown"  // one of these could not be looked up: see the detail
	FilterFailed    = "filter-failed"    // nftables is missing, or refused
	StateFailed     = "state-failed"     // the holders' file can't be read, written or locked
)

// Prefix begins a result's line; the decoder knows it by that.
const Prefix = "sallyport-response: "

const maxDetail = 200

// Line is the result as it is logged, with its line feed.
func (r Result) Line() []byte {
	if len(r.Detail) > maxDetail {
		r.Detail = r.Detail[:maxDetail]
	}
	text, _ := json.Marshal(map[string]Result{"sallyport": r}) // a struct of strings and numbers cannot fail
	return append([]byte(Prefix), append(text, '\n')...)
}

func newResult(r Request, now time.Time) Result {
	result := Result{Version: Version, Verb: r.Verb, Action: r.Action, Nonce: r.Nonce, At: now.UTC().Format(time.RFC3339)}
	if r.Target.IsValid() {
		result.Target = r.Target.String()
	}
	return result
}
