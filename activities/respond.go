package activities

import (
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Steps of the envelope. A refusal is an answer (State refused), an error means that we don't know.
var (
	// Admit checks, per action, whether it may be carried out: digest, grant, protected assets, kill switch, limits;
	// then writes its register entry. Asking again for an admitted action returns the same answer.
	Admit = Step[Order, soar.Containment]{"Admit"}
	// CarryOut carries out a batch of admitted orders on one system: kill switch and protected assets again, apply,
	// observe, register, audit. One answer per order, in order. What is not seen yet comes back unconfirmed.
	CarryOut = Step[Batch, Settled]{"CarryOut"}
	// Confirm reads an effect back, for systems that show it later; contained when it is seen.
	Confirm = Step[Order, soar.Containment]{"Confirm"}
	// Release ends a batch of containments on one system and reads back that each is gone. It asks for no approval and
	// obeys no limit and no kill switch: ending is always allowed. Undo runs when the last holder of a target lets go.
	Release = Step[Batch, Settled]{"Release"}
	// Forget gives a release up that can't be read back, by the word of two people: the register lists it no more.
	Forget = Step[ForgetRequest, soar.Containment]{"Forget"}
	// SendWish puts an order (or its end) into the device's workflow, starting it where none runs.
	SendWish = Step[Wish, None]{"SendWish"}
	// ListContainments lists the register's entries that are not over.
	ListContainments = Step[None, Containments]{"ListContainments"}
	// ListStrays lists what bears our mark on a system and is not in the register: somebody lost the register's entry.
	ListStrays = Step[None, Containments]{"ListStrays"}
	// RunningContainments says which of the given containments have a running workflow.
	RunningContainments = Step[ContainmentIDs, ContainmentIDs]{"RunningContainments"}
	// ReadLimits returns what is kept of limits and kill switch outside Temporal; what the register has beside it is
	// counted too.
	ReadLimits = Step[None, LimitsState]{"ReadLimits"}
	// KeepLimits keeps how limits and kill switch stand: should their workflow get lost, the next one goes on from there.
	KeepLimits = Step[LimitsState, None]{"KeepLimits"}
	// StartLimits starts the limits' workflow where none runs, and says whether it had to.
	StartLimits = Step[None, Started]{"StartLimits"}
	// SignalIncident delivers news by signal-with-start, and says whether it had to start an incident.
	SignalIncident = Step[News, Started]{"SignalIncident"}
)

// Order tells the envelope to carry out one action of an approved plan, or to end it.
type Order struct {
	Action      soar.Action `json:"action"`
	Incident    string      `json:"incident"`
	IncidentKey string      `json:"incident_key"`
	Grant       soar.Grant  `json:"grant"`
	Expires     time.Time   `json:"expires"`
	ReleasedBy  string      `json:"released_by,omitempty"`
}

// String is the order's line on the analysts' screen.
func (o Order) String() string { return o.Action.String() }

// Batch is what one system carries out at the price of one.
type Batch struct {
	System string  `json:"system"`
	Orders []Order `json:"orders"`
}

// String is the batch's line on the analysts' screen.
func (b Batch) String() string {
	if len(b.Orders) == 1 {
		return b.Orders[0].String()
	}
	return b.System
}

// ForgetRequest gives a release up. Decisions are of two people or more, signed with their own keys.
type ForgetRequest struct {
	Order     Order           `json:"order"`
	Decisions []soar.Decision `json:"decisions"`
}

// ForgetPeople is how many people it takes.
const ForgetPeople = 2

// ForgetID is the request under which people decide that a containment's release is given up.
func ForgetID(actionID string) string { return "forget/" + actionID }

// String is the request's line on the analysts' screen.
func (r ForgetRequest) String() string { return r.Order.String() }

// Settled answers a batch, one containment per order in the batch's order.
type Settled struct {
	Containments []soar.Containment `json:"containments"`
}

// Wish is what a containment asks of its device's workflow: the order, and whether to apply or release it. The device
// answers with signal SettledSignal to workflow Reply.
type Wish struct {
	Order   Order  `json:"order"`
	Release bool   `json:"release"`
	Reply   string `json:"reply"` // workflow id of the containment
}

// String is the wish's line on the analysts' screen.
func (w Wish) String() string { return w.Order.String() }

// Containments are entries of the register.
type Containments struct {
	Containments []soar.Containment `json:"containments"`
}

// ContainmentIDs are ids of actions.
type ContainmentIDs struct {
	ActionIDs []string `json:"action_ids"`
}

// Names on the wire that both a workflow and an activity must know; changing one breaks running workflows.
const (
	Queue           = "sallyport" // task queue of role respond, and of all workflows
	DetectQueue     = "sallyport-detect"
	GatewayQueue    = "sallyport-gateway" // task queue of role gateway: AskPeople and TellPeople, which hold the chat's token
	NewsSignal      = "news"              // News, to an incident
	WishSignal      = "wish"              // Wish, to a device
	SettledSignal   = "settled"           // soar.Containment, from a device to a containment
	StandsSignal    = "stands"            // soar.Containment, from a containment to its incident
	ReleaseSignal   = "release"           // string: who says so; to a containment
	RenewSignal     = "renew"             // soar.Grant: a hold was approved; to a containment
	IncidentName    = "Incident"
	DeviceName      = "Device"
	LimitsName      = "Limits"
	LimitsID        = "limits"
	ReserveUpdate   = "Reserve" // Reservation -> Reserved, on limits
	ReturnUpdate    = "Return"  // Reservation -> None
	HaltUpdate      = "Halt"    // Switch -> SwitchState
	ResumeUpdate    = "Resume"  // Switch -> SwitchState
	LimitsQuery     = "limits"  // -> SwitchState
	DecideUpdate    = "Decide"  // soar.Decision -> soar.Outcome, on an incident or remediation; on a containment: to forget it
	StateQuery      = "state"   // -> the workflow's state for people
	FactsHeartbeat  = 10 * time.Second
	MaxPayloadBytes = 32 << 10
)

// ContainID is the workflow id of an action's containment.
func ContainID(actionID string) string { return "contain/" + actionID }

// DeviceID is the workflow id of an appliance's one writer.
func DeviceID(system string) string { return "device/" + system }

// Reservation asks limits for room for one action. Asking again for the same action changes nothing more.
type Reservation struct {
	ActionID string        `json:"action_id"`
	Kind     string        `json:"kind"`
	System   string        `json:"system"`
	Target   string        `json:"target"`
	Cap      Cap           `json:"cap"` // as the policy has it now
	Window   time.Duration `json:"window"`
}

// Cap is how much of one kind may happen in one window.
type Cap struct {
	Actions int `json:"actions"`
}

// Reserved is the answer; Reason says why not.
type Reserved struct {
	Granted bool   `json:"granted"`
	Reason  string `json:"reason,omitempty"`
}

// Switch throws or lifts the kill switch.
type Switch struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// SwitchState is how limits and kill switch stand.
type SwitchState struct {
	Halted bool         `json:"halted"`
	By     string       `json:"by,omitempty"`
	Reason string       `json:"reason,omitempty"`
	Since  time.Time    `json:"since,omitzero"`
	Used   []LimitState `json:"used,omitempty"`
}

// LimitsState is what the limits know; it goes from run to run, and is kept in the state cluster.
type LimitsState struct {
	Switch SwitchState `json:"switch"`
	Taken  []Taken     `json:"taken"`
	// Revision counts the changes; 0: nobody has read yet how they stood.
	Revision int64 `json:"revision"`
}

// Taken is room that an action took.
type Taken struct {
	ActionID string    `json:"action_id"`
	Kind     string    `json:"kind"`
	Cap      int       `json:"cap"`
	Until    time.Time `json:"until"`
}

// Started tells whether a workflow had to be started.
type Started struct {
	Started bool `json:"started"`
}

// LimitState is how much of a kind's room is used.
type LimitState struct {
	Kind string `json:"kind"`
	Used int    `json:"used"`
	Cap  int    `json:"cap"`
}
