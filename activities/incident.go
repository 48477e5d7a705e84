package activities

import (
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Steps of an incident: what it needs to know, ask and judge.
var (
	// ReadSettings returns the times that govern an incident, as config has them now: a snapshot, since workflow code
	// reads no config.
	ReadSettings = Step[None, Settings]{"ReadSettings"}
	// ListSources names the sources of enrichment that are configured, in a fixed order.
	ListSources = Step[None, Sources]{"ListSources"}
	// AskSource asks one source for readings on observables and assets. A source that can't answer is an error.
	AskSource = Step[Inquiry, soar.Answer]{"AskSource"}
	// Judge weighs brief and answers by the policy: a snapshot.
	Judge = Step[JudgeRequest, soar.Verdict]{"Judge"}
	// MakePlan says what to do: a snapshot of actions with plan and policy versions. No action is an answer too.
	MakePlan = Step[PlanRequest, soar.Plan]{"MakePlan"}
	// AskPeople shows an approval's state to people: posts its card, or brings the posted card to a newer revision.
	AskPeople = Step[Card, CardRef]{"AskPeople"}
	// VerifyDecision checks who decided: signature, identity, group, requester is not approver. Local: its answer
	// stands in the history. A person who can't be verified is a permanent error: the click is refused, not the request.
	VerifyDecision = Step[Claim, Verified]{"VerifyDecision"}
	// GrantAction signs the permission for one action: it checks the decisions' signatures and the quorum, or for mode
	// auto and hold asks the policy again on the ledger's detections. A refusal is a permanent error.
	GrantAction = Step[GrantRequest, soar.Grant]{"GrantAction"}
	// TellPeople tells what happened, without asking anything. What can't be told is logged by the caller.
	TellPeople = Step[Message, None]{"TellPeople"}
)

// Settings are the times of an incident. All are positive.
type Settings struct {
	Quiet          time.Duration `json:"quiet"`           // silence after which an incident closes (24 h)
	Episode        time.Duration `json:"episode"`         // an incident's longest life, then a linked new one (7 d)
	ApprovalWindow time.Duration `json:"approval_window"` // how long people are asked (4 h); then silence means no
	HoldFor        time.Duration `json:"hold_for"`        // how long mode hold contains without approval (30 min)
	Settle         time.Duration `json:"settle"`          // how long to wait for containments to say how they stand
	SourceTimeout  time.Duration `json:"source_timeout"`  // for one source of enrichment (2 min)
	ScanTimeout    time.Duration `json:"scan_timeout"`    // for one scan (2 h)
	ConfirmWithin  time.Duration `json:"confirm_within"`  // how long a read-back may take to show an effect (2 min)
	ReadBack       time.Duration `json:"read_back"`       // how often what is held is read back (10 min); 0: never
	UIBase         string        `json:"ui_base"`         // address of the Temporal UI for links; may be empty
}

// Sources are the names of the configured sources of enrichment.
type Sources struct {
	Names []string `json:"names"`
}

// Inquiry asks one source about an incident's observables and assets, bounded as soar.Brief is.
type Inquiry struct {
	Incident    string            `json:"incident"`
	Source      string            `json:"source"`
	Observables []soar.Observable `json:"observables"`
	Assets      []soar.Asset      `json:"assets"`
}

// String is the inquiry's line on the analysts' screen.
func (i Inquiry) String() string { return i.Source }

// JudgeRequest is what a judgement rests on.
type JudgeRequest struct {
	Incident string        `json:"incident"`
	Key      string        `json:"key"`
	Brief    soar.Brief    `json:"brief"`
	Answers  []soar.Answer `json:"answers"`
}

// PlanRequest asks what to do about an incident. Earlier are the actions of earlier revisions: none is planned twice.
type PlanRequest struct {
	Incident string        `json:"incident"`
	Key      string        `json:"key"`
	Entity   soar.Entity   `json:"entity"`
	Brief    soar.Brief    `json:"brief"`
	Verdict  soar.Verdict  `json:"verdict"`
	Answers  []soar.Answer `json:"answers"`
	Exposure Exposure      `json:"exposure"`
	Earlier  []soar.Action `json:"earlier,omitempty"`
	Revision int           `json:"revision"`
	// Phase is "contain" or "remediate": which part of the plan is asked for.
	Phase string `json:"phase"`
}

// Phases of a plan.
const (
	PhaseContain   = "contain"
	PhaseRemediate = "remediate"
)

// Card is one approval as people see it: a projection of state, newest revision wins.
type Card struct {
	Request    string          `json:"request"`  // the approval's id
	Workflow   string          `json:"workflow"` // the workflow id that takes Decide
	Incident   string          `json:"incident"`
	Case       CaseRef         `json:"case"`
	Digest     string          `json:"digest"` // of the plan in question
	Actions    []soar.Action   `json:"actions"`
	Verdict    soar.Verdict    `json:"verdict"`
	Evidence   []soar.Evidence `json:"evidence"`
	Expires    time.Time       `json:"expires"`
	Reminder   bool            `json:"reminder"`
	Outcome    soar.Outcome    `json:"outcome"`    // empty while pending
	DecidedBy  []string        `json:"decided_by"` // who, and how
	Revision   int             `json:"revision"`
	Posted     CardRef         `json:"posted"` // the card as posted, if it was
	Needs      int             `json:"needs"`  // how many people must approve
	UIBase     string          `json:"ui_base"`
	Simulation bool            `json:"simulation,omitempty"`
}

// String is the card's line on the analysts' screen.
func (c Card) String() string {
	if len(c.Actions) == 1 {
		return c.Actions[0].String()
	}
	return ""
}

// CardRef is where a card was posted; empty when nobody could be asked that way.
type CardRef struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Claim is a decision as it came in, and what it is about; nobody has checked yet who made it.
type Claim struct {
	Decision  soar.Decision `json:"decision"`
	Actions   []soar.Action `json:"actions"`
	Requester string        `json:"requester,omitempty"` // who asked for the actions; "" for the plan itself
	Approved  []string      `json:"approved,omitempty"`  // who approved before
	At        time.Time     `json:"at"`
}

// Verified is who decided.
type Verified struct {
	Person string   `json:"person"`
	Groups []string `json:"groups"`
}

// GrantRequest asks for the permission to carry out one action of a plan.
type GrantRequest struct {
	Plan       soar.Plan           `json:"plan"`
	ActionID   string              `json:"action_id"`
	Decisions  []soar.Decision     `json:"decisions,omitempty"`
	Verdict    soar.Verdict        `json:"verdict"`
	Detections []soar.DetectionRef `json:"detections"`        // the evidence: checked against the ledger for auto and hold
	Answers    []soar.Answer       `json:"answers,omitempty"` // what the verdict was given on, for auto and hold
}

// String is the request's line on the analysts' screen.
func (g GrantRequest) String() string {
	action, _ := g.Plan.Find(g.ActionID)
	return action.String()
}

// Message tells people something. Level is one of slog's: INFO, WARN, ERROR.
type Message struct {
	Incident string `json:"incident"`
	Workflow string `json:"workflow"`
	Level    string `json:"level"`
	Text     string `json:"text"`
	Key      string `json:"key"` // the same key is told once
}

// String is the message's line on the analysts' screen.
func (m Message) String() string { return m.Text }
