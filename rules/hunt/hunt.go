// Package hunt loads hunts: YAML files that say what an intruder might have done (the hypothesis), where it would show
// (a bounded query over a stream), and what proves it. The workflow Hunt runs them on a schedule.
package hunt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Methods of analysis.
const (
	Rare     = "rare"      // combinations of the fields seen at most max_count times in the window
	NewTerms = "new_terms" // combinations seen in the window and not in the baseline before it
)

// Hunt is one file.
type Hunt struct {
	ID         string         `yaml:"id" json:"id"`
	Title      string         `yaml:"title" json:"title"`
	Hypothesis string         `yaml:"hypothesis" json:"hypothesis"`
	Technique  string         `yaml:"technique" json:"technique,omitempty"` // ATT&CK: T1059.001
	Tactic     string         `yaml:"tactic" json:"tactic,omitempty"`
	Level      string         `yaml:"level" json:"level"` // of the detections that a proved hunt makes
	Opens      bool           `yaml:"opens" json:"opens"` // what it proves opens an incident; else it only joins one
	Stream     string         `yaml:"stream" json:"stream"`
	Schedule   string         `yaml:"schedule" json:"schedule"` // five cron fields, UTC
	Lookback   time.Duration  `yaml:"lookback" json:"lookback"`
	Baseline   time.Duration  `yaml:"baseline" json:"baseline,omitempty"` // for new_terms: for how long what was seen counts as known
	Query      map[string]any `yaml:"query" json:"query"`                 // query DSL: one clause; the window is added to it
	TimeField  string         `yaml:"time_field" json:"time_field"`
	Analysis   Analysis       `yaml:"analysis" json:"analysis"`
	MinDocs    int64          `yaml:"min_documents" json:"min_documents"` // fewer in the window (or the baseline) prove nothing
	Timeout    time.Duration  `yaml:"timeout" json:"timeout"`
	Expected   string         `yaml:"expected_false_positives" json:"expected_false_positives,omitempty"`

	Version string `yaml:"-" json:"version"` // hash of the file
	File    string `yaml:"-" json:"file"`    // where it was read
	Body    string `yaml:"-" json:"-"`
}

// Analysis says what proves the hypothesis.
type Analysis struct {
	Method      string       `yaml:"method" json:"method"`
	By          []string     `yaml:"by" json:"by"`         // fields that make a combination; all must be in the documents
	Entity      Entity       `yaml:"entity" json:"entity"` // whom a proof is about
	MaxCount    int64        `yaml:"max_count" json:"max_count,omitempty"`
	Observables []Observable `yaml:"observables" json:"observables,omitempty"` // what the sources are asked about; of the fields above
}

// Entity names the field that holds whom a proof is about, and its family.
type Entity struct {
	Family string `yaml:"family" json:"family"`
	Field  string `yaml:"field" json:"field"`
}

// Observable names a field whose value is an observable of that type.
type Observable struct {
	Type  string `yaml:"type" json:"type"`
	Field string `yaml:"field" json:"field"`
}

// Load reads the hunts of all sources (hunts/*.yaml and *.yml); a later source's hunt replaces an earlier one's of the same id. It
// returns those that can be used, by id, and all faults of the others at once, each with file, line and mend.
func Load(sources ...fs.FS) ([]Hunt, error) {
	byID := map[string]Hunt{}
	var faults []error
	for _, files := range sources {
		names, err := fs.Glob(files, "hunts/*.y*ml")
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
	return Parse(name, string(text))
}

// Parse reads one hunt from its file's text; name stands in its faults.
func Parse(name, text string) (Hunt, error) {
	h := Hunt{TimeField: "@timestamp", Timeout: time.Minute, Level: "medium", File: name, Body: text}
	if wrong := document.Decode([]byte(text), &h); wrong != nil {
		return h, wrong.In(name)
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256([]byte(text))
	h.Version = hex.EncodeToString(sum[:6])
	return h, h.check(name, file)
}

// Fields are the document fields that make a combination: those of by, then the entity's if it is none of these.
func (h Hunt) Fields() []string {
	fields := slices.Clone(h.Analysis.By)
	if !slices.Contains(fields, h.Analysis.Entity.Field) {
		fields = append(fields, h.Analysis.Entity.Field)
	}
	return fields
}

// Shape is a hash of what decides which combinations the hunt sees: a baseline holds for one shape.
func (h Hunt) Shape() string {
	text, err := json.Marshal([]any{h.Stream, h.Query, h.TimeField, h.Analysis.By})
	if err != nil {
		return h.Version // a query that is no JSON is refused by check
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// lineOf is the line on which a node's key or value begins.
func lineOf(node ast.Node) int {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return 1
	}
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken().Position.Line
	}
	if pair, ok := node.(*ast.MappingValueNode); ok {
		return pair.Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}
