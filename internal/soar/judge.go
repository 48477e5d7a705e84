package soar

import (
	"encoding/json"
	"slices"
	"time"
)

// Opinion is what one reading says of an observable or asset.
type Opinion string

// Opinions. Unknown is never "harmless": no source that has nothing to say clears anything.
const (
	Malicious  Opinion = "malicious"
	Suspicious Opinion = "suspicious"
	Harmless   Opinion = "harmless"
	Unknown    Opinion = "unknown"
)

// Reading is one source's word on one observable or asset.
type Reading struct {
	Source      string     `json:"source"` // misp, cortex/VirusTotal_GetReport_3_1, wazuh
	About       Observable `json:"about"`
	Opinion     Opinion    `json:"opinion"`
	Detail      string     `json:"detail"`                // one line for people, at most 300 bytes
	Warninglist string     `json:"warninglist,omitempty"` // MISP's list that names the value: forbids mode auto
}

// Answer is how one source did.
type Answer struct {
	Source   string    `json:"source"`
	Answered bool      `json:"answered"`
	Detail   string    `json:"detail,omitempty"` // why not
	Readings []Reading `json:"readings,omitempty"`
}

// Verdict is the judgement on an incident: a snapshot, so that it stays explainable when the policy changes.
type Verdict struct {
	Score         int      `json:"score"` // 0-100
	Severity      Severity `json:"severity"`
	Confidence    float64  `json:"confidence"` // 0-1: the share of sources that answered
	Reasons       []string `json:"reasons"`
	PolicyVersion string   `json:"policy_version"`
	// Answers names exactly the answers that were judged, and Signature is role respond's on all of it: what happens by
	// itself rests on a verdict that was really given.
	Answers   string `json:"answers,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

// Signed returns the bytes that the signature covers: the verdict on that incident.
func (v Verdict) Signed(incident string) []byte {
	v.Signature = nil
	text, _ := json.Marshal(v) // a struct of strings and numbers cannot fail
	return append([]byte("sallyport verdict v1\n"+incident+"\n"), text...)
}

// DigestOf names exactly these answers.
func DigestOf(answers []Answer) string { return digest(answers) }

// Brief is what an incident knows of its detections: bounded, whatever their number.
type Brief struct {
	Detections  int          `json:"detections"`
	Level       Level        `json:"level"` // the worst
	Rules       []Rule       `json:"rules"`
	Tactics     []string     `json:"tactics,omitempty"`
	Techniques  []string     `json:"techniques,omitempty"`
	CVEs        []string     `json:"cves,omitempty"`
	Assets      []Asset      `json:"assets,omitempty"`
	Observables []Observable `json:"observables,omitempty"`
	Evidence    []Evidence   `json:"evidence,omitempty"`
	First       time.Time    `json:"first"`
	Last        time.Time    `json:"last"`
}

// Evidence points at one event and says in one line what it showed.
type Evidence struct {
	Rule    string       `json:"rule"`
	Credit  string       `json:"credit,omitempty"` // the rule's author and licence
	Summary string       `json:"summary"`
	At      time.Time    `json:"at"`
	Ref     DetectionRef `json:"ref"`
	Event   EventRef     `json:"event"`
}

// How much of each list a Brief keeps.
const (
	MaxObservables = 50
	MaxAssets      = 20
	MaxRules       = 20
	MaxEvidence    = 10
)

// Add folds one detection in, and reports whether it was material news: a worse level, or a tactic, an observable
// or an asset that the incident had not seen.
func (b *Brief) Add(ref DetectionRef, d Detection) (material bool) {
	b.Detections++
	if b.First.IsZero() || d.EventTime.Before(b.First) {
		b.First = d.EventTime
	}
	if d.EventTime.After(b.Last) {
		b.Last = d.EventTime
	}
	if d.Rule.Level.Rank() > b.Level.Rank() {
		b.Level, material = d.Rule.Level, true
	}
	for _, t := range d.Tactics {
		material = add(&b.Tactics, t, MaxRules) || material
	}
	for _, o := range d.Observables {
		material = add(&b.Observables, o, MaxObservables) || material
	}
	if d.Asset.Name != "" {
		material = add(&b.Assets, d.Asset, MaxAssets) || material
	}
	add(&b.Rules, d.Rule, MaxRules)
	for _, t := range d.Techniques {
		add(&b.Techniques, t, MaxRules)
	}
	for _, c := range d.CVEs {
		add(&b.CVEs, c, MaxObservables)
	}
	add(&b.Evidence, Evidence{Rule: d.Rule.Title, Credit: d.Rule.Credit(), Summary: d.Summary, At: d.EventTime, Ref: ref, Event: d.Event}, MaxEvidence)
	return material
}

// Merge folds another brief in, and reports whether that was material news.
func (b *Brief) Merge(n Brief) (material bool) {
	b.Detections += n.Detections
	if b.First.IsZero() || (!n.First.IsZero() && n.First.Before(b.First)) {
		b.First = n.First
	}
	if n.Last.After(b.Last) {
		b.Last = n.Last
	}
	if n.Level.Rank() > b.Level.Rank() {
		b.Level, material = n.Level, true
	}
	material = addAll(&b.Tactics, n.Tactics, MaxRules) || material
	material = addAll(&b.Observables, n.Observables, MaxObservables) || material
	material = addAll(&b.Assets, n.Assets, MaxAssets) || material
	addAll(&b.Rules, n.Rules, MaxRules)
	addAll(&b.Techniques, n.Techniques, MaxRules)
	addAll(&b.CVEs, n.CVEs, MaxObservables)
	addAll(&b.Evidence, n.Evidence, MaxEvidence)
	return material
}

func addAll[T comparable](list *[]T, values []T, most int) (added bool) {
	for _, v := range values {
		added = add(list, v, most) || added
	}
	return added
}

func add[T comparable](list *[]T, v T, most int) bool {
	if slices.Contains(*list, v) {
		return false
	}
	if len(*list) >= most {
		return false
	}
	*list = append(*list, v)
	return true
}
