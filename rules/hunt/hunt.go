// Package hunt loads hunts: YAML files that say what an intruder might have done (the hypothesis), where it would show
// (a bounded query over a stream), and what proves it. The workflow Hunt runs them on a schedule.
package hunt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Methods of analysis.
const (
	Rare     = "rare"      // combinations of the fields seen at most max_count times in the window
	NewTerms = "new_terms" // combinations seen in the window and not in the baseline before it
)

// Hunt is one file.
type Hunt struct {
	ID         string         `yaml:"id"`
	Title      string         `yaml:"title"`
	Hypothesis string         `yaml:"hypothesis"`
	Technique  string         `yaml:"technique"` // ATT&CK: T1059.001
	Tactic     string         `yaml:"tactic"`
	Level      string         `yaml:"level"` // of the detections that a proved hunt makes
	Opens      bool           `yaml:"opens"` // what it proves opens an incident; else it only joins one
	Stream     string         `yaml:"stream"`
	Schedule   string         `yaml:"schedule"` // five cron fields, UTC
	Lookback   time.Duration  `yaml:"lookback"`
	Baseline   time.Duration  `yaml:"baseline"` // for new_terms: how far before the window counts as known
	Query      map[string]any `yaml:"query"`    // query DSL: one clause; the window is added to it
	TimeField  string         `yaml:"time_field"`
	Analysis   Analysis       `yaml:"analysis"`
	MinDocs    int64          `yaml:"min_documents"` // fewer in the window (or the baseline) prove nothing
	Timeout    time.Duration  `yaml:"timeout"`
	Expected   string         `yaml:"expected_false_positives"`

	Version string `yaml:"-"` // hash of the file
	Body    string `yaml:"-"`
}

// Analysis says what proves the hypothesis.
type Analysis struct {
	Method   string   `yaml:"method"`
	By       []string `yaml:"by"`     // fields that make a combination; all must be in the documents
	Entity   Entity   `yaml:"entity"` // whom a proof is about
	MaxCount int64    `yaml:"max_count"`
}

// Entity names the field that holds whom a proof is about, and its family.
type Entity struct {
	Family string `yaml:"family"`
	Field  string `yaml:"field"`
}

// maxTimeout and maxLookback bound what a hunt may ask of a cluster.
const (
	maxTimeout  = 10 * time.Minute
	maxLookback = 90 * 24 * time.Hour
)

var cronField = regexp.MustCompile(`^[0-9*,/\-]+$`)

// Load reads every hunt of files; a later source's hunt replaces an earlier one's of the same id. All faults are told
// at once, each with its file.
func Load(sources ...fs.FS) ([]Hunt, error) {
	byID := map[string]Hunt{}
	var faults []error
	for _, files := range sources {
		names, err := fs.Glob(files, "hunts/*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			h, err := read(files, name)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			byID[h.ID] = h
		}
	}
	hunts := make([]Hunt, 0, len(byID))
	for _, h := range byID {
		hunts = append(hunts, h)
	}
	slices.SortFunc(hunts, func(a, b Hunt) int { return strings.Compare(a.ID, b.ID) })
	return hunts, errors.Join(faults...)
}

func read(files fs.FS, name string) (Hunt, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return Hunt{}, err
	}
	h, err := Parse(string(text))
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// Parse reads one hunt from its file's text.
func Parse(text string) (h Hunt, err error) {
	h = Hunt{TimeField: "@timestamp", Timeout: time.Minute, Level: "medium"}
	if err := yaml.UnmarshalWithOptions([]byte(text), &h, yaml.Strict()); err != nil {
		return h, err
	}
	sum := sha256.Sum256([]byte(text))
	h.Body, h.Version = text, hex.EncodeToString(sum[:6])
	return h, h.validate()
}

func (h Hunt) validate() error {
	var faults []error
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	fault(h.ID == "" || h.Title == "" || h.Hypothesis == "", "id, title and hypothesis are needed")
	fault(h.Stream == "", "stream: name the stream that is searched")
	fault(len(h.Query) != 1, "query: want exactly one clause of the query DSL")
	fault(h.Lookback <= 0 || h.Lookback > maxLookback, "lookback: want more than 0 and at most 90 days (2160h)")
	fault(h.Timeout <= 0 || h.Timeout > maxTimeout, "timeout: want at most 10m")
	fault(!isCron(h.Schedule), "schedule: want five cron fields, as \"0 5 * * *\"")
	fault(!slices.Contains([]string{"informational", "low", "medium", "high", "critical"}, h.Level), "level: want one of Sigma's five")
	fault(len(h.Analysis.By) == 0 || len(h.Analysis.By) > 5, "analysis.by: want one to five fields")
	fault(h.Analysis.Entity.Family == "" || h.Analysis.Entity.Field == "", "analysis.entity: want family and field")
	fault(h.Analysis.Method != Rare && h.Analysis.Method != NewTerms, "analysis.method: want rare or new_terms")
	fault(h.Analysis.Method == Rare && h.Analysis.MaxCount < 1, "analysis.max_count: want at least 1")
	fault(h.Analysis.Method == NewTerms && (h.Baseline <= 0 || h.Baseline > maxLookback), "baseline: want more than 0 and at most 90 days (2160h)")
	return errors.Join(faults...)
}

func isCron(text string) bool {
	fields := strings.Fields(text)
	return len(fields) == 5 && !slices.ContainsFunc(fields, func(f string) bool { return !cronField.MatchString(f) })
}

// Fields are the document fields that the hunt needs.
func (h Hunt) Fields() []string {
	fields := slices.Clone(h.Analysis.By)
	if !slices.Contains(fields, h.Analysis.Entity.Field) {
		fields = append(fields, h.Analysis.Entity.Field)
	}
	return fields
}
