package activities

import (
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Steps of exposure and remediation.
var (
	// FindVulnerabilities asks the inventory (Wazuh's states index) for the open vulnerabilities of assets, and which
	// ports of theirs can be reached from outside.
	FindVulnerabilities = Step[ExposureRequest, Exposure]{"FindVulnerabilities"}
	// Scan scans one asset and waits for the report. It heartbeats. The scan's name is made from the incident, the
	// purpose and the action, so a retry finds and follows the scan that an earlier attempt began, and never starts a second.
	Scan = Step[ScanRequest, ScanReport]{"Scan"}
	// CheckPlaybook runs a remediation's playbook in check mode against one host: what it would change.
	CheckPlaybook = Step[PlaybookRequest, PlaybookReport]{"CheckPlaybook"}
	// RunPlaybook runs it for real against one host. It is tried once: an attempt that was cut off can't be told from
	// one that ran on, so it is shown as interrupted and never repeated beside itself.
	RunPlaybook = Step[PlaybookRequest, PlaybookReport]{"RunPlaybook"}
)

// ExposureRequest asks what is exposed on assets.
type ExposureRequest struct {
	Incident string       `json:"incident"`
	Assets   []soar.Asset `json:"assets"`
	CVEs     []string     `json:"cves,omitempty"` // of rules and events; empty asks for all
}

// Vulnerability is a CVE on an asset.
type Vulnerability struct {
	CVE      string     `json:"cve"`
	Asset    soar.Asset `json:"asset"`
	Package  string     `json:"package,omitempty"`
	Version  string     `json:"version,omitempty"`
	Severity string     `json:"severity"` // Critical, High, Medium, Low
	Score    float64    `json:"score"`    // CVSS base, 0-10
	Source   string     `json:"source"`   // wazuh, gvm
	Port     string     `json:"port,omitempty"`
}

// Exposure is what was found; Note says what could not be looked at, or that there was nothing to look at.
type Exposure struct {
	Vulnerabilities []Vulnerability `json:"vulnerabilities,omitempty"`
	Exposed         []string        `json:"exposed,omitempty"` // names of assets that can be reached from outside
	Scans           []ScanReport    `json:"scans,omitempty"`
	Note            string          `json:"note,omitempty"`
}

// ScanRequest asks for one scan.
type ScanRequest struct {
	Incident string        `json:"incident"`
	Purpose  string        `json:"purpose"`             // exposure, proof
	ActionID string        `json:"action_id,omitempty"` // whose effect a proof is about: each gets a scan of its own
	Asset    soar.Asset    `json:"asset"`               // Address is scanned: exactly one
	Timeout  time.Duration `json:"timeout"`
}

// String is the request's line on the analysts' screen.
func (r ScanRequest) String() string { return r.Purpose + " " + r.Asset.Name + " " + r.Asset.Address }

// ScanReport is how a scan ended. Done is false for a scan that was stopped or interrupted: nothing is proved then.
type ScanReport struct {
	Purpose         string          `json:"purpose"`
	Asset           soar.Asset      `json:"asset"`
	TaskID          string          `json:"task_id"`
	ReportID        string          `json:"report_id"`
	Status          string          `json:"status"`
	Done            bool            `json:"done"`
	Alive           bool            `json:"alive"`                     // the host answered; a dead host has no findings and proves nothing
	Vulnerabilities []Vulnerability `json:"vulnerabilities,omitempty"` // at most 200, the worst first
	Truncated       bool            `json:"truncated,omitempty"`
}

// PlaybookRequest asks to run a playbook against exactly one host.
type PlaybookRequest struct {
	Incident string      `json:"incident"`
	ActionID string      `json:"action_id"`
	Playbook string      `json:"playbook"` // name in the system's config
	Host     string      `json:"host"`     // name in the inventory
	CVEs     []string    `json:"cves,omitempty"`
	Attempt  int         `json:"attempt,omitempty"` // 2 and up only after an attempt that was interrupted and is over
	Grant    soar.Grant  `json:"grant"`             // needed to run, not to check
	Action   soar.Action `json:"action"`
}

// String is the request's line on the analysts' screen.
func (r PlaybookRequest) String() string { return r.Playbook + " on " + r.Host }

// PlaybookReport is how a run ended, judged by its stats, never by its exit code alone.
type PlaybookReport struct {
	Host        string   `json:"host"`
	Check       bool     `json:"check"`
	OK          int      `json:"ok"`
	Changed     int      `json:"changed"`
	Failed      int      `json:"failed"`
	Unreachable int      `json:"unreachable"`
	Completed   bool     `json:"completed"` // the host appears in the stats, nothing failed, and it was reached
	Interrupted bool     `json:"interrupted,omitempty"`
	Refused     bool     `json:"refused,omitempty"` // by the envelope: nothing was run
	Tasks       []string `json:"tasks,omitempty"`   // what changed, or failed; at most 20 lines
	Reason      string   `json:"reason,omitempty"`
}
