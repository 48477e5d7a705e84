// Package plan loads plans: YAML files that say what to do for a kind of incident. A plan proposes; the policy decides
// how far each proposal may go. Conditions are expr over the typed environments of env.go: an unknown name, kind or
// system, a missing expiry, a key that nobody reads is an error when the file is loaded, with its line.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// Plan is one file.
type Plan struct {
	ID        string `yaml:"id"`
	Title     string `yaml:"title"`
	Order     int    `yaml:"order"` // plans are tried by order, then id; the first whose condition holds is taken
	When      string `yaml:"when"`  // over Env
	Contain   []Step `yaml:"contain"`
	Remediate []Step `yaml:"remediate"`

	Version string `yaml:"-"` // hash of the file
	when    *vm.Program
}

// Step proposes one kind of action: one action per address, address and agent, or asset for which When holds.
type Step struct {
	Kind     string        `yaml:"kind"`   // soar.BlockAddress, soar.Patch
	System   string        `yaml:"system"` // who does it
	When     string        `yaml:"when"`   // over AddressEnv, or for patch AssetEnv
	Mode     soar.Mode     `yaml:"mode"`   // at most: the policy may ask for less
	For      time.Duration `yaml:"for"`    // how long; every containment ends
	Playbook string        `yaml:"playbook"`
	Reason   string        `yaml:"reason"`

	line int
	when *vm.Program
}

// UnmarshalYAML keeps the line at which the step begins.
func (s *Step) UnmarshalYAML(node ast.Node) error {
	type plain Step
	s.line = lineOf(node)
	return yaml.NodeToValue(node, (*plain)(s), yaml.Strict())
}

func lineOf(node ast.Node) int {
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken().Position.Line
	}
	if pair, ok := node.(*ast.MappingValueNode); ok {
		return pair.Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}

// systems are the systems that can carry out a kind of action.
var systems = map[string][]string{
	soar.BlockAddress: {"pfsense", "wazuh"},
	soar.Patch:        {"ansible"},
}

// modes are the modes that a step may propose.
var modes = []soar.Mode{soar.Suggest, soar.Ask, soar.Hold, soar.Auto}

// Load reads the plans of all sources (plans/*.yaml and *.yml); a later source's plan replaces an earlier one's of the same id.
// It reports all faults at once, each with file and line, and returns plans in the order in which they are tried.
func Load(sources ...fs.FS) ([]Plan, error) {
	byID := map[string]Plan{}
	var faults []error
	for _, files := range sources {
		names, err := fs.Glob(files, "plans/*.y*ml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			p, err := Parse(name, text)
			faults = append(faults, err)
			byID[p.ID] = p
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	plans := make([]Plan, 0, len(byID))
	for _, p := range byID {
		plans = append(plans, p)
	}
	slices.SortFunc(plans, func(a, b Plan) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return plans, nil
}

// Parse reads one plan; name stands in its faults.
func Parse(name string, text []byte) (Plan, error) {
	var p Plan
	if wrong := document.Decode(text, &p); wrong != nil {
		return p, wrong.In(name)
	}
	sum := sha256.Sum256(text)
	p.Version = hex.EncodeToString(sum[:6])
	faults := []error{p.compile(name)}
	for i := range p.Contain {
		faults = append(faults, p.Contain[i].compile(name, soar.BlockAddress))
	}
	for i := range p.Remediate {
		faults = append(faults, p.Remediate[i].compile(name, soar.Patch))
	}
	return p, errors.Join(faults...)
}

func (p *Plan) compile(name string) (err error) {
	switch {
	case strings.TrimSpace(p.ID) == "" || strings.TrimSpace(p.Title) == "":
		return fmt.Errorf("%s:1: a plan needs an id and a title", name)
	case len(p.Contain)+len(p.Remediate) == 0:
		return fmt.Errorf("%s:1: a plan without a step: add contain or remediate", name)
	case p.When == "":
		return fmt.Errorf("%s:1: a plan needs a condition: write `when: true` for one that always holds", name)
	}
	if p.when, err = expr.Compile(p.When, expr.Env(Env{}), expr.AsBool()); err != nil {
		return fmt.Errorf("%s:1: when: %w", name, firstLine(err))
	}
	return nil
}

func (s *Step) compile(name, section string) (err error) {
	if err = s.check(section); err == nil {
		env := expr.Env(AddressEnv{})
		if s.Kind == soar.Patch {
			env = expr.Env(AssetEnv{})
		}
		if s.when, err = expr.Compile(s.When, env, expr.AsBool()); err != nil {
			err = fmt.Errorf("when: %w", firstLine(err))
		}
	}
	if err != nil {
		return fmt.Errorf("%s:%d: %w", name, s.line, err)
	}
	return nil
}

func (s *Step) check(section string) error {
	known, ok := systems[s.Kind]
	switch {
	case !ok:
		return fmt.Errorf("unknown kind %q: known are %s", s.Kind, strings.Join(slices.Sorted(maps.Keys(systems)), ", "))
	case s.Kind != section:
		return fmt.Errorf("kind %q does not belong into this part of a plan", s.Kind)
	case !slices.Contains(known, s.System):
		return fmt.Errorf("system %q can't %s: known are %s", s.System, s.Kind, strings.Join(known, ", "))
	case !slices.Contains(modes, s.Mode):
		return fmt.Errorf("unknown mode %q: known are suggest, ask, hold, auto", s.Mode)
	case s.When == "":
		return errors.New("a step needs a condition: write `when: true` for one that always holds")
	case strings.TrimSpace(s.Reason) == "":
		return errors.New("a step needs a reason: people read it before they approve")
	case s.Kind == soar.Patch && (s.Playbook == "" || s.Mode == soar.Auto || s.Mode == soar.Hold):
		return errors.New("a patch needs a playbook, and mode ask or suggest: nothing takes it back")
	case s.Kind != soar.Patch && (s.For < 5*time.Second || s.Playbook != ""):
		return errors.New("a containment needs `for`, at least 5s (it always ends), and no playbook")
	}
	return nil
}

// Holds reports whether the plan is for this incident.
func (p *Plan) Holds(env Env) (bool, error) { return run(p.when, env, "plan "+p.ID) }

// WantsAddress reports whether the step wants an action on this address.
func (s *Step) WantsAddress(env AddressEnv) (bool, error) { return run(s.when, env, s.Kind) }

// WantsAsset reports whether the step wants an action on this asset.
func (s *Step) WantsAsset(env AssetEnv) (bool, error) { return run(s.when, env, s.Kind) }

func run(program *vm.Program, env any, what string) (bool, error) {
	if program == nil {
		return false, fmt.Errorf("%s: was never loaded", what)
	}
	holds, err := expr.Run(program, env)
	if err != nil {
		return false, fmt.Errorf("%s: when: %w", what, firstLine(err))
	}
	return holds.(bool), nil // expr.AsBool holds it to that
}

// firstLine drops expr's drawing of where the fault is.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
