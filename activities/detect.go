package activities

import (
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Steps of role detect.
var (
	// ReadSlot reads one slot of a stream for one lease term: it tails each of its shards by _seq_no, matches, writes
	// the ledger and moves the cursor. It heartbeats and returns at the term's end, or when its worker stops.
	ReadSlot = Step[SlotRequest, SlotTerm]{"ReadSlot"}
	// Dispatch reads the ledger for one lease term and opens or joins incidents. Only one runs: its cursor is fenced.
	Dispatch = Step[DispatchRequest, DispatchTerm]{"Dispatch"}
	// ClaimDetections sets incident_id on ledger documents by compare-and-set and folds what it newly claimed, so a
	// detection counts for one incident, once. Asking again with the same incident returns the same documents again.
	ClaimDetections = Step[ClaimRequest, Claimed]{"ClaimDetections"}
	// FreeClaims takes the incident's id from detections that an incident has claimed which neither runs nor has a record:
	// they are unclaimed again.
	FreeClaims = Step[SweepRequest, Freed]{"FreeClaims"}
	// ListUnclaimed lists detections that open an incident and that nobody has claimed for a while: the sweep. It takes a
	// token for each incident that does not run.
	ListUnclaimed = Step[SweepRequest, Sweep]{"ListUnclaimed"}
)

// DropOld forgets what is over: months of the ledger that no watched index needs, matches that no correlation waits for,
// and events of the inbox.
var DropOld = Step[None, Dropped]{"DropOld"}

// Dropped says what was forgotten.
type Dropped struct {
	Months  []string `json:"months,omitempty"` // indices of the ledger
	Matches int      `json:"matches"`
	Inbox   int      `json:"inbox,omitempty"` // events that were sent
}

// SlotRequest names a slot of a stream; Term is the length of the lease. Slots is into how many the stream is divided, as
// the asker knows it: where the config says another number, the term is empty and tells it.
type SlotRequest struct {
	Stream string        `json:"stream"`
	Slot   int           `json:"slot"`
	Slots  int           `json:"slots"`
	Term   time.Duration `json:"term"`
}

// String is the request's line on the analysts' screen.
func (r SlotRequest) String() string { return r.Stream }

// SlotTerm is what one lease term did.
type SlotTerm struct {
	Slots      int       `json:"slots"` // of the stream, in the worker's config; 0: the stream is not in it
	Documents  int64     `json:"documents"`
	Detections int64     `json:"detections"`
	Watermark  time.Time `json:"watermark"` // index time; zero while not every shard could be read
}

// DispatchRequest asks for one lease term of dispatching.
type DispatchRequest struct {
	Term time.Duration `json:"term"`
}

// DispatchTerm is what one lease term did.
type DispatchTerm struct {
	Detections int64 `json:"detections"`
	Signals    int64 `json:"signals"`
}

// ClaimRequest asks to claim detections for an incident.
type ClaimRequest struct {
	Incident   string              `json:"incident"`
	Claim      int                 `json:"claim,omitempty"` // the incident's claims are numbered from 1; a repeated one bears its number again
	Detections []soar.DetectionRef `json:"detections"`
}

// Claimed is what this claim brought to the incident: News folds the detections of the request that nobody had before. What
// an earlier claim brought is told again by the sweep and by a dispatcher that begins anew, and counts no more.
type Claimed struct {
	News  soar.Brief `json:"news"`
	Count int        `json:"count"` // 0 means that others, or earlier claims, have them all
}

// SweepRequest asks for detections that are unclaimed since before Older.
type SweepRequest struct {
	Older time.Duration `json:"older"`
}

// Freed says which incidents were dead, and how many detections are unclaimed again.
type Freed struct {
	Incidents  []string `json:"incidents,omitempty"`
	Detections int      `json:"detections"`
}

// Sweep lists unclaimed detections, grouped by the incident that they belong to.
type Sweep struct {
	Unclaimed []News `json:"unclaimed"`
}

// News is what the dispatcher signals to an incident: ids and counts only, at most 500 ids.
type News struct {
	Entity     soar.Entity         `json:"entity"`
	Detections []soar.DetectionRef `json:"detections"`
}

// MaxNews is how many detections one signal names.
const MaxNews = 500
